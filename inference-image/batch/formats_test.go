package batch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/batch"
	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

func text(x float32) string {
	if x != x {
		return ""
	}
	return strconv.FormatFloat(float64(x), 'g', -1, 32)
}

// write writes rows with a key, a column that nobody needs and the inputs, as CSV or JSON Lines.
func write(t *testing.T, path string, e *onnx.Ensemble, in [][]float32) string {
	t.Helper()
	var b strings.Builder
	if strings.HasSuffix(path, ".csv") {
		b.WriteString("comment,x4,id,x0,x1,x2,x3\r\n")
	}
	for i, row := range in {
		if strings.HasSuffix(path, ".csv") {
			comment := "plain"
			if i%100 == 99 { // quotation marks take the slower way
				comment = `"a ""quoted"", comma` + "\n" + `and a line"`
			}
			fmt.Fprintf(&b, "%s,%s,id-%d,%s,%s,%s,%s\r\n", comment, text(row[4]), i, text(row[0]), text(row[1]),
				text(row[2]), text(row[3]))
			continue
		}
		fmt.Fprintf(&b, `{"id":"id-%d","nested":{"a":[1,"]"]}`, i)
		for j, name := range e.Inputs {
			if row[j] == row[j] {
				fmt.Fprintf(&b, `,%q:%s`, name, text(row[j]))
			} else if i%2 == 0 {
				fmt.Fprintf(&b, `,%q:null`, name)
			}
		}
		b.WriteString("}\n")
	}
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return lake.FileURI(path)
}

// Parquet, CSV and JSON Lines with the same rows give the same predictions, in one part or in many.
func TestFormats(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{})
	l.Serve("v1", e)
	in := onnxtest.Rows(3, e, 30_000, 0.02)
	inputs := map[string]string{
		"parquet": l.URI("features") + "/" + l.FeatureSet(e, in),
		"csv":     write(t, filepath.Join(l.Root, "rows.csv"), e, in),
		"jsonl":   write(t, filepath.Join(l.Root, "rows.jsonl"), e, in),
	}
	second := 0
	for format, uri := range inputs {
		for _, partRows := range []int{1, 9000, 1_000_000} {
			o := options(t, l)
			o.Input, o.PartRows, o.ChunkBytes = uri, partRows, 100_000
			second++
			at := o.Now().Add(time.Duration(second) * time.Second)
			o.Now = func() time.Time { return at }
			require.NoError(t, batch.Run(t.Context(), o), format)
			r := readReport(t, l, "batch/latest.json")
			require.EqualValues(t, len(in), r.RowsOut, format)
			require.Equal(t, partRows < 1_000_000, len(r.Parts) > 1, format)
			n, missing, want := 0, int64(0), make([]float32, 2)
			for _, part := range r.Parts {
				_, rows := readAll(t, l.Path("results", part))
				for _, row := range rows {
					require.Equal(t, fmt.Sprintf("id-%d", n), row["id"], format)
					e.Predict(in[n], want)
					require.InDelta(t, want[1], row["probability_yes"], 0, "%s row %d", format, n)
					for _, x := range in[n] {
						if x != x {
							missing++
							break
						}
					}
					n++
				}
			}
			require.Equal(t, len(in), n, format)
			require.Equal(t, missing, r.MissingRequired, format)
		}
	}
}

func TestInputsThatCannotBe(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	for name, c := range map[string]struct{ file, content, says string }{
		"unknown ending":    {"a.txt", "x", "want a name ending in .parquet, .csv"},
		"no header":         {"a.csv", "", "want the names of the columns"},
		"column missing":    {"b.csv", "id,x0\n1,2\n", `no column "x1"`},
		"key missing":       {"c.csv", "x0,x1\n1,2\n", `no column "id", which is the key`},
		"text for a number": {"d.csv", "id,x0,x1\n1,2,3\n2,3,x\n", `the feature "x1" is the text "x"`},
		"too few fields":    {"e.csv", "id,x0,x1\n1,2\n", "has 2 fields, the header 3"},
		"open quotation":    {"f.csv", "id,x0,x1\n1,\"2,3\n", "ends inside quotation marks"},
		"infinity":          {"g.csv", "id,x0,x1\n1,2,1e39\n", "is infinite"},
		"no object":         {"h.jsonl", "[1,2]\n", "want an object"},
		"text in JSON":      {"i.jsonl", `{"id":1,"x0":"1","x1":2}` + "\n", `the feature "x0" is a string`},
		"two objects":       {"j.jsonl", `{"x0":1,"x1":2}{"x0":1}` + "\n", "something follows"},
		"no Parquet":        {"k.parquet", "PAR1", "this is no Parquet file"},
		"gone":              {"l.csv", "-", "the input is gone"},
	} {
		o := options(t, l)
		path := filepath.Join(l.Root, c.file)
		o.Input = lake.FileURI(path)
		if c.content == "-" {
			require.ErrorIs(t, batch.Run(t.Context(), o), lake.ErrNotFound, name)
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(c.content), 0o600))
		require.ErrorContains(t, batch.Run(t.Context(), o), c.says, name)
	}
	assert.NoFileExists(t, l.Path("results", "batch/latest.json"))
}

const childVariable = "MLPATHWAY_TEST_BATCH"

// TestChild is a run in a process of its own, which TestKilledRuns kills. By itself it does nothing.
func TestChild(t *testing.T) {
	t.Parallel()
	values := strings.Split(os.Getenv(childVariable), "|")
	if len(values) != 4 {
		return
	}
	at := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	require.NoError(t, batch.Run(context.Background(), batch.Options{
		Models: values[0], Results: values[1],
		Input: values[2], Key: "id", PartRows: 1, ChunkBytes: 200_000, Workers: 2, Model: inferencetest.Model,
		Now: func() time.Time { return at }}))
}

// A run that is killed again and again ends with the very files of one that was not.
func TestKilledRuns(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e := onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 5, Trees: 300, Depth: 8})
	l.Serve("v1", e)
	in := onnxtest.Rows(3, e, 30_000, 0.02)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)) // points that differ from run to run
	for format, uri := range map[string]string{"parquet": l.URI("features") + "/" + l.FeatureSet(e, in),
		"csv": write(t, filepath.Join(l.Root, "rows.csv"), e, in)} {
		results := map[string]string{}
		for _, way := range []string{"whole", "killed"} {
			dir := filepath.Join(l.Root, format+"-"+way)
			require.NoError(t, os.Mkdir(dir, 0o700))
			results[way] = dir
			kills := 0
			for {
				cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
				cmd.Env = append(os.Environ(),
					fmt.Sprintf("%s=%s|%s|%s|x", childVariable, l.URI("models"), lake.FileURI(dir), uri))
				require.NoError(t, cmd.Start())
				if way == "killed" && kills < 6 {
					time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
					_ = cmd.Process.Kill()
					kills++
				}
				if cmd.Wait() == nil {
					break
				}
				require.Equal(t, "killed", way, "the run fails by itself")
			}
		}
		whole, killed := tree(t, results["whole"]), tree(t, results["killed"])
		require.Greater(t, len(whole), 5, format)
		require.Equal(t, whole, killed, format)
	}
}

// tree reads the parts under a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "batch/*/part-*.parquet"))
	require.NoError(t, err)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		files[strings.TrimPrefix(path, dir)] = string(data)
	}
	return files
}
