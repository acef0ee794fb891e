package trees

import (
	"maps"
	"strconv"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/family"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// bins is the number of bins that the values of an input are put into.
const bins = 256

// parameters are those of XGBoost. Each that matters is set, because its default may change between versions.
func parameters(l *xgboost.Library, r *family.Request) map[string]string {
	spec := r.Spec
	mean := r.Mean
	if mean == nil {
		m := family.Mean(r.Train.Labels, r.Train.Weights)
		mean = &m
	}
	p := spec.Model.Parameters
	all := map[string]string{
		"booster": "gbtree", "tree_method": "hist", "grow_policy": "depthwise", "max_bin": strconv.Itoa(bins),
		"max_depth":        strconv.Itoa(p.MaxDepth),
		"eta":              number(p.LearningRate),
		"min_child_weight": number(*p.MinChildWeight),
		"subsample":        number(p.Subsample),
		"colsample_bytree": number(p.ColumnSample),
		"lambda":           number(*p.L2),
		"alpha":            "0",
		"gamma":            number(p.MinSplitLoss),
		"seed":             strconv.FormatInt(spec.Model.Seed, 10),
		// The draws of a round follow from the seed and its number, so that a resumed training makes the same ones.
		"seed_per_iteration": "true",
		"nthread":            strconv.Itoa(Threads(len(r.Train.Values))), "verbosity": "0",
		"disable_default_eval_metric": "1",
	}
	switch spec.Task {
	case pipeline.Binary:
		all["objective"], all["base_score"] = "binary:logistic", "0.5"
	case pipeline.Multiclass:
		all["objective"], all["base_score"] = "multi:softprob", "0.5"
		all["num_class"] = strconv.Itoa(len(spec.Classes()))
	case pipeline.Regression:
		all["objective"], all["base_score"] = "reg:squarederror", number(float64(float32(*mean)))
	}
	if spec.Model.Device == "cuda" {
		maps.Copy(all, l.CUDA())
	}
	return all
}

// Threads is how many threads a fit of so many values has. It depends on the size of the data and on nothing else: sums
// over rows are made by thread, so that another number of threads could round them otherwise, and a run could not be
// repeated bit for bit on another machine.
func Threads(values int) int {
	const small = 1 << 20 // below, starting threads costs more than they save
	if values < small {
		return 1
	}
	return 4
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
