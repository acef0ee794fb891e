package xgboost_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

const columns = 5

// rows makes deterministic rows with missing values; the label depends on the first two columns.
func rows(seed uint64, n int, label func(a, b float64) float32) (values, labels []float32) {
	random := rand.New(rand.NewPCG(seed, 1))
	for range n {
		var a, b float64
		for c := range columns {
			x := random.NormFloat64()
			switch c {
			case 0:
				a = x
			case 1:
				b = x
			}
			if random.Float64() < 0.1 {
				x = math.NaN()
			}
			values = append(values, float32(x))
		}
		labels = append(labels, label(a, b))
	}
	return values, labels
}

func class(a, b float64) float32 {
	if a*b > 0.1 {
		return 1
	}
	return 0
}

func class3(a, b float64) float32 { return float32(int(math.Abs(a+b)*2) % 3) }

func number(a, b float64) float32 { return float32(100*a + 30*b*b) }

type problem struct {
	task       string
	objective  string
	classes    []string
	label      func(a, b float64) float32
	parameters map[string]string
}

var problems = map[string]problem{
	"binary": {onnx.Binary, "binary:logistic", []string{"no", "yes"}, class, map[string]string{"base_score": "0.5"}},
	"binary from a base rate": {onnx.Binary, "binary:logistic", []string{"no", "yes"}, class,
		map[string]string{"base_score": "0.3"}},
	"multiclass": {onnx.Multiclass, "multi:softprob", []string{"a", "b", "c"}, class3,
		map[string]string{"num_class": "3", "base_score": "0.5"}},
	"regression": {onnx.Regression, "reg:squarederror", nil, number, map[string]string{"base_score": "27.25"}},
}

func parameters(p problem, extra map[string]string) map[string]string {
	all := map[string]string{"objective": p.objective, "tree_method": "hist", "max_depth": "5", "eta": "0.3", "seed": "1",
		"nthread": "2", "verbosity": "0", "subsample": "0.8", "colsample_bytree": "0.8"}
	for _, more := range []map[string]string{p.parameters, extra} {
		for k, v := range more {
			all[k] = v
		}
	}
	return all
}

func train(t *testing.T, l *xgboost.Library, p problem, rounds int) (*xgboost.Booster, *xgboost.Matrix) {
	t.Helper()
	values, labels := rows(1, 600, p.label)
	m, err := l.NewMatrix(xgboost.Rows{Columns: columns, Values: values, Labels: labels})
	require.NoError(t, err)
	t.Cleanup(m.Close)
	b, err := l.NewBooster(parameters(p, nil), m)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	for i := range rounds {
		require.NoError(t, b.Update(i, m))
	}
	return b, m
}

func TestTheEnsembleGivesTheSameBitsAsTheLibrary(t *testing.T) {
	t.Parallel()
	l := xgboosttest.Open(t)
	for name, p := range problems {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rounds, kept = 25, 17
			b, _ := train(t, l, p, rounds)
			values, labels := rows(2, 500, p.label)
			fresh, err := l.NewMatrix(xgboost.Rows{Columns: columns, Values: values, Labels: labels})
			require.NoError(t, err)
			defer fresh.Close()
			data, err := b.JSON()
			require.NoError(t, err)
			for _, n := range []int{rounds, kept} {
				model, err := xgboost.ParseModel(data)
				require.NoError(t, err)
				model.Drop(nil, n, max(1, len(p.classes)*boolInt(p.task == onnx.Multiclass)))
				e, err := model.Ensemble(p.task, []string{"a", "b", "c", "d", "e"}, p.classes)
				require.NoError(t, err)
				want, err := b.Predict(fresh, xgboost.Probabilities, n)
				require.NoError(t, err)
				margins, err := b.Predict(fresh, xgboost.Margins, n)
				require.NoError(t, err)
				compare(t, e, values, want, margins)
			}
		})
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compare(t *testing.T, e *onnx.Ensemble, values, want, margins []float32) {
	t.Helper()
	outputs := e.Outputs()
	out := make([]float32, outputs)
	sums := *e // with the task of a regression the same trees give bare margins
	sums.Task, sums.Classes = onnx.Regression, nil
	for i := range len(values) / columns {
		row := values[i*columns : (i+1)*columns]
		e.Predict(row, out)
		switch e.Task {
		case onnx.Binary:
			require.InDelta(t, want[i], out[1], 1e-6)
			margin := make([]float32, 1)
			sums.Predict(row, margin)
			require.Equal(t, math.Float32bits(margins[i]), math.Float32bits(margin[0]), "margin of row %d", i)
		case onnx.Multiclass:
			for c := range outputs {
				require.InDelta(t, want[i*outputs+c], out[c], 1e-6)
			}
		default:
			require.Equal(t, math.Float32bits(want[i]), math.Float32bits(out[0]), "row %d", i)
		}
	}
}

func TestTrainingIsRepeatable(t *testing.T) {
	t.Parallel()
	l := xgboosttest.Open(t)
	var models [3][]byte
	var group sync.WaitGroup
	for i := range models { // at the same time, so that threads get in each other's way if they can
		group.Go(func() {
			b, _ := train(t, l, problems["multiclass"], 10)
			models[i], _ = b.JSON()
		})
	}
	group.Wait()
	require.NotEmpty(t, models[0])
	assert.True(t, bytes.Equal(models[0], models[1]))
	assert.True(t, bytes.Equal(models[0], models[2]))
}

func TestErrorsOfTheLibraryAreShown(t *testing.T) {
	t.Parallel()
	l := xgboosttest.Open(t)
	p := problems["binary"]
	values, _ := rows(1, 50, class)
	labels := make([]float32, 50)
	labels[7] = 5
	m, err := l.NewMatrix(xgboost.Rows{Columns: columns, Values: values, Labels: labels})
	require.NoError(t, err)
	defer m.Close()
	b, err := l.NewBooster(parameters(p, nil), m)
	require.NoError(t, err)
	defer b.Close()
	err = b.Update(0, m)
	require.ErrorContains(t, err, "label must be in [0,1]")
	assert.NotContains(t, err.Error(), "Stack trace")

	bad, err := l.NewBooster(parameters(p, map[string]string{"max_depth": "many"}), m)
	if err == nil {
		defer bad.Close()
		err = bad.Update(0, m)
	}
	require.ErrorContains(t, err, "max_depth")

	_, err = l.NewMatrix(xgboost.Rows{Columns: columns + 1, Values: values, Labels: labels})
	require.ErrorContains(t, err, "are not 50 rows of 6 columns")
	_, err = l.NewBooster(nil)
	require.Error(t, err)
}

func TestImportanceSharesOutTheGain(t *testing.T) {
	t.Parallel()
	b, _ := train(t, xgboosttest.Open(t), problems["regression"], 10)
	data, err := b.JSON()
	require.NoError(t, err)
	model, err := xgboost.ParseModel(data)
	require.NoError(t, err)
	importance := model.Importance([]string{"a", "b", "c", "d", "e"})
	total := 0.0
	for _, share := range importance {
		total += share
	}
	assert.InDelta(t, 1, total, 1e-9)
	assert.Greater(t, importance["a"], 0.5, "%v", importance)
	assert.Greater(t, importance["b"], importance["c"]+importance["d"], "%v", importance)
}

func TestAMissingLibraryIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "libxgboost.so.0")
	t.Setenv(xgboost.EnvLibrary, path)
	_, err := xgboost.Open()
	require.ErrorIs(t, err, xgboost.ErrNoLibrary)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, xgboost.EnvLibrary)

	require.NoError(t, os.WriteFile(path, []byte("no library"), 0o600))
	_, err = xgboost.Open()
	require.ErrorIs(t, err, xgboost.ErrNoLibrary)

	t.Setenv(xgboost.EnvLibrary, xgboosttestPath(t))
	l, err := xgboost.Open()
	require.NoError(t, err)
	assert.NotEmpty(t, l.Version())
}

func xgboosttestPath(t *testing.T) string {
	t.Helper()
	t.Setenv(xgboost.EnvLibrary, "")
	return xgboosttest.Path(t)
}

func TestBrokenModels(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":       {"{", "reading XGBoost's model"},
		"lists differ":  {model(`[1,-1]`, `[2,-1,-1]`, "0.5"), "differ in length"},
		"wild child":    {model(`[9,-1,-1]`, `[2,-1,-1]`, "0.5"), "node 9 is not there"},
		"loop":          {model(`[0,-1,-1]`, `[0,-1,-1]`, "0.5"), "not there"},
		"no base score": {model(`[1,-1,-1]`, `[2,-1,-1]`, "x"), "base score"},
		"two scores":    {model(`[1,-1,-1]`, `[2,-1,-1]`, "[1,2]"), "2 base scores for 1 outputs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := xgboost.ParseModel([]byte(c.text))
			if err == nil {
				_, err = m.Ensemble(onnx.Regression, []string{"a"}, nil)
			}
			require.ErrorContains(t, err, c.want)
		})
	}
	m, err := xgboost.ParseModel([]byte(model(`[1,-1,-1]`, `[2,-1,-1]`, "[2.5E-1]")))
	require.NoError(t, err)
	e, err := m.Ensemble(onnx.Binary, []string{"a"}, []string{"no", "yes"})
	require.NoError(t, err)
	assert.InDelta(t, math.Log(0.25/0.75), e.Base[0], 1e-6)
}

func model(left, right, base string) string {
	return `{"learner":{"learner_model_param":{"base_score":"` + base + `"},"gradient_booster":{"model":{"tree_info":[0],
	"trees":[{"left_children":` + left + `,"right_children":` + right + `,"split_indices":[0,0,0],
	"split_conditions":[1,2,3],"default_left":[1,0,0],"loss_changes":[1,0,0]}]}}}}`
}
