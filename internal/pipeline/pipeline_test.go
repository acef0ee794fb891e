package pipeline_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
)

const good = `
name: tumour
task: binary
source:
  data: data.csv
  key: id
  columns:
    - {name: id, type: integer}
    - {name: size, type: float, min: 0, optional: true}
    - {name: diagnosis, type: category, values: [benign, malignant]}
label: diagnosis
gate: {metric: accuracy, threshold: 0.9}
`

func TestDefaults(t *testing.T) {
	t.Parallel()
	s, err := pipeline.Parse("p.yaml", []byte(good))
	require.NoError(t, err)
	assert.Equal(t, "csv", s.Source.Format)
	assert.InDelta(t, 0.15, s.Split.Validation, 0)
	assert.InDelta(t, 0.2, s.Split.Test, 0)
	assert.Equal(t, 200, s.Model.Parameters.Rounds)
	assert.Equal(t, 20, *s.Model.Parameters.EarlyStopping)
	assert.True(t, *s.Gate.MustBeatCurrent)
	assert.Equal(t, pipeline.Never, s.Schedules.Train)
	assert.Equal(t, "0 2 * * *", s.Schedules.Batch)
	assert.Equal(t, []string{"benign", "malignant"}, s.Classes())
	assert.True(t, s.Gate.HigherIsBetter())
	assert.False(t, pipeline.Gate{Metric: "rmse"}.HigherIsBetter())
}

func TestMarshalRoundTrip(t *testing.T) {
	t.Parallel()
	s, err := pipeline.Parse("p.yaml", []byte(good))
	require.NoError(t, err)
	data, err := s.Marshal()
	require.NoError(t, err)
	back, err := pipeline.Parse("copy.yaml", data)
	require.NoError(t, err)
	assert.Equal(t, s, back)
	assert.Equal(t, s.Hash(), back.Hash())
}

func TestHashFollowsWhatTrainingSees(t *testing.T) {
	t.Parallel()
	hash := func(text string) string {
		s, err := pipeline.Parse("p.yaml", []byte(text))
		require.NoError(t, err)
		return s.Hash()
	}
	same := hash(good)
	assert.Equal(t, same, hash(good+"schedules: {batch: never}\ndrift: {psi: 0.3}\n"))
	assert.Equal(t, same, hash(strings.Replace(good, "threshold: 0.9", "threshold: 0.8", 1)))
	assert.NotEqual(t, same, hash(good+"model: {seed: 2}\n"))
	assert.NotEqual(t, same, hash(good+"split: {seed: 2}\n"))
	assert.NotEqual(t, same, hash(good+"features: SELECT * FROM curated\n"))
	assert.NotEqual(t, same, hash(strings.Replace(good, "min: 0", "min: 1", 1)))
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	change := func(old, now string) string { return strings.Replace(good, old, now, 1) }
	for text, want := range map[string]string{
		good + "colour: {}":                                 "p.yaml:13: colour: unknown key; allowed here: drift, features",
		change("name: tumour", "name: Tumour!"):             `name: found "Tumour!"`,
		change("task: binary", "task: guess"):               `task: found "guess", want one of binary, multiclass`,
		change("task: binary", "task: multiclass"):          "three or more values",
		change("task: binary", "task: regression"):          "a regression needs a float or an integer",
		change("key: id", "key: nobody"):                    `source.key: found "nobody"`,
		change("type: float", "type: real"):                 `source.columns[1].type: found "real", want one of float`,
		change("values: [benign, malignant]", "values: []"): "a category needs at least two values",
		change("name: size", "name: id"):                    `the column "id" stands here twice`,
		change("label: diagnosis", "label: size"):           "label",
		change("label: diagnosis", "label: id"):             "the label is also the key",
		change("metric: accuracy", "metric: rmse"):          `gate.metric: found "rmse", want one of accuracy, auc, f1`,
		change("min: 0", "min: 9, max: 1"):                  "min is above max",
		change("data: data.csv", "data: /abs.csv"):          "source.data",
		good + "split: {test: 0.9, validation: 0.2}":        "leave no rows for training",
		good + "split: {test: 2}":                           "split.test: found 2",
		good + "model: {family: forest}":                    `model.family: found "forest", want one of trees, linear, mlp`,
		good + "model: {parameters: {learningRate: 2}}":     "model.parameters.learningRate: found 2, want above 0 up to 1",
		good + "model: {parameters: {maxDepth: 40}}":        "maxDepth: found 40",
		good + "model: {parameters: {rounds: -1}}":          "rounds: found -1",
		good + "schedules: {batch: hourly}":                 `schedules.batch: found "hourly", want a cron expression`,
		good + "drift: {psi: -1}":                           "drift.psi: found -1",
		good + "drift: {missing: 2}":                        "drift.missing: found 2",
		good + "drift: {minRows: -2}":                       "drift.minRows: found -2",
		good + "features: q.sql":                            `features: found the file name "q.sql"`,
		change("optional: true", "optional: perhaps"):       `source.columns[1].optional: found "perhaps", want true`,
	} {
		_, err := pipeline.Parse("p.yaml", []byte(text))
		assert.ErrorContains(t, err, want, text)
	}
}

func TestLoadReadsSQLBesideTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "pipeline.yaml")
	require.NoError(t, os.WriteFile(path, []byte(good+"features: q.sql\n"), 0o600))
	_, err := pipeline.Load(path)
	require.ErrorContains(t, err, "q.sql")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "q.sql"), []byte("SELECT 1"), 0o600))
	s, err := pipeline.Load(path)
	require.NoError(t, err)
	assert.Equal(t, "SELECT 1", s.Features)
	_, err = pipeline.Load(filepath.Join(dir, "none.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestCheckData(t *testing.T) {
	t.Parallel()
	s, err := pipeline.Parse("p.yaml", []byte(good))
	require.NoError(t, err)
	for content, want := range map[string]string{
		"id,size,diagnosis\n1,2,benign\n":                "",
		"\ufeffid, size,diagnosis,extra\r\n1,2,benign,x": "",
		"id,size,diagnosis":                              "",
		"":                                               "is empty",
		"id,size\n1,2\n":                                 `the column "diagnosis" of source.columns is missing`,
		"\xff\xfe\x00i\n":                                "is no text",
		"id,\"size\n":                                    "line 1",
	} {
		path := filepath.Join(t.TempDir(), "data.csv")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		sum, err := pipeline.CheckData(s, path)
		if want == "" {
			require.NoError(t, err, content)
			assert.Len(t, sum, 64)
			continue
		}
		require.ErrorContains(t, err, want, content)
	}
	_, err = pipeline.CheckData(s, "/does/not/exist.csv")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestParseTimestamp(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"2026-11-22", "2026-11-22T12:00:00Z", "2026-11-22 12:00:00"} {
		_, err := pipeline.ParseTimestamp(text)
		require.NoError(t, err, text)
	}
	_, err := pipeline.ParseTimestamp("yesterday")
	require.ErrorContains(t, err, "yesterday")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("name: a\nsource: {columns: [{name: x, type: float, min: .nan}]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := pipeline.Parse("p.yaml", data)
		if err != nil {
			return
		}
		again, err := s.Marshal()
		require.NoError(t, err)
		_, err = pipeline.Parse("copy.yaml", again)
		require.NoError(t, err, "a good file must stay good when it is written in full")
	})
}
