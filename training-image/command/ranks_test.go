package command_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/steptest"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
	"github.com/mlpathway/mlpathway/training-image/xgboost/xgboosttest"
)

const rowsPipeline = `
name: rows
task: binary
source: {key: id, columns: [{name: id, type: integer}, {name: a, type: float}, {name: b, type: float},
  {name: c, type: float, optional: true}, {name: y, type: category, values: ["no", "yes"]}]}
label: y
model: {parameters: {rounds: 150, earlyStopping: 0, maxDepth: 5, learningRate: 0.05, subsample: 0.8, columnSample: 0.7}}
gate: {metric: auc, threshold: 0.6}
`

// generated is a lake with so many rows that etl and features have made ready for training.
func generated(t *testing.T, rows int, run string) *steptest.Lake {
	t.Helper()
	return generatedFor(t, rowsPipeline, rows, run)
}

// generatedFor is generated for another pipeline.yaml.
func generatedFor(t *testing.T, text string, rows int, run string) *steptest.Lake {
	t.Helper()
	l := steptest.New(t, text)
	random := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	b.WriteString("id,a,b,c,y\n")
	for i := range rows {
		a, bb, c := random.NormFloat64(), random.NormFloat64(), random.NormFloat64()
		y := "no"
		if a+bb*c+random.NormFloat64() > 0 {
			y = "yes"
		}
		fmt.Fprintf(&b, "%d,%.5f,%.5f,%.5f,%s\n", i, a, bb, c, y)
	}
	l.Drop("rows.csv", b.String(), 0)
	for _, name := range steps[:2] {
		code, _, stderr := call(t, variables(l, run), name)
		require.Zero(t, code, stderr)
	}
	return l
}

// program is a process of its own.
type program struct {
	*exec.Cmd
	out bytes.Buffer
}

// start starts the program with more variables.
func start(t *testing.T, environment map[string]string, arg ...string) *program {
	t.Helper()
	p := &program{Cmd: exec.CommandContext(t.Context(), os.Args[0], arg...)}
	p.Env = append(os.Environ(), asProgram+"=1", xgboost.EnvLibrary+"="+xgboosttest.Path(t), "TMPDIR="+t.TempDir())
	for name, value := range environment {
		p.Env = append(p.Env, name+"="+value)
	}
	p.Stdout, p.Stderr = &p.out, &p.out
	require.NoError(t, p.Start())
	return p
}

// end waits for the end and gives the exit code.
func (p *program) end() int {
	_ = p.Wait()
	return p.ProcessState.ExitCode()
}

// team starts train as two ranks.
func team(t *testing.T, l *steptest.Lake, run string, more ...string) []*program {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	var all []*program
	for rank := range 2 {
		environment := variables(l, run)
		for _, pair := range append([]string{"WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + port,
			fmt.Sprintf("RANK=%d", rank), "MLPATHWAY_CHECKPOINT_ROUNDS=5", "MLPATHWAY_RANK_SILENCE=60s"}, more...) {
			name, value, _ := strings.Cut(pair, "=")
			environment[name] = value
		}
		all = append(all, start(t, environment, "train"))
	}
	return all
}

// ended waits for both ranks and gives their exit codes.
func ended(ranks []*program) []int {
	codes := make([]int, len(ranks))
	var wait sync.WaitGroup
	for i, r := range ranks {
		wait.Go(func() { codes[i] = r.end() })
	}
	wait.Wait()
	return codes
}

// model gives the sum of the candidate of a run, and takes the candidate away.
func model(t *testing.T, l *steptest.Lake, run string) string {
	t.Helper()
	dir := filepath.Join(l.Dir, "models", "rows", "candidates", run)
	data, err := os.ReadFile(filepath.Join(dir, registry.ModelFile))
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(dir, "checkpoint"), "the checkpoint of a training that has ended is gone")
	require.NoError(t, os.RemoveAll(dir))
	return registry.Sum(data)
}

// profile is that of the candidate of a run.
func profile(t *testing.T, l *steptest.Lake, run string) *registry.Profile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(l.Dir, "models", "rows", "candidates", run, registry.ProfileFile))
	require.NoError(t, err)
	p := &registry.Profile{}
	require.NoError(t, json.Unmarshal(data, p))
	return p
}

// checkpoint is the file of a run's checkpoint.
func checkpointOf(l *steptest.Lake, run string) string {
	return filepath.Join(l.Dir, "models", "rows", "candidates", run, "checkpoint")
}

// awaitCheckpoint waits until a training has saved one, or has ended.
func awaitCheckpoint(t *testing.T, l *steptest.Lake, run string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := os.Stat(checkpointOf(l, run))
		_, done := os.Stat(filepath.Join(filepath.Dir(checkpointOf(l, run)), registry.ModelFile))
		return err == nil || done == nil
	}, time.Minute, time.Millisecond)
}

func TestTwoRanksTrainOneModelAndSurviveTheLossOfOne(t *testing.T) {
	t.Parallel()
	l := generated(t, 6000, "r1")
	ranks := team(t, l, "r1")
	require.Equal(t, []int{0, 0}, ended(ranks), "%s\n%s", &ranks[0].out, &ranks[1].out)
	together := profile(t, l, "r1")
	want := model(t, l, "r1")
	ranks = team(t, l, "r1")
	require.Equal(t, []int{0, 0}, ended(ranks))
	require.Equal(t, want, model(t, l, "r1"), "the same again")

	one := start(t, variables(l, "r1"), "train")
	require.Zero(t, one.end(), &one.out)
	alone := profile(t, l, "r1")
	assert.Equal(t, alone.Rows, together.Rows)
	for i, d := range together.Features { // each rank has looked at its own rows, and no row was looked at twice
		assert.Equal(t, alone.Features[i].Edges, d.Edges)
		assert.Equal(t, alone.Features[i].Counts, d.Counts)
		assert.Equal(t, alone.Features[i].Missing, d.Missing)
	}
	assert.NotEqual(t, want, model(t, l, "r1"), "one rank adds up in another order")

	resumed := 0
	for i, victim := range []int{1, 0, 1} {
		ranks := team(t, l, "r1")
		awaitCheckpoint(t, l, "r1")
		time.Sleep(time.Duration(i*7) * time.Millisecond)
		require.NoError(t, ranks[victim].Process.Kill())
		codes := ended(ranks)
		if codes[1-victim] != 0 {
			require.Equal(t, 75, codes[1-victim], &ranks[1-victim].out)
			assert.Contains(t, ranks[1-victim].out.String(), fmt.Sprintf("a rank is lost: rank %d at 127.0.0.1", victim))
			resumed++
		}
		require.Equal(t, registry.Running, l.Run("r1").Status, "the run stays open")
		ranks = team(t, l, "r1")
		require.Equal(t, []int{0, 0}, ended(ranks), "%s\n%s", &ranks[0].out, &ranks[1].out)
		require.Equal(t, want, model(t, l, "r1"), "the same model after a loss")
	}
	assert.Positive(t, resumed, "at least one rank was killed before the end")
}

func TestTwoRanksTrainFromFiles(t *testing.T) {
	t.Parallel()
	text := strings.Replace(rowsPipeline, "model: {", "model: {externalMemory: true, ", 1)
	l := generatedFor(t, strings.Replace(text, "rounds: 150", "rounds: 20", 1), 3000, "r1")
	temp := t.TempDir()
	ranks := team(t, l, "r1", "TMPDIR="+temp)
	require.Equal(t, []int{0, 0}, ended(ranks), "%s\n%s", &ranks[0].out, &ranks[1].out)
	first := model(t, l, "r1")
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	assert.Empty(t, left, "the files go with the training")
	ranks = team(t, l, "r1")
	require.Equal(t, []int{0, 0}, ended(ranks))
	require.Equal(t, first, model(t, l, "r1"), "the same again")

	few := generatedFor(t, rowsPipeline, 30, "r1")
	ranks = team(t, few, "r1")
	require.Equal(t, []int{0, 0}, ended(ranks), "%s\n%s", &ranks[0].out, &ranks[1].out)
}

// The margins of a regression begin at the mean of all rows, and not of a rank's own.
func TestTwoRanksTrainARegression(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("task: binary", "task: regression", "label: y", "label: b", "rounds: 150", "rounds: 10",
		"{metric: auc, threshold: 0.6}", "{metric: rmse, threshold: 10}").Replace(rowsPipeline)
	l := generatedFor(t, text, 3000, "r1")
	ranks := team(t, l, "r1")
	require.Equal(t, []int{0, 0}, ended(ranks), "%s\n%s", &ranks[0].out, &ranks[1].out)
}

func TestASilentRankEndsTheOthers(t *testing.T) {
	t.Parallel()
	l := generated(t, 6000, "r1")
	ranks := team(t, l, "r1", "MLPATHWAY_RANK_SILENCE=5s")
	awaitCheckpoint(t, l, "r1")
	require.NoError(t, ranks[1].Process.Signal(syscall.SIGSTOP))
	code := ranks[0].end()
	require.NoError(t, ranks[1].Process.Kill())
	ranks[1].end()
	require.Equal(t, 75, code, &ranks[0].out)
	assert.Contains(t, ranks[0].out.String(), "a rank is lost: rank 1")
}

func TestSIGTERMLeadsToACheckpointOnAllRanks(t *testing.T) {
	t.Parallel()
	l := generated(t, 6000, "r1")
	ranks := team(t, l, "r1")
	require.Equal(t, []int{0, 0}, ended(ranks))
	want := model(t, l, "r1")
	ranks = team(t, l, "r1")
	awaitCheckpoint(t, l, "r1")
	require.NoError(t, ranks[1].Process.Signal(syscall.SIGTERM)) // the machine of one rank is taken back
	codes := ended(ranks)
	if codes[0] != 0 {
		require.Equal(t, []int{75, 75}, codes, "%s\n%s", &ranks[0].out, &ranks[1].out)
		assert.Contains(t, ranks[0].out.String(), "a checkpoint holds the")
		ranks = team(t, l, "r1")
		require.Equal(t, []int{0, 0}, ended(ranks))
		assert.Contains(t, ranks[0].out.String(), "goes on after round")
	}
	require.Equal(t, want, model(t, l, "r1"))
}
