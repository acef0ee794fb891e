package xgboost_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/xgboost"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

// kinds are the ways to keep rows.
func kinds(l *xgboost.Library) map[string]func(xgboost.Rows) (*xgboost.Matrix, error) {
	return map[string]func(xgboost.Rows) (*xgboost.Matrix, error){
		"memory": func(r xgboost.Rows) (*xgboost.Matrix, error) { return l.NewMatrix(r) },
		"bins":   func(r xgboost.Rows) (*xgboost.Matrix, error) { return l.NewBins(r, 256, 2) },
		"pages":  func(r xgboost.Rows) (*xgboost.Matrix, error) { return l.NewPages(r, 2) },
	}
}

// measured trains on rows that are kept in some way, and measures the log loss of the model on other rows.
func measured(t *testing.T, l *xgboost.Library, train *xgboost.Matrix) (loss float64, model []byte) {
	t.Helper()
	p := problems["binary"]
	b, err := l.NewBooster(parameters(p, map[string]string{"max_bin": "256"}), train)
	require.NoError(t, err)
	defer b.Close()
	for i := range 10 {
		require.NoError(t, b.Update(i, train))
	}
	values, labels := rows(2, 2000, p.label)
	fresh, err := l.NewMatrix(xgboost.Rows{Columns: columns, Values: values, Labels: labels})
	require.NoError(t, err)
	defer fresh.Close()
	out, err := b.Predict(fresh, xgboost.Probabilities, 0)
	require.NoError(t, err)
	for i, y := range labels {
		q := float64(out[i])
		if y == 0 {
			q = 1 - q
		}
		loss -= math.Log(q) / float64(len(labels))
	}
	model, err = b.JSON()
	require.NoError(t, err)
	return loss, model
}

func TestRowsInBinsAndInPagesTrainAsWellAsThoseInMemory(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	l := xgboosttest.Open(t)
	l.SetBlock(300 * columns * 4) // 10 blocks
	values, labels := rows(1, 3000, class)
	weights := make([]float32, len(labels))
	for i := range weights {
		weights[i] = float32(1 + i%3)
	}
	losses := map[string]float64{}
	for name, keep := range kinds(l) {
		m, err := keep(xgboost.Rows{Columns: columns, Values: values, Labels: labels, Weights: weights})
		require.NoError(t, err, name)
		var again []byte
		losses[name], again = measured(t, l, m)
		if name == "pages" {
			files, err := filepath.Glob(filepath.Join(temp, "mlpathway-pages-*", "*"))
			require.NoError(t, err)
			assert.NotEmpty(t, files, "pages lie in files")
		}
		m.Close()
		m, err = keep(xgboost.Rows{Columns: columns, Values: values, Labels: labels, Weights: weights})
		require.NoError(t, err, name)
		_, model := measured(t, l, m)
		m.Close()
		assert.Equal(t, again, model, "%s: the same rows give the same model", name)

		unweighted, err := keep(xgboost.Rows{Columns: columns, Values: values, Labels: labels})
		require.NoError(t, err, name)
		_, other := measured(t, l, unweighted)
		unweighted.Close()
		assert.NotEqual(t, model, other, "%s: weights count", name)
	}
	assert.InDelta(t, losses["memory"], losses["bins"], 0.005)
	assert.InDelta(t, losses["memory"], losses["pages"], 0.005)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	assert.Empty(t, left, "the files are gone with the matrix")
}

func TestRowsThatAreNone(t *testing.T) {
	t.Parallel()
	l := xgboosttest.Open(t)
	for name, keep := range kinds(l) {
		for _, r := range []xgboost.Rows{{Columns: columns}, {Columns: 0, Labels: []float32{1}},
			{Columns: 2, Values: []float32{1, 2, 3}, Labels: []float32{1, 2}}} {
			_, err := keep(r)
			require.ErrorContains(t, err, "columns", name)
		}
		_, err := keep(xgboost.Rows{Columns: 1, Values: []float32{1, 2}, Labels: []float32{0, 1}, Weights: []float32{1}})
		require.ErrorContains(t, err, "1 weights for 2 rows", name)
	}
}
