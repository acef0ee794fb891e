package command_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

const small = `
name: small
task: binary
source:
  key: id
  columns:
    - {name: id, type: integer}
    - {name: size, type: float, optional: true}
    - {name: empty, type: float, optional: true}
    - {name: kind, type: category, values: [apple, pear]}
label: kind
model: {family: linear}
gate: {metric: accuracy, threshold: 0}
`

// smallRows makes rows whose fields a test may change.
func smallRows(n int, change func(i int, row []string)) string {
	var b strings.Builder
	b.WriteString("id,size,empty,kind\n")
	for i := range n {
		row := []string{fmt.Sprint(i), fmt.Sprint(i % 17), "1", []string{"apple", "pear"}[i%2]}
		change(i, row)
		b.WriteString(strings.Join(row, ",") + "\n")
	}
	return b.String()
}

// What cannot be learned from fails with the place and the remedy, the run is recorded, the steps that follow refuse,
// and nothing is registered.
func TestBadInput(t *testing.T) {
	t.Parallel()
	as := func(i int, value string) func(int, []string) {
		return func(_ int, row []string) { row[i] = value }
	}
	for name, c := range map[string]struct {
		rows string
		step string // that fails
		want []string
	}{
		"empty file":    {"", "etl", []string{"a.csv: the file is empty", "give it a header line and rows, or remove it"}},
		"header only":   {"id,size,empty,kind\n", "etl", []string{"a header and no rows"}},
		"label missing": {"id,size,empty\n1,2,3\n", "etl", []string{`a.csv:1: the header lacks "kind"`, "name the columns"}},
		"no label at all": {smallRows(60, as(3, "")), "etl",
			[]string{"60 of 60 rows are bad", `column "kind": missing value in a column that is not optional`,
				"quarantine.csv"}},
		"one class": {smallRows(60, as(3, "pear")), "features",
			[]string{`all 60 rows have the label ["pear"]`, "bring rows of the other classes"}},
		"all-missing column": {smallRows(60, as(2, "")), "features",
			[]string{`the input "empty" has no value in any of the 60 rows`, "leave it out of features in pipeline.yaml"}},
		"another type from a row on": {smallRows(9000, func(i int, row []string) {
			if i >= 7500 {
				row[1] = "n/a!"
			}
		}), "etl", []string{`a.csv:7502: from here on column "size" is not a number`,
			"change source.columns of pipeline.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := steptest.New(t, small)
			l.Drop("a.csv", c.rows, 0)
			failed := false
			for _, name := range steps {
				code, _, stderr := call(t, variables(l, "r1"), name)
				if failed {
					assert.Equal(t, 1, code, "%s after the failure", name)
					assert.Contains(t, stderr, "has failed")
					continue
				}
				if name != c.step {
					require.Zero(t, code, stderr)
					continue
				}
				failed = true
				require.Equal(t, 1, code)
				run := l.Run("r1")
				assert.Equal(t, registry.Failed, run.Status)
				for _, want := range c.want {
					assert.Contains(t, run.Error, want)
				}
			}
			assert.Empty(t, l.Files("models"), "nothing is registered")
		})
	}
}

// Where the disk for temporary files is full the run fails and says so: the program runs in a mount namespace of its
// own, in which TMPDIR is a disk of 64 KiB.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, small)
	l.Drop("a.csv", smallRows(20_000, func(i int, row []string) {
		if i%3 == 0 {
			row[3] = "neither apple nor pear"
		}
	}), 0)
	disk := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	mount := "mount -t tmpfs -o size=64k tmpfs " + disk
	if err := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", mount).Run(); err != nil {
		t.Skip("mounting a small disk needs root")
	}
	c := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", mount+" && exec "+self+" etl")
	c.Env = append(os.Environ(), asProgram+"=1", "TMPDIR="+disk)
	for name, value := range variables(l, "r1") {
		c.Env = append(c.Env, name+"="+value)
	}
	out, err := c.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "the disk is full: free some of it, or let TMPDIR name a directory with more room")
	run := l.Run("r1")
	assert.Equal(t, registry.Failed, run.Status)
	assert.Contains(t, run.Error, "the disk is full")
	assert.Empty(t, l.Files("curated"))
}
