package family

import (
	"math"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/parallel"
)

// loss makes the mean of a sum.
func loss(task pipeline.Task, sum, total float64) float64 {
	if task == pipeline.Regression {
		return math.Sqrt(sum / total)
	}
	return sum / total
}

// lossRows are added up at a time, so that the sum is the same however many processors there are.
const lossRows = 16384

// sums adds up the losses of rows and their weights.
func sums(task pipeline.Task, margins, labels, weights []float32) (sum, total float64) {
	outputs := len(margins) / len(labels)
	parts := make([][2]float64, (len(labels)+lossRows-1)/lossRows)
	_ = parallel.Blocks(len(labels), lossRows, func(block, from, to int) error {
		if task == pipeline.Binary && weights == nil {
			parts[block] = [2]float64{binaryLoss(margins[from:to], labels[from:to]), float64(to - from)}
			return nil
		}
		for i := from; i < to; i++ {
			weight := 1.0
			if weights != nil {
				weight = float64(weights[i])
			}
			parts[block][0] += weight * rowLoss(task, margins[i*outputs:(i+1)*outputs], labels[i])
			parts[block][1] += weight
		}
		return nil
	})
	for _, p := range parts {
		sum, total = sum+p[0], total+p[1]
	}
	return sum, total
}

// binaryLoss is the sum of rowLoss for two classes. The logarithm of a product is the sum of the logarithms, and there
// is one to compute in place of many: each factor lies between 1 and 2, so that a few hundred of them stay numbers.
func binaryLoss(margins, labels []float32) (sum float64) {
	const factors = 512
	product := 1.0
	for i, margin := range margins {
		m := float64(margin)
		if labels[i] == 0 {
			m = -m
		}
		sum += max(-m, 0)
		product *= 1 + math.Exp(-math.Abs(m))
		if i%factors == factors-1 {
			sum, product = sum+math.Log(product), 1
		}
	}
	return sum + math.Log(product)
}

func rowLoss(task pipeline.Task, row []float32, label float32) float64 {
	switch task {
	case pipeline.Binary: // log(1 + exp(-m)) for class 1, written so that nothing overflows
		m := float64(row[0])
		if label == 0 {
			m = -m
		}
		return math.Max(-m, 0) + math.Log1p(math.Exp(-math.Abs(m)))
	case pipeline.Multiclass:
		return logSum(row) - float64(row[int(label)])
	default:
		d := float64(row[0] - label)
		return d * d
	}
}

// logSum is log(sum(exp(x))).
func logSum(xs []float32) float64 {
	largest := math.Inf(-1)
	for _, x := range xs {
		largest = math.Max(largest, float64(x))
	}
	sum := 0.0
	for _, x := range xs {
		sum += math.Exp(float64(x) - largest)
	}
	return largest + math.Log(sum)
}

// LossName is what a person calls the loss of a task.
func LossName(task pipeline.Task) string {
	if task == pipeline.Regression {
		return "rmse"
	}
	return "log loss"
}

// Mean of values, weighted where weights are given.
func Mean(values, weights []float32) float64 {
	sum, total := 0.0, 0.0
	for i, v := range values {
		weight := 1.0
		if weights != nil {
			weight = float64(weights[i])
		}
		sum, total = sum+weight*float64(v), total+weight
	}
	return sum / total
}

// Margins is how many sums a model computes before they become an answer.
func Margins(spec *pipeline.Spec) int {
	if spec.Task == pipeline.Multiclass {
		return len(spec.Classes())
	}
	return 1
}
