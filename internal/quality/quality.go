// Package quality measures how good predictions are: on test rows after training, and on live rows whose labels came
// later.
package quality

import (
	"cmp"
	"math"
	"slices"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Measure computes the metrics of a task. predictions are the probabilities of each class, or one number for each
// row. A metric that these rows do not define, such as the AUC of a single class, is left out.
func Measure(task pipeline.Task, predictions, labels []float32) map[string]float64 {
	if len(labels) == 0 {
		return map[string]float64{}
	}
	all := map[string]float64{}
	if task == pipeline.Regression {
		residuals(all, predictions, labels)
	} else {
		classes := len(predictions) / len(labels)
		confusion := Confusion(task, classes, predictions, labels)
		right := 0
		for i := range confusion {
			right += confusion[i][i]
		}
		all["accuracy"] = float64(right) / float64(len(labels))
		all["logloss"] = logLoss(classes, predictions, labels)
		if task == pipeline.Binary {
			all["f1"] = f1(confusion, 1)
			all["auc"] = auc(predictions, labels)
		} else {
			all["f1"] = macroF1(confusion)
		}
	}
	for name, value := range all {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			delete(all, name)
		}
	}
	return all
}

// residuals adds rmse, mae and r2.
func residuals(all map[string]float64, predictions, labels []float32) {
	n := float64(len(labels))
	mean, squares, absolute, spread := 0.0, 0.0, 0.0, 0.0
	for _, y := range labels {
		mean += float64(y) / n
	}
	for i, y := range labels {
		d := float64(predictions[i]) - float64(y)
		squares += d * d
		absolute += math.Abs(d)
		spread += (float64(y) - mean) * (float64(y) - mean)
	}
	all["rmse"], all["mae"], all["r2"] = math.Sqrt(squares/n), absolute/n, 1-squares/spread
}

// Confusion counts rows by true class (outer) and predicted class (inner); nil for a regression.
func Confusion(task pipeline.Task, classes int, predictions, labels []float32) [][]int {
	if task == pipeline.Regression {
		return nil
	}
	counts := make([][]int, classes)
	for i := range counts {
		counts[i] = make([]int, classes)
	}
	for i, label := range labels {
		counts[int(label)][best(predictions[i*classes:(i+1)*classes])]++
	}
	return counts
}

// Calibration compares probabilities with what was the case, in ten bins of equally many rows; nil for a regression.
func Calibration(task pipeline.Task, classes int, predictions, labels []float32) []registry.CalibrationBin {
	const bins = 10
	if task == pipeline.Regression || len(labels) < bins {
		return nil
	}
	type pair struct {
		probability float32
		so          bool
	}
	pairs := make([]pair, len(labels))
	for i, label := range labels {
		row := predictions[i*classes : (i+1)*classes]
		class := classes - 1
		if task == pipeline.Multiclass {
			class = best(row)
		}
		pairs[i] = pair{row[class], int(label) == class}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.probability, b.probability) })
	out := make([]registry.CalibrationBin, bins)
	for i, p := range pairs {
		b := &out[i*bins/len(pairs)]
		b.Rows++
		b.Predicted += float64(p.probability)
		if p.so {
			b.Observed++
		}
	}
	for i := range out {
		out[i].Predicted /= float64(out[i].Rows)
		out[i].Observed /= float64(out[i].Rows)
	}
	return out
}

// best is the class with the highest probability, the first of equals.
func best(probabilities []float32) int {
	at := 0
	for i, p := range probabilities {
		if p > probabilities[at] {
			at = i
		}
	}
	return at
}

// f1 is the harmonic mean of precision and recall of one class; 0 where it was neither there nor predicted.
func f1(confusion [][]int, class int) float64 {
	hit, others := confusion[class][class], 0
	for i := range confusion {
		if i != class {
			others += confusion[class][i] + confusion[i][class]
		}
	}
	if hit == 0 {
		return 0
	}
	return 2 * float64(hit) / float64(2*hit+others)
}

// macroF1 is the mean F1 over the classes that the rows hold.
func macroF1(confusion [][]int) float64 {
	sum, n := 0.0, 0
	for class, row := range confusion {
		present := 0
		for _, count := range row {
			present += count
		}
		if present > 0 {
			sum += f1(confusion, class)
			n++
		}
	}
	return sum / float64(n)
}

func logLoss(classes int, predictions, labels []float32) float64 {
	const least = 1e-7 // the distance of a 32-bit probability from 1
	sum := 0.0
	for i, label := range labels {
		sum -= math.Log(math.Max(least, float64(predictions[i*classes+int(label)])))
	}
	return sum / float64(len(labels))
}

// auc is the probability that a row of class 1 has a higher score than one of class 0; equal scores count half. NaN
// where a class is missing.
func auc(predictions, labels []float32) float64 {
	order := make([]int, len(labels))
	for i := range order {
		order[i] = i
	}
	score := func(i int) float32 { return predictions[2*i+1] }
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score(a), score(b)) })
	ranks, positives := 0.0, 0.0
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && score(order[to]) == score(order[from]) {
			to++
		}
		rank := float64(from+to+1) / 2 // the mean rank of equal scores, counted from 1
		for _, i := range order[from:to] {
			if labels[i] == 1 {
				ranks += rank
				positives++
			}
		}
		from = to
	}
	negatives := float64(len(labels)) - positives
	return (ranks - positives*(positives+1)/2) / (positives * negatives)
}
