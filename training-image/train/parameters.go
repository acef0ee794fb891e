package train

import (
	"math"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// parameters are those of XGBoost. Each that matters is set, because its default may change between versions.
func parameters(spec *pipeline.Spec, rows *featureset.Table) map[string]string {
	p := spec.Model.Parameters
	all := map[string]string{
		"booster": "gbtree", "tree_method": "hist", "grow_policy": "depthwise", "max_bin": "256",
		"max_depth":        strconv.Itoa(p.MaxDepth),
		"eta":              number(p.LearningRate),
		"min_child_weight": number(*p.MinChildWeight),
		"subsample":        number(p.Subsample),
		"colsample_bytree": number(p.ColumnSample),
		"lambda":           number(*p.L2),
		"alpha":            "0", "gamma": "0",
		"seed":    strconv.FormatInt(spec.Model.Seed, 10),
		"nthread": strconv.Itoa(threads(len(rows.Values))), "verbosity": "0",
		"disable_default_eval_metric": "1",
	}
	switch spec.Task {
	case pipeline.Binary:
		all["objective"], all["base_score"] = "binary:logistic", "0.5"
	case pipeline.Multiclass:
		all["objective"], all["base_score"] = "multi:softprob", "0.5"
		all["num_class"] = strconv.Itoa(len(spec.Classes()))
	case pipeline.Regression:
		all["objective"], all["base_score"] = "reg:squarederror", number(float64(float32(mean(rows.Labels))))
	}
	return all
}

// threads depends on the size of the data and on nothing else: sums over rows are made by thread, so that another
// number of threads could round them otherwise, and a run could not be repeated bit for bit on another machine.
func threads(values int) int {
	const small = 1 << 20 // below, starting threads costs more than they save
	if values < small {
		return 1
	}
	return 4
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func mean(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}

// Loss is what early stopping watches: the mean log loss of a classifier, the root mean square error of a regression.
func Loss(task pipeline.Task, margins, labels []float32) float64 {
	outputs := len(margins) / len(labels)
	sum := 0.0
	for i, label := range labels {
		row := margins[i*outputs : (i+1)*outputs]
		switch task {
		case pipeline.Binary: // log(1 + exp(-m)) for class 1, written so that nothing overflows
			m := float64(row[0])
			if label == 0 {
				m = -m
			}
			sum += math.Max(-m, 0) + math.Log1p(math.Exp(-math.Abs(m)))
		case pipeline.Multiclass:
			sum += logSum(row) - float64(row[int(label)])
		case pipeline.Regression:
			d := float64(row[0] - label)
			sum += d * d
		}
	}
	if task == pipeline.Regression {
		return math.Sqrt(sum / float64(len(labels)))
	}
	return sum / float64(len(labels))
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

func lossName(task pipeline.Task) string {
	if task == pipeline.Regression {
		return "rmse"
	}
	return "log loss"
}

// libraries are the versions of what computes a model.
func libraries(l *xgboost.Library) map[string]string {
	versions := map[string]string{"xgboost": l.Version(), "go": runtime.Version()}
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return versions
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/duckdb/duckdb-go/v2" {
			versions["duckdb-go"] = m.Version
		}
	}
	return versions
}
