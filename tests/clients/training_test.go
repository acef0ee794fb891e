//go:build cloud

package clients

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/command"
)

const shop = `
name: shop
task: binary
source:
  format: jsonl
  key: id
  columns:
    - {name: id, type: integer}
    - {name: price, type: float, optional: true}
    - {name: plan, type: category, values: [basic, plus]}
    - {name: left, type: category, values: ["no", "yes"]}
label: left
model: {family: linear}
gate: {metric: accuracy, threshold: 0.8}
`

func shopRows() []byte {
	var b bytes.Buffer
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 400 {
		plan := random.IntN(2)
		_, _ = fmt.Fprintf(&b, `{"id":%d,"price":%v,"plan":%q,"left":%q}`+"\n", i, random.NormFloat64(),
			[]string{"basic", "plus"}[plan], []string{"no", "yes"}[(plan+i%20/19)%2])
	}
	return b.Bytes()
}

// trainer runs the steps of the training image on zones of a store.
type trainer struct {
	t    *testing.T
	zone func(name string) string
	run  string
	out  bytes.Buffer
}

func (tr *trainer) step(name string) (code int, stderr string) {
	tr.t.Helper()
	var errors bytes.Buffer
	variables := map[string]string{"MLPATHWAY_RUN": tr.run, "MLPATHWAY_PIPELINE": at(tr.zone("config"), "pipeline.yaml")}
	for _, zone := range []string{"raw", "curated", "features", "models", "logs"} {
		variables["MLPATHWAY_"+strings.ToUpper(zone)] = tr.zone(zone)
	}
	p := &command.Program{Stdout: &tr.out, Stderr: &errors, Version: "test",
		Getenv: func(name string) string { return variables[name] }}
	return p.Main(tr.t.Context(), []string{name}), errors.String()
}

// at is the address of an object in a zone.
func at(zone, key string) string {
	before, query, _ := strings.Cut(zone, "?")
	return strings.TrimSuffix(before, "/") + "/" + key + "?" + query
}

func (tr *trainer) put(zone, key string, data []byte) {
	tr.t.Helper()
	z, err := lake.Open(tr.t.Context(), tr.zone(zone))
	require.NoError(tr.t, err)
	defer func() { _ = z.Close() }()
	require.NoError(tr.t, z.Write(tr.t.Context(), key, data))
}

// From raw rows to a registered version, with everything in the object store of each cloud.
//
//nolint:paralleltest // the variables of the clouds belong to the process
func TestTrainingOnStores(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			tr := &trainer{t: t, zone: store(t), run: "20260101T000000.000Z"}
			tr.put("config", "pipeline.yaml", []byte(shop))
			tr.put("raw", "2026/a.jsonl", shopRows())
			for _, step := range []string{"etl", "features", "train", "evaluate", "register"} {
				code, stderr := tr.step(step)
				require.Zero(t, code, "%s: %s", step, stderr)
			}
			models, err := lake.Open(t.Context(), tr.zone("models"))
			require.NoError(t, err)
			defer func() { _ = models.Close() }()
			r := registry.New(models)
			alias, err := r.Resolve(t.Context(), "shop", registry.Production)
			require.NoError(t, err, tr.out.String())
			v, err := r.Open(t.Context(), "shop", alias.Version)
			require.NoError(t, err)
			assert.Greater(t, v.Metrics.Candidate["accuracy"], 0.85)
			left, err := models.List(t.Context(), "shop/candidates/")
			require.NoError(t, err)
			assert.Empty(t, left, "nothing half-done stays")
		})
	}
}

// forbidding stands before S3 and answers as it does where rights are missing.
func forbidding(t *testing.T, zone, text, code string) string {
	t.Helper()
	u, err := url.Parse(zone)
	require.NoError(t, err)
	query := u.Query()
	to, err := url.Parse(query.Get("endpoint"))
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.String(), text) {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>`+code+`</Code><Message>Refused</Message></Error>`)
	}))
	t.Cleanup(server.Close)
	query.Set("endpoint", server.URL)
	u.RawQuery = query.Encode()
	return u.String()
}

// What may not be read fails the run with the reason, and registers nothing.
//
//nolint:paralleltest // the variables of the clouds belong to the process
func TestTrainingWithoutRights(t *testing.T) {
	dir := t.TempDir()
	for _, zone := range []string{"config", "raw", "curated", "features", "models", "logs"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, zone), 0o700))
	}
	refused := func(t *testing.T, raw func(*trainer) string, want string) {
		t.Helper()
		tr := &trainer{t: t, run: "r-" + want[:2]}
		address := raw(tr)
		tr.zone = func(name string) string {
			if name == "raw" {
				return address
			}
			return lake.FileURI(filepath.Join(dir, name))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config", "pipeline.yaml"), []byte(shop), 0o600))
		code, stderr := tr.step("etl")
		require.Equal(t, 1, code)
		assert.Contains(t, stderr, want)
		assert.Contains(t, stderr, "access is denied: check the credentials of this program")
		logs, err := lake.Open(t.Context(), tr.zone("logs"))
		require.NoError(t, err)
		defer func() { _ = logs.Close() }()
		run, err := registry.ReadRun(t.Context(), logs, tr.run)
		require.NoError(t, err)
		require.NotNil(t, run, "the failed run is recorded")
		assert.Equal(t, registry.Failed, run.Status)
		assert.Contains(t, run.Error, "access is denied")
	}
	t.Run("unreadable object", func(t *testing.T) {
		refused(t, func(tr *trainer) string {
			tr.zone = stores["s3"](t)
			tr.put("raw", "secret.jsonl", shopRows())
			return forbidding(t, tr.zone("raw"), "secret.jsonl", "AccessDenied")
		}, "secret.jsonl in s3://lake")
	})
	t.Run("wrong credentials", func(t *testing.T) {
		refused(t, func(*trainer) string {
			return forbidding(t, stores["s3"](t)("raw"), "/", "InvalidAccessKeyId")
		}, "listing")
	})
}

// The model card and the page of the trials are seen in a browser as they are meant: drawings with an area, no
// complaint, and nothing that the page would have to ask others for.
func TestModelCardInABrowser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tr := &trainer{t: t, run: "20260101T000000.000Z",
		zone: func(name string) string { return lake.FileURI(filepath.Join(dir, name)) + "?" }}
	for _, zone := range []string{"config", "raw", "curated", "features", "models", "logs"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, zone), 0o700))
	}
	tr.put("config", "pipeline.yaml", []byte(strings.Replace(shop, "{family: linear}",
		"{family: mlp, parameters: {hidden: [6], epochs: 8, batchSize: 32, earlyStopping: 0}}\n"+
			"tuning: {strategy: random, trials: 5, space: {learningRate: {min: 0.001, max: 0.1, log: true}}}", 1)))
	tr.put("raw", "a.jsonl", shopRows())
	for _, step := range []string{"etl", "features", "tune", "train", "evaluate", "register"} {
		code, stderr := tr.step(step)
		require.Zero(t, code, "%s: %s", step, stderr)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "models", "shop", "versions", "*", "card.html"))
	require.NoError(t, err)
	require.Len(t, pages, 1)
	page := look(t, "file://"+pages[0])
	for _, want := range []string{"Quality on", "Confusion", "Loss", "Calibration", "Importance of the inputs",
		"price", "plan"} {
		assert.Contains(t, page.Text, want)
	}
	assert.Equal(t, 2, page.Bars+page.Empty, "one bar for each input")
	assert.Positive(t, page.Bars)
	assert.Empty(t, page.Requests)

	trials := look(t, "file://"+filepath.Join(dir, "models", "shop", "tuning", tr.run, "trials.html"))
	for _, want := range []string{"learningRate", "validation log loss", "done"} {
		assert.Contains(t, trials.Text, want)
	}
	assert.Empty(t, trials.Requests)
}
