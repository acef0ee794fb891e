//go:build cloud

package clients

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/batch"
	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/monitor"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// bucket is the name of the bucket in every store.
const bucket = "lake"

// azurite's only account, whose key is published.
const (
	azureAccount = "devstoreaccount1"
	azureKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// stores start a stand-in and give the URI of a zone in it.
var stores = map[string]func(t *testing.T) (zone func(name string) string){
	"s3": func(t *testing.T) func(string) string {
		t.Helper()
		port := freePort(t)
		daemon(t, port, "gofakes3", "-backend", "mem", "-initialbucket", bucket, "-host", "127.0.0.1:"+port)
		t.Setenv("AWS_ACCESS_KEY_ID", "nobody")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "nothing")
		return func(name string) string {
			return "s3://" + bucket + "?region=eu-central-1&use_path_style=true&endpoint=http://127.0.0.1:" + port +
				"&prefix=" + name + "/"
		}
	},
	"gs": func(t *testing.T) func(string) string {
		t.Helper()
		port := freePort(t)
		daemon(t, port, "fake-gcs-server", "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", port,
			"-public-host", "127.0.0.1:"+port)
		t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:"+port)
		response, err := http.Post("http://127.0.0.1:"+port+"/storage/v1/b", "application/json", //nolint:noctx // a test
			strings.NewReader(`{"name":"`+bucket+`"}`))
		require.NoError(t, err)
		_ = response.Body.Close()
		require.Equal(t, http.StatusOK, response.StatusCode)
		return func(name string) string { return "gs://" + bucket + "?anonymous=true&prefix=" + name + "/" }
	},
	"azblob": func(t *testing.T) func(string) string {
		t.Helper()
		port := freePort(t)
		daemon(t, port, "azurite-blob", "--blobHost", "127.0.0.1", "--blobPort", port, "--skipApiVersionCheck", "--silent",
			"--inMemoryPersistence", "--disableTelemetry")
		t.Setenv("AZURE_STORAGE_ACCOUNT", azureAccount)
		t.Setenv("AZURE_STORAGE_KEY", azureKey)
		key, err := container.NewSharedKeyCredential(azureAccount, azureKey)
		require.NoError(t, err)
		client, err := container.NewClientWithSharedKeyCredential(
			"http://127.0.0.1:"+port+"/"+azureAccount+"/"+bucket, key, nil)
		require.NoError(t, err)
		_, err = client.Create(t.Context(), nil)
		require.NoError(t, err)
		return func(name string) string {
			return "azblob://" + bucket + "?protocol=http&localemu=true&domain=127.0.0.1:" + port + "&prefix=" + name + "/"
		}
	},
}

// On the object store of each cloud: versions are registered and promoted, the server follows the alias, refuses what
// is broken and captures rows, a batch reads and writes, and the monitor reports.
//
//nolint:paralleltest // the variables of the clouds belong to the process
func TestStores(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			zone := store(t)
			models, err := lake.Open(t.Context(), zone("models"))
			require.NoError(t, err)
			t.Cleanup(func() { _ = models.Close() })
			r := registry.New(models)
			rows := publish(t, r)
			t.Run("serve", func(t *testing.T) { follow(t, r, models, zone, rows) }) //nolint:paralleltest // in order
			predictBatch(t, zone, rows)
			var out strings.Builder
			require.NoError(t, monitor.Run(t.Context(), monitor.Options{Models: zone("models"), Logs: zone("logs"),
				Results: zone("results"), Model: inferencetest.Model, Alias: registry.Production, Out: &out}))
			results, err := lake.Open(t.Context(), zone("results"))
			require.NoError(t, err)
			defer func() { _ = results.Close() }()
			data, err := results.Read(t.Context(), monitor.LatestReport)
			require.NoError(t, err)
			assert.Equal(t, len(rows), decode[monitor.Report](t, string(data)).Rows, "rows that were captured")
		})
	}
}

func ensemble(seed uint64) *onnx.Ensemble {
	return onnxtest.Ensemble(seed, onnxtest.Shape{Task: onnx.Regression})
}

// publish registers two versions and promotes the first.
func publish(t *testing.T, r *registry.Registry) [][]float32 {
	t.Helper()
	for seed := range uint64(2) {
		require.NoError(t, r.Register(t.Context(), inferencetest.Version(t, fmt.Sprintf("v%d", seed+1), ensemble(seed+1))))
	}
	require.NoError(t, r.Promote(t.Context(), inferencetest.Model, registry.Production, "v1"))
	return onnxtest.Rows(3, ensemble(1), 200, 0)
}

// follow serves what the alias stands for, through a broken version and a swap.
func follow(t *testing.T, r *registry.Registry, models *lake.Zone, zone func(string) string, rows [][]float32) {
	t.Helper()
	s := start(t, serve.Options{Models: zone("models"), Logs: zone("logs"), CaptureShare: 1,
		Model: inferencetest.Model}, "v1")
	const alias = inferencetest.Model + "/aliases/" + registry.Production
	require.NoError(t, models.Write(t.Context(), alias, []byte(`{"version":"v3"}`)))
	require.Eventually(t, func() bool {
		_, metrics := s.get(t, "/metrics")
		return !strings.Contains(string(metrics), "mlpathway_model_load_errors_total 0")
	}, patience, 20*time.Millisecond)
	require.NoError(t, models.Write(t.Context(), alias, []byte(`{"version":"v1"}`)))
	require.NoError(t, r.Promote(t.Context(), inferencetest.Model, registry.Production, "v2"))
	s.waitFor(t, "v2")
	body := (&subject{rows: rows}).text(t, `{"features":[`, ",", `]}`, false)
	response, err := http.Post(s.url+"/predict", "application/json", strings.NewReader(body)) //nolint:noctx // a test
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Predictions []struct{ Prediction float32 }
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	require.Len(t, answer.Predictions, len(rows))
	want, model := make([]float32, 1), ensemble(2)
	for i, row := range rows {
		model.Predict(row, want)
		require.Equal(t, want[0], answer.Predictions[i].Prediction) //nolint:testifylint // the bits are meant
	}
}

// predictBatch predicts a CSV file of the store.
func predictBatch(t *testing.T, zone func(string) string, rows [][]float32) {
	t.Helper()
	raw, err := lake.Open(t.Context(), zone("raw"))
	require.NoError(t, err)
	defer func() { _ = raw.Close() }()
	require.NoError(t, raw.WriteFrom(t.Context(), "rows.csv", func(w io.Writer) error {
		text := (&subject{rows: rows}).text(t, "x0,x1,x2,x3,x4\n", "\n", "\n", true)
		_, err := io.WriteString(w, text)
		return err
	}))
	address, query, _ := strings.Cut(zone("raw"), "?")
	require.NoError(t, batch.Run(t.Context(), batch.Options{Models: zone("models"), Results: zone("results"),
		Model: inferencetest.Model, Input: address + "/rows.csv?" + query}))
	results, err := lake.Open(t.Context(), zone("results"))
	require.NoError(t, err)
	defer func() { _ = results.Close() }()
	data, err := results.Read(t.Context(), batch.Latest)
	require.NoError(t, err)
	report := decode[batch.Report](t, string(data))
	assert.EqualValues(t, len(rows), report.RowsOut)
	assert.Equal(t, "v2", report.Version)
	mean, want, model := 0.0, make([]float32, 1), ensemble(2)
	for _, row := range rows {
		model.Predict(row, want)
		mean += float64(want[0]) / float64(len(rows))
	}
	require.NotNil(t, report.Mean)
	assert.InDelta(t, mean, *report.Mean, 1e-9)
}
