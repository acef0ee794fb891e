package featureset_test

import (
	"encoding/json"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/featureset"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
)

const (
	rows = 120_001 // three groups of the file
	key  = "features.parquet"
)

func spec(tb testing.TB) *pipeline.Spec {
	tb.Helper()
	s, err := pipeline.Parse("pipeline.yaml", []byte(`
name: m
task: binary
weight: w
source:
  key: id
  columns:
    - {name: id, type: integer}
    - {name: a, type: float, optional: true}
    - {name: c, type: category, values: [p, q, r]}
    - {name: w, type: float}
    - {name: y, type: category, values: ["no", "yes"]}
label: y
model: {classWeights: {"yes": 3}}
tuning: {folds: 5, space: {maxDepth: {min: 1, max: 4}}}
gate: {metric: accuracy, threshold: 0}
`))
	require.NoError(tb, err)
	return s
}

// write makes a feature set in a zone. Where sorted is set the parts lie one after the other, as after a split by time.
func write(t *testing.T, rows int, sorted bool) *lake.Zone {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, key))
	require.NoError(t, err)
	w, err := parquetfile.NewWriter(f, []parquetfile.Column{{Name: "id", Kind: parquetfile.Integer},
		{Name: "a", Kind: parquetfile.Double, Optional: true}, {Name: "y", Kind: parquetfile.Text},
		{Name: "c", Kind: parquetfile.Double, Optional: true}, {Name: "w", Kind: parquetfile.Double},
		{Name: registry.SplitColumn, Kind: parquetfile.Text},
		{Name: registry.FoldColumn, Kind: parquetfile.Double, Optional: true}})
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{registry.TrainPart, registry.ValidationPart, registry.TestPart}
	for i := range rows {
		part := parts[[]int{0, 0, 0, 1, 2}[random.IntN(5)]]
		if sorted {
			part = parts[i*3/rows]
		}
		var a any
		if i%7 > 0 {
			a = float64(i)
		}
		var fold any
		if part != registry.TestPart {
			fold = float64(foldOf(i))
		}
		require.NoError(t, w.Write(cell.Row(int64(i), a, []string{"no", "yes"}[i%2], float64(i%3), float64(1+i%4), part,
			fold)))
	}
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
	zone, err := lake.Open(t.Context(), lake.FileURI(dir))
	require.NoError(t, err)
	t.Cleanup(func() { _ = zone.Close() })
	return zone
}

// foldOf is the fold of a row: they have unequal sizes.
func foldOf(row int) int { return []int{0, 1, 1, 2, 2, 2, 3, 4, 4, 4, 4}[row%11] }

// check looks at each row of a table: the values say which row it is.
func check(t *testing.T, tab *featureset.Table) {
	t.Helper()
	require.Equal(t, []string{"a", "c"}, tab.Inputs)
	require.Len(t, tab.Values, 2*tab.Rows())
	require.Len(t, tab.Weights, tab.Rows())
	before := -1.0
	for i := range tab.Rows() {
		a, c := float64(tab.Row(i)[0]), tab.Row(i)[1]
		if math.IsNaN(a) {
			continue
		}
		n := int(a)
		require.Greater(t, a, before, "in the order of the file")
		before = a
		require.InDelta(t, n%3, c, 0)
		require.InDelta(t, n%2, tab.Labels[i], 0)
		require.InDelta(t, []int{1, 3}[n%2]*(1+n%4), tab.Weights[i], 0, "of the row times that of its class")
	}
}

func TestSharesTogetherAreTheWhole(t *testing.T) {
	t.Parallel()
	s := spec(t)
	for _, sorted := range []bool{false, true} {
		zone := write(t, rows, sorted)
		whole, err := featureset.Read(t.Context(), zone, key, s, featureset.Selection{})
		require.NoError(t, err)
		total := 0
		for _, tab := range whole {
			check(t, tab)
			assert.Equal(t, tab.All, tab.Rows())
			total += tab.Rows()
		}
		assert.Equal(t, rows, total)
		for _, scratch := range []bool{false, true} {
			const world = 3
			at := map[string]int{}
			for rank := range world {
				part, err := featureset.Read(t.Context(), zone, key, s, featureset.Selection{Rank: rank, World: world,
					Scratch: scratch, Parts: []string{registry.TrainPart, registry.ValidationPart}})
				require.NoError(t, err)
				assert.Equal(t, whole[registry.TestPart].All, part[registry.TestPart].All)
				assert.Zero(t, part[registry.TestPart].Rows(), "test rows are not looked at")
				for _, name := range []string{registry.TrainPart, registry.ValidationPart} {
					tab, all := part[name], whole[name]
					check(t, tab)
					assert.InDelta(t, all.Rows()/world, tab.Rows(), 1, "equal shares")
					assert.Equal(t, at[name], tab.First)
					assert.Equal(t, all.Rows(), tab.All)
					assert.Equal(t, bits(all.Values[2*tab.First:2*(tab.First+tab.Rows())]), bits(tab.Values))
					assert.Equal(t, all.Labels[tab.First:tab.First+tab.Rows()], tab.Labels)
					at[name] += tab.Rows()
				}
				part.Close()
			}
			assert.Equal(t, whole[registry.TrainPart].Rows(), at[registry.TrainPart])
		}
	}
}

// bits make NaN comparable.
func bits(values []float32) []uint32 {
	out := make([]uint32, len(values))
	for i, x := range values {
		out[i] = math.Float32bits(x)
	}
	return out
}

// Rows in a file are no part of the process's own memory; the file has no name any more and goes with the set.
func TestScratchIsAFileWithoutAName(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("rows stay in memory where there is no Linux")
	}
	temp := t.TempDir()
	zone := write(t, 1000, false)
	t.Setenv("TMPDIR", temp)
	mapped := func() bool {
		data, err := os.ReadFile("/proc/self/maps")
		require.NoError(t, err)
		return strings.Contains(string(data), filepath.Join(temp, "mlpathway-rows-"))
	}
	for _, scratch := range []bool{false, true} {
		set, err := featureset.Read(t.Context(), zone, key, spec(t), featureset.Selection{Scratch: scratch})
		require.NoError(t, err)
		assert.Equal(t, scratch, mapped())
		left, err := os.ReadDir(temp)
		require.NoError(t, err)
		assert.Empty(t, left)
		set.Close()
		assert.False(t, mapped())
	}
	set, err := featureset.Read(t.Context(), zone, key, spec(t), featureset.Selection{Scratch: true, Folds: true})
	require.NoError(t, err)
	folds, err := set.Folds(5)
	require.NoError(t, err)
	set.Close()
	assert.True(t, mapped())
	for _, fold := range folds {
		fold.Close()
	}
	assert.False(t, mapped())
	t.Setenv("TMPDIR", filepath.Join(temp, "none"))
	_, err = featureset.Read(t.Context(), zone, key, spec(t), featureset.Selection{Scratch: true})
	require.ErrorContains(t, err, "making room for the rows")
}

// In each set one fold is held back, and all others are learned from: each row once.
func TestFolds(t *testing.T) {
	t.Parallel()
	s := spec(t)
	zone := write(t, rows, false)
	for _, scratch := range []bool{false, true} {
		whole, err := featureset.Read(t.Context(), zone, key, s, featureset.Selection{Folds: true, Scratch: scratch})
		require.NoError(t, err)
		want := map[float32]float32{} // the weights of rows by their numbers
		for _, part := range []string{registry.TrainPart, registry.ValidationPart} {
			for i := range whole[part].Rows() {
				if a := whole[part].Row(i)[0]; a == a {
					want[a] = whole[part].Weights[i]
				}
			}
		}
		all := whole[registry.TrainPart].Rows() + whole[registry.ValidationPart].Rows()
		sets, err := whole.Folds(5)
		require.NoError(t, err)
		whole.Close() // they are copies
		require.Len(t, sets, 5)
		for fold, set := range sets {
			train, held := set[registry.TrainPart], set[registry.ValidationPart]
			assert.Equal(t, all, train.Rows()+held.Rows())
			got := map[float32]float32{}
			for part, tab := range set {
				assert.Equal(t, tab.Rows(), tab.All)
				for i := range tab.Rows() {
					a := tab.Row(i)[0]
					if a != a {
						continue
					}
					require.Equal(t, part == registry.ValidationPart, foldOf(int(a)) == fold, "row %v", a)
					require.InDelta(t, int(a)%3, tab.Row(i)[1], 0)
					require.InDelta(t, int(a)%2, tab.Labels[i], 0)
					got[a] = tab.Weights[i]
				}
			}
			assert.True(t, maps.Equal(want, got), "fold %d has each row once, with its weight", fold)
		}
		for _, set := range sets {
			set.Close()
		}
	}
	set, err := featureset.Read(t.Context(), zone, key, s, featureset.Selection{Folds: true})
	require.NoError(t, err)
	_, err = set.Folds(7)
	require.ErrorContains(t, err, "the fold 5 of 7 has no rows: lower tuning.folds")
	other := spec(t)
	other.Source.Key = registry.FoldColumn // which stands for a file without it
	_, err = featureset.Read(t.Context(), zone, key, other, featureset.Selection{Folds: true})
	require.ErrorContains(t, err, "lacks the column _fold: start a new run")
	fewer := spec(t)
	fewer.Tuning.Folds = 4
	_, err = featureset.Read(t.Context(), zone, key, fewer, featureset.Selection{Folds: true})
	require.ErrorContains(t, err, "unknown fold 4")
}

func TestFactsOfSharesAreThoseOfAllRows(t *testing.T) {
	t.Parallel()
	s := spec(t)
	zone := write(t, rows, true)
	whole, err := featureset.Read(t.Context(), zone, key, s, featureset.Selection{})
	require.NoError(t, err)
	want := whole.Facts(s)
	assert.Equal(t, []bool{true, false}, want.Missing)
	assert.Equal(t, []bool{true, false}, want.Odd, "a is no category")
	assert.InDelta(t, 9.0/11, want.Mean(), 0.01, "rows of the second class weigh 3 times 2 or 4, the others 1 or 3")
	var all [][]byte
	for rank := range 4 {
		share, err := featureset.Read(t.Context(), zone, key, s, featureset.Selection{Rank: rank, World: 4})
		require.NoError(t, err)
		all = append(all, marshal(t, share.Facts(s)))
	}
	merged, err := featureset.MergeFacts(all)
	require.NoError(t, err)
	assert.JSONEq(t, string(marshal(t, want)), string(merged))
	merged, err = featureset.MergeFacts([][]byte{
		marshal(t, &featureset.Facts{Classes: []int{1, 2}, Missing: []bool{false, false}, Odd: []bool{false, true}}),
		marshal(t, &featureset.Facts{Classes: []int{3, 4}, Missing: []bool{true, false}, Odd: []bool{false, false}})})
	require.NoError(t, err)
	assert.JSONEq(t, `{"classes":[4,6],"labels":0,"weights":0,"missing":[true,false],"odd":[false,true]}`, string(merged),
		"one rank is enough")
	_, err = featureset.MergeFacts([][]byte{[]byte("x")})
	require.Error(t, err)

	whole[registry.ValidationPart].Values[1] = 7 // no index of p, q, r
	assert.True(t, whole.Facts(s).Odd[1])
}

func TestAShareOfNothing(t *testing.T) {
	t.Parallel()
	_, err := featureset.Read(t.Context(), write(t, rows, false), key, spec(t), featureset.Selection{World: rows})
	require.ErrorContains(t, err, "use fewer ranks")
}

func TestAFileThatIsNone(t *testing.T) {
	t.Parallel()
	zone := write(t, rows, false)
	require.NoError(t, zone.Write(t.Context(), "none", []byte("this is no Parquet file at all")))
	_, err := featureset.Read(t.Context(), zone, "none", spec(t), featureset.Selection{})
	require.ErrorContains(t, err, "no Parquet file")
	_, err = featureset.Read(t.Context(), zone, "gone", spec(t), featureset.Selection{})
	require.ErrorIs(t, err, lake.ErrNotFound)
	other := spec(t)
	other.Label = "z"
	_, err = featureset.Read(t.Context(), zone, key, other, featureset.Selection{})
	require.ErrorContains(t, err, "lacks label")
	short := spec(t)
	short.Source.Columns[4].Values = []string{"no", "maybe"}
	_, err = featureset.Read(t.Context(), zone, key, short, featureset.Selection{})
	require.ErrorContains(t, err, `unknown label "yes"`)
}

// counting counts the bytes that are read.
type counting struct {
	io.ReaderAt
	bytes int64
}

func (c *counting) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, at)
	c.bytes += int64(n)
	return n, err
}

func TestARankReadsItsShareAlone(t *testing.T) {
	t.Parallel()
	zone := write(t, 300_000, false) // six groups
	object, err := zone.NewRandomReader(t.Context(), key)
	require.NoError(t, err)
	defer func() { _ = object.Close() }()
	read := func(s featureset.Selection) int64 {
		c := &counting{ReaderAt: object}
		_, err := featureset.ReadFrom(c, object.Size, spec(t), s)
		require.NoError(t, err)
		return c.bytes
	}
	whole := read(featureset.Selection{})
	for rank := range 6 {
		assert.Less(t, 2*read(featureset.Selection{Rank: rank, World: 6}), whole, "rank %d of 6", rank)
	}
}

func marshal(t *testing.T, f *featureset.Facts) []byte {
	t.Helper()
	data, err := json.Marshal(f)
	require.NoError(t, err)
	return data
}
