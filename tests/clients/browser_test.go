package clients

import (
	"bytes"
	"fmt"
	"image"
	_ "image/png" // the format of the pictures
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/monitor"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// sight is what the program browser writes.
type sight struct {
	Title, Text, Answer  string
	Bars, Empty          int
	Overflows            bool
	Complaints, Requests []string
}

// look opens a page in headless Chromium.
func look(t *testing.T, url string, args ...string) *sight {
	t.Helper()
	picture := filepath.Join(t.TempDir(), "page.png")
	s := decode[sight](t, run(t, "", "browser", append([]string{"-url", url, "-picture", picture}, args...)...))
	assert.Empty(t, s.Complaints)
	assert.False(t, s.Overflows, "the page is wider than the window")
	data, err := os.ReadFile(picture)
	require.NoError(t, err)
	shot, _, err := image.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	colours := map[[4]uint32]bool{}
	for x := 0; x < shot.Bounds().Dx(); x += 3 {
		for y := 0; y < shot.Bounds().Dy(); y += 3 {
			r, g, b, a := shot.At(x, y).RGBA()
			colours[[4]uint32{r, g, b, a}] = true
		}
	}
	assert.Greater(t, len(colours), 10, "the picture is almost empty")
	return &s
}

// A person reads the pages in a browser, and tries a prediction.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	model := onnxtest.Ensemble(1, onnxtest.Shape{})
	l.Serve("v1", model)
	capture(t, l, onnxtest.Rows(4, model, 400, 0))
	o := monitor.Options{Models: l.URI("models"), Logs: l.URI("logs"), Results: l.URI("results"),
		Model: inferencetest.Model}
	require.NoError(t, monitor.Run(t.Context(), o))
	s := start(t, serve.Options{Models: l.URI("models"), Model: inferencetest.Model, Results: l.URI("results")}, "v1")

	page := look(t, s.url+"/", "-press", "#try pre")
	for _, want := range []string{"Version v1", "Try a prediction", "Live", "x4"} {
		assert.Contains(t, page.Text, want)
	}
	assert.Contains(t, page.Answer, `"prediction"`, "the form was sent and answered")
	assert.Contains(t, page.Answer, `"version": "v1"`)
	for _, address := range page.Requests {
		assert.Contains(t, address, s.url, "the page asks nobody else")
	}

	drift := look(t, s.url+"/drift")
	assert.Contains(t, drift.Text, "x0")
	assert.Empty(t, drift.Requests, "the page of the monitor is self-contained")
	data, err := os.ReadFile(l.Path("results", monitor.LatestReport))
	require.NoError(t, err)
	report := decode[monitor.Report](t, string(data))
	bars := 0
	for _, c := range report.All() {
		bars += 2 * len(c.Training)
	}
	assert.GreaterOrEqual(t, drift.Bars, bars/2, "the bars of the plots have an area")
	assert.Equal(t, bars+len(report.Features)+1, drift.Bars+drift.Empty, "bars of the bins, and one for each index")
}

// capture writes rows as the server captures them, by asking one.
func capture(t *testing.T, l *inferencetest.Lake, rows [][]float32) {
	t.Helper()
	t.Run("capture", func(t *testing.T) {
		s := start(t, serve.Options{Models: l.URI("models"), Model: inferencetest.Model, Logs: l.URI("logs"),
			CaptureShare: 1}, "v1")
		sub := &subject{server: s, rows: rows}
		out := run(t, sub.text(t, `{"features":[`, ",", `]}`, false), "curl", "-sS", "--fail-with-body", "--data-binary",
			"@-", s.url+"/predict")
		require.Contains(t, out, fmt.Sprintf("%q", "v1"))
	})
}
