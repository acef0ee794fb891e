package e2e

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
)

// TestPath goes the whole way on one stack, as a person would on one afternoon. The parts build on each other.
//
//nolint:paralleltest // the parts build on each other
func TestPath(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t)
	preview := w.must(t, "preview")
	assert.NoDirExists(t, w.path(".mlpathway", "local"), "a preview must touch nothing:\n%s", preview)

	o := w.up(t, "local")
	t.Run("a second up changes nothing", func(t *testing.T) {
		out := w.must(t, "up")
		assert.Contains(t, out, "34 unchanged")
		assert.Contains(t, askAsPrinted(t, out), `"prediction"`, "the printed curl line must work")
		assert.NotRegexp(t, `[1-9]\d* (created|updated|deleted|replaced)`, out)
	})
	t.Run("held-out rows", func(t *testing.T) { heldOut(t, o) })
	t.Run("what was made", func(t *testing.T) { whatWasMade(t, w, o) })
	t.Run("the commands of the README", func(t *testing.T) { readme(t, w) })
	t.Run("two at once", func(t *testing.T) { twoAtOnce(t, w, o) })
	t.Run("a better CSV", func(t *testing.T) { betterCSV(t, o) })
	t.Run("a worse CSV", func(t *testing.T) { worseCSV(t, o) })
	t.Run("an unreadable CSV", func(t *testing.T) { unreadableCSV(t, w, o) })
	t.Run("kill the endpoint", func(t *testing.T) { killEndpoint(t, w, o) })
	t.Run("kill the supervisor", func(t *testing.T) { killSupervisor(t, w, o) })
	t.Run("a deleted directory and a changed file", func(t *testing.T) { mend(t, w, o) })
	t.Run("bad files", func(t *testing.T) { badFiles(t, w, o) })
	t.Run("port taken", func(t *testing.T) { portTaken(t, w, o) })
	t.Run("a second stack", func(t *testing.T) { secondStack(t, w, o) })
	t.Run("down leaves nothing", func(t *testing.T) { down(t, w, o) })
}

// askAsPrinted runs the curl line that up prints.
func askAsPrinted(t *testing.T, out string) string {
	t.Helper()
	_, line, ok := strings.Cut(out, "  curl ")
	require.True(t, ok, out)
	line, _, _ = strings.Cut(line, "\n")
	answer, err := exec.CommandContext(t.Context(), "sh", "-c", "curl "+line).Output()
	require.NoError(t, err)
	return string(answer)
}

// rows reads feature rows of one part of the split: inputs in the order of the model, and the label's class.
func rows(t *testing.T, o outputs, part string) (inputs [][]float64, labels []string) {
	t.Helper()
	models := registry.New(o.zone(t, "models"))
	version, err := models.Open(t.Context(), "tumour", o.served(t))
	require.NoError(t, err)
	set, err := registry.ReadLatestFeatures(t.Context(), o.zone(t, "features"))
	require.NoError(t, err)
	require.NotNil(t, set)
	path, release, err := o.zone(t, "features").Fetch(t.Context(), set.Key)
	require.NoError(t, err)
	defer release()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	for _, row := range readParquet(t, f) {
		if row["_split"] != part {
			continue
		}
		var features []float64
		for _, input := range version.Manifest.Inputs {
			features = append(features, number(t, row[input.Name]))
		}
		inputs = append(inputs, features)
		labels = append(labels, fmt.Sprint(row["diagnosis"]))
	}
	return inputs, labels
}

func readParquet(t *testing.T, f *os.File) []map[string]any {
	t.Helper()
	info, err := f.Stat()
	require.NoError(t, err)
	file, err := parquet.OpenFile(f, info.Size())
	require.NoError(t, err)
	reader := parquet.NewReader(file)
	defer func() { _ = reader.Close() }()
	all := make([]map[string]any, 0, file.NumRows())
	for range file.NumRows() {
		row := map[string]any{}
		require.NoError(t, reader.Read(&row))
		all = append(all, row)
	}
	return all
}

func number(t *testing.T, value any) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(fmt.Sprint(value), 64)
	require.NoError(t, err)
	return x
}

// heldOut: accuracy over the rows that training never saw, computed from the answers of the endpoint.
func heldOut(t *testing.T, o outputs) {
	t.Helper()
	inputs, labels := rows(t, o, "test")
	require.Greater(t, len(inputs), 50)
	right := 0
	for i, features := range inputs {
		a, err := predict(t.Context(), o.Predict, features)
		require.NoError(t, err)
		if a.Prediction == labels[i] {
			right++
		}
	}
	accuracy := float64(right) / float64(len(inputs))
	t.Logf("accuracy %.4f on %d held-out rows", accuracy, len(inputs))
	assert.GreaterOrEqual(t, accuracy, 0.95)
}

// whatWasMade: the pages, the metrics, the warehouse, the metadata table, the report.
func whatWasMade(t *testing.T, w *workspace, o outputs) {
	t.Helper()
	for path, want := range map[string]string{
		"/healthz": "", "/readyz": "", "/metrics": "mlpathway_", "/model": "dataVersion", "/": "<html",
	} {
		status, body, err := get(t.Context(), o.Endpoint+path)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status, path)
		assert.Contains(t, body, want, path)
	}
	assert.FileExists(t, filepath.Join(o.StateDir, "registry", "metadata.db"))
	assert.FileExists(t, filepath.Join(o.StateDir, "warehouse", "analytics.duckdb"))
	assert.FileExists(t, filepath.Join(o.StateDir, "features", "online.db"))
	assert.Equal(t, "[secret]", o.Warehouse, "the warehouse's address must stay a secret")
	assert.Contains(t, w.must(t, "status"), o.served(t))
	assert.Contains(t, w.must(t, "logs"), "endpoint")
	info, err := os.Stat(o.StateDir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "nobody else may look into the stack")
	assert.True(t, strings.HasPrefix(o.Endpoint, "http://127.0.0.1:"), o.Endpoint)
}

// readme runs the block of the README that looks at what was made, as it is printed.
func readme(t *testing.T, w *workspace) {
	t.Helper()
	data, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(data), "\nURL=")
	require.True(t, ok)
	block, _, _ := strings.Cut("URL="+rest, "```")
	cmd := exec.CommandContext(t.Context(), "bash", "-eo", "pipefail", "-c", block)
	cmd.Dir, cmd.Env = w.root, w.env
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	for _, want := range []string{`"prediction":"malignant"`, "dataVersion", "mlpathway_", "Processes"} {
		assert.Contains(t, string(out), want, block)
	}
}

// twoAtOnce: of two `up` at the same time one is refused, and the other is not disturbed.
func twoAtOnce(t *testing.T, w *workspace, o outputs) {
	t.Helper()
	type result struct {
		out  string
		code int
	}
	results := make([]result, 2)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i].out, results[i].code = w.runContext(t.Context(), "up") })
	}
	wg.Wait()
	slices.SortFunc(results, func(a, b result) int { return a.code - b.code })
	require.Zero(t, results[0].code, results[0].out)
	require.Equal(t, 1, results[1].code, results[1].out)
	assert.Contains(t, results[1].out, "another command works on the stack local")
	assert.Contains(t, results[1].out, "Nothing was changed")
	alive(t, o)
}

func alive(t *testing.T, o outputs) {
	t.Helper()
	status, body, err := get(t.Context(), o.Endpoint+"/readyz")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status, body)
}

// drop puts a CSV made from the example into the raw zone, in two steps as a slow copy would.
func drop(t *testing.T, o outputs, name string, change func(header, row []string) []string) {
	t.Helper()
	f, err := os.Open("../../examples/tumour/breast_cancer.csv")
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var b strings.Builder
	writer := csv.NewWriter(&b)
	require.NoError(t, writer.Write(records[0]))
	for _, row := range records[1:] {
		require.NoError(t, writer.Write(change(records[0], slices.Clone(row))))
	}
	writer.Flush()
	text := b.String()
	to, err := os.Create(filepath.Join(o.StateDir, "lake", "raw", name))
	require.NoError(t, err)
	defer func() { _ = to.Close() }()
	for _, half := range []string{text[:len(text)/2], text[len(text)/2:]} {
		_, err := to.WriteString(half)
		require.NoError(t, err)
		time.Sleep(50 * time.Millisecond) // long enough for a poll to fall between, now and then
	}
}

// asker asks an endpoint 100 times a second until it is stopped.
type asker struct {
	stop     context.CancelFunc
	wg       sync.WaitGroup
	mu       sync.Mutex
	asked    int
	failures []error
	versions map[string]bool
}

func startAsking(t *testing.T, o outputs) *asker {
	t.Helper()
	inputs, _ := rows(t, o, "test")
	ctx, stop := context.WithCancel(t.Context())
	a := &asker{stop: stop, versions: map[string]bool{}}
	ticks := time.NewTicker(10 * time.Millisecond)
	a.wg.Go(func() {
		defer ticks.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
			a.wg.Go(func() { a.ask(o, inputs[i%len(inputs)]) })
		}
	})
	return a
}

func (a *asker) ask(o outputs, features []float64) {
	answer, err := predict(context.Background(), o.Predict, features)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	if err != nil {
		a.failures = append(a.failures, err)
		return
	}
	a.versions[answer.Version] = true
}

// end stops asking and demands that nothing has failed.
func (a *asker) end(t *testing.T) {
	t.Helper()
	a.stop()
	a.wg.Wait()
	t.Logf("asked %d times, %d versions answered", a.asked, len(a.versions))
	assert.Empty(t, a.failures)
	assert.Positive(t, a.asked)
}

// betterCSV: new rows lead to a new version by themselves, and clients notice nothing but the version.
func betterCSV(t *testing.T, o outputs) {
	t.Helper()
	before, served := o.lastRun(t, ""), o.served(t)
	asker := startAsking(t, o)
	drop(t, o, "more.csv", func(_, row []string) []string {
		id, err := strconv.Atoi(row[0])
		require.NoError(t, err)
		row[0] = strconv.Itoa(id + 10_000)
		for i := 1; i < len(row)-1; i++ { // the same tumours, measured again with a slightly other hand
			x, err := strconv.ParseFloat(row[i], 64)
			require.NoError(t, err)
			row[i] = strconv.FormatFloat(x*(1+0.004*float64((id+i)%5-2)), 'g', 6, 64)
		}
		return row
	})
	run := o.lastRun(t, before.ID)
	require.Equal(t, registry.Registered, run.Status, run.Error)
	assert.Equal(t, 1138, run.Rows.Accepted)
	require.NotNil(t, run.Decision)
	require.True(t, run.Decision.Promoted, run.Decision.Reason)
	require.NotEqual(t, served, run.Version)
	eventually(t, "the new version at the endpoint", func() error {
		asker.mu.Lock()
		defer asker.mu.Unlock()
		if !asker.versions[run.Version] {
			return fmt.Errorf("answers come from %v", asker.versions)
		}
		return nil
	})
	asker.end(t)
	assert.Len(t, asker.versions, 2, "the old version and the new one")
}

// worseCSV: rows with wrong labels make a worse model, which is recorded and not served.
func worseCSV(t *testing.T, o outputs) {
	t.Helper()
	before, served := o.lastRun(t, ""), o.served(t)
	asker := startAsking(t, o)
	drop(t, o, "wrong.csv", func(_, row []string) []string {
		row[0] += "00000"
		last := len(row) - 1
		row[last] = map[string]string{"benign": "malignant", "malignant": "benign"}[row[last]]
		return row
	})
	run := o.lastRun(t, before.ID)
	asker.end(t)
	require.Equal(t, registry.Registered, run.Status, run.Error)
	require.NotNil(t, run.Decision)
	assert.False(t, run.Decision.Promoted, run.Decision.Reason)
	assert.NotEmpty(t, run.Decision.Reason)
	assert.Equal(t, served, o.served(t), "the endpoint must go on with the better model")
	versions, err := registry.New(o.zone(t, "models")).Versions(t.Context(), "tumour")
	require.NoError(t, err)
	assert.Contains(t, versions, run.Version, "the worse model must be on record")
	require.NoError(t, os.Remove(filepath.Join(o.StateDir, "lake", "raw", "wrong.csv")))
	o.lastRun(t, run.ID)
}

// unreadableCSV: a file that is no CSV fails the run with a message, and nothing else happens.
func unreadableCSV(t *testing.T, w *workspace, o outputs) {
	t.Helper()
	before, served := o.lastRun(t, ""), o.served(t)
	path := filepath.Join(o.StateDir, "lake", "raw", "picture.csv")
	require.NoError(t, os.WriteFile(path, []byte("\x89PNG\r\n\x1a\n\x00\xff\xfe"), 0o600))
	run := o.lastRun(t, before.ID)
	require.Equal(t, registry.Failed, run.Status)
	assert.Contains(t, run.Error, "picture.csv")
	assert.Equal(t, served, o.served(t))
	alive(t, o)
	assert.Contains(t, w.must(t, "status"), "picture.csv", "the message must reach a person")
	require.NoError(t, os.Remove(path))
	again := o.lastRun(t, run.ID)
	assert.NotEqual(t, registry.Failed, again.Status, again.Error)
}

// killEndpoint: the supervisor starts it again.
func killEndpoint(t *testing.T, w *workspace, o outputs) {
	t.Helper()
	before := w.pid(t, "inference-image", "serve")
	kill(t, before)
	inputs, _ := rows(t, o, "test")
	eventually(t, "the endpoint after kill -9", func() error {
		_, err := predict(t.Context(), o.Predict, inputs[0])
		return err
	})
	assert.NotEqual(t, before, w.pid(t, "inference-image", "serve"))
}

// killSupervisor: refresh sees it, up mends it, and nothing runs twice.
func killSupervisor(t *testing.T, w *workspace, o outputs) {
	t.Helper()
	kill(t, w.pid(t, "process-compose", filepath.Join("supervisor", "process-compose.yaml")))
	assert.Regexp(t, `[1-9]\d* deleted`, w.must(t, "refresh"))
	after := w.up(t, "local")
	assert.Equal(t, o.Endpoint, after.Endpoint, "the port must stay")
	alive(t, after)
	w.pid(t, "inference-image", "serve") // one, and not an orphan beside it
	w.pid(t, "training-image", "watch")
	assert.Contains(t, w.must(t, "up"), "34 unchanged")
}

// mend: refresh sees a deleted directory and a changed file; up makes them good.
func mend(t *testing.T, w *workspace, o outputs) {
	t.Helper()
	data := filepath.Join(o.StateDir, "lake", "raw", "breast_cancer.csv")
	results := filepath.Join(o.StateDir, "lake", "results")
	require.NoError(t, os.WriteFile(data, []byte("sample_id\n"), 0o600))
	require.NoError(t, os.RemoveAll(results))
	out := w.must(t, "refresh")
	assert.Regexp(t, `1 updated`, out)
	assert.Regexp(t, `[1-9]\d* deleted`, out)
	w.up(t, "local")
	want, err := os.ReadFile("../../examples/tumour/breast_cancer.csv")
	require.NoError(t, err)
	got, err := os.ReadFile(data)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
	assert.DirExists(t, results)
}

// badFiles: an unknown key in pipeline.yaml or in the stack file is refused, and the running stack stays as it was.
func badFiles(t *testing.T, w *workspace, o outputs) {
	t.Helper()
	for file, test := range map[string]struct{ add, want string }{
		w.path("examples", "tumour", "pipeline.yaml"): {"colour: {}\n", "colour: unknown key; allowed here: drift, features"},
		w.path("stacks", "Pulumi.local.yaml"):         {"  mlpathway:endpiont: {}\n", "endpiont: unknown key; allowed here:"},
	} {
		before, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, append(slices.Clone(before), test.add...), 0o600))
		out, code := w.run(t, "up")
		assert.Equal(t, 1, code, out)
		assert.Contains(t, out, test.want)
		alive(t, o)
		require.NoError(t, os.WriteFile(file, before, 0o600))
	}
	assert.Contains(t, w.must(t, "up"), "34 unchanged")
}

// portTaken: a wanted port that somebody else holds is refused, and the running stack stays as it was.
func portTaken(t *testing.T, w *workspace, o outputs) {
	t.Helper()
	other := listen(t)
	file := w.path("stacks", "Pulumi.local.yaml")
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	wish := fmt.Sprintf("  mlpathway:network: {listeners: {endpoint: %d}}\n", other)
	require.NoError(t, os.WriteFile(file, append(slices.Clone(before), wish...), 0o600))
	out, code := w.run(t, "up")
	assert.Equal(t, 1, code, out)
	assert.Contains(t, out, strconv.Itoa(other))
	assert.Regexp(t, "(?i)port", out)
	alive(t, o)
	require.NoError(t, os.WriteFile(file, before, 0o600))
	assert.Equal(t, o.Endpoint, w.up(t, "local").Endpoint)
}

// secondStack: two stacks run side by side and do not meet.
func secondStack(t *testing.T, w *workspace, o outputs) {
	t.Helper()
	data, err := os.ReadFile(w.path("stacks", "Pulumi.local.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.path("stacks", "Pulumi.local2.yaml"), data, 0o600))
	second := w.up(t, "local2")
	assert.NotEqual(t, o.Endpoint, second.Endpoint)
	assert.NotEqual(t, o.StateDir, second.StateDir)
	alive(t, o)
	alive(t, second)
	w.must(t, "down", "-s", "local2")
	_, _, err = get(t.Context(), second.Endpoint+"/healthz")
	require.Error(t, err, "the second stack must be gone")
	assert.NoDirExists(t, second.StateDir)
	alive(t, o)
}

// down: no process, no port, no file.
func down(t *testing.T, w *workspace, o outputs) {
	t.Helper()
	w.must(t, "down")
	assert.Empty(t, w.processes())
	_, _, err := get(t.Context(), o.Endpoint+"/healthz")
	require.Error(t, err)
	require.NotErrorIs(t, err, context.DeadlineExceeded, "the port must be closed, not silent")
	assert.NoDirExists(t, w.path(".mlpathway"))
	w.must(t, "down")
}
