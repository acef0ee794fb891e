package clients

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// subject is a server with a model, rows, and what the model says of them.
type subject struct {
	*server
	lake *inferencetest.Lake
	rows [][]float32
	want []float32 // the probabilities of all classes, row after row
}

func newSubject(t *testing.T) *subject {
	t.Helper()
	s := &subject{lake: inferencetest.New(t)}
	model := onnxtest.Ensemble(7, onnxtest.Shape{Task: onnx.Multiclass, Inputs: 6, Trees: 40, Depth: 6})
	s.lake.Serve("v1", model)
	s.rows = onnxtest.Rows(3, model, 25, 0)
	for _, row := range s.rows {
		out := make([]float32, model.Outputs())
		model.Predict(row, out)
		s.want = append(s.want, out...)
	}
	s.server = start(t, serve.Options{Models: s.lake.URI("models"), Model: inferencetest.Model}, "v1")
	return s
}

// text writes the rows as numbers with a text before, between and behind the rows.
func (s *subject) text(t *testing.T, before, between, behind string, bare bool) string {
	t.Helper()
	rows := make([]string, len(s.rows))
	for i, row := range s.rows {
		data, err := json.Marshal(row)
		require.NoError(t, err)
		rows[i] = string(data)
		if bare {
			rows[i] = strings.Trim(rows[i], "[]")
		}
	}
	return before + strings.Join(rows, between) + behind
}

// predictions is the answer of /predict and of SageMaker's route.
type predictions struct {
	Predictions []struct{ Probabilities map[string]float32 }
	Version     string
}

// equal checks the bits of an answer.
func (s *subject) equal(t *testing.T, got predictions) {
	t.Helper()
	assert.Equal(t, "v1", got.Version)
	require.Len(t, got.Predictions, len(s.rows))
	for i, p := range got.Predictions {
		for class := range 3 {
			assert.Equal(t, math.Float32bits(s.want[3*i+class]),
				math.Float32bits(p.Probabilities[fmt.Sprintf("class-%d", class)]), "row %d", i)
		}
	}
}

func TestCurl(t *testing.T) {
	t.Parallel()
	s := newSubject(t)
	body := s.text(t, `{"features":[`, ",", `]}`, false)
	file := filepath.Join(t.TempDir(), "body.json")
	require.NoError(t, os.WriteFile(file, []byte(body), 0o600))
	for name, args := range map[string][]string{
		"file":           {"-d", "@" + file},
		"standard input": {"--data-binary", "@-"},
		"in chunks":      {"-X", "POST", "-H", "Transfer-Encoding: chunked", "-T", "-"},
		"asks first":     {"-H", "Expect: 100-continue", "-d", "@" + file},
		"compressed":     {"--compressed", "-d", "@" + file},
		"http 1.0":       {"--http1.0", "-d", "@" + file},
	} {
		out := run(t, body, "curl", append([]string{"-sS", "--fail-with-body", s.url + "/predict"}, args...)...)
		t.Log(name)
		s.equal(t, decode[predictions](t, out))
	}
	out := run(t, "", "curl", "-sS", "-w", "\n%{http_code} %{content_type}", "-d", `{"features":["a"]}`, s.url+"/predict")
	assert.Contains(t, out, `"column":"x0"`)
	assert.Contains(t, out, "\n400 application/json")
	assert.Contains(t, run(t, "", "curl", "-sSI", s.url+"/healthz"), "200 OK")
}

var (
	wrkTotal = regexp.MustCompile(`(\d+) requests in`)
	wrkBad   = regexp.MustCompile(`Non-2xx|Socket errors`)
)

// wrk sends as fast as it can over connections that stay open.
func TestWrk(t *testing.T) {
	t.Parallel()
	s := newSubject(t)
	script := filepath.Join(t.TempDir(), "post.lua")
	require.NoError(t, os.WriteFile(script, []byte("wrk.method = \"POST\"\nwrk.body = '"+
		s.text(t, `{"features":[`, ",", `]}`, false)+"'\n"), 0o600))
	out := run(t, "", "wrk", "-t1", "-c16", "-d2s", "-s", script, s.url+"/predict")
	assert.NotRegexp(t, wrkBad, out)
	sent := wrkTotal.FindStringSubmatch(out)
	require.Len(t, sent, 2, out)
	count, err := strconv.Atoi(sent[1])
	require.NoError(t, err)
	require.Positive(t, count)
	_, metrics := s.get(t, "/metrics")
	counted := regexp.MustCompile(`predict_requests_total\{code="200",model="tumour",version="v1"\} (\S+)`).
		FindSubmatch(metrics)
	require.Len(t, counted, 2)
	total, err := strconv.ParseFloat(string(counted[1]), 64)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, int(total), count)
}

// grpcurl calls with the published names of the Open Inference Protocol.
func TestGRPCurl(t *testing.T) {
	t.Parallel()
	s := newSubject(t)
	call := func(in, method string) string {
		return run(t, in, "grpcurl", "-plaintext", "-import-path", "../../inference-image/oip", "-proto", "oip.proto",
			"-d", "@", s.rpc, "inference.GRPCInferenceService/"+method)
	}
	assert.Contains(t, call("{}", "ServerLive"), `"live": true`)
	assert.Contains(t, call("{}", "ServerReady"), `"ready": true`)
	assert.Contains(t, call(`{"name":"tumour"}`, "ModelReady"), `"ready": true`)
	metadata := decode[struct {
		Versions []string
		Inputs   []struct{ Name, Datatype string }
	}](t, call(`{"name":"tumour"}`, "ModelMetadata"))
	assert.Equal(t, []string{"v1"}, metadata.Versions)
	assert.Equal(t, "FP32", metadata.Inputs[0].Datatype)

	shape := fmt.Sprintf(`"name":"features","datatype":"FP32","shape":[%d,6]`, len(s.rows))
	flat := s.text(t, "", ",", "", true)
	type answer struct {
		ModelVersion string
		Outputs      []struct {
			Name     string
			Contents struct{ Fp32Contents []float32 }
		}
		RawOutputContents []string
	}
	got := decode[answer](t, call(`{"modelName":"tumour","inputs":[{`+shape+`,"contents":{"fp32Contents":[`+flat+`]}}]}`,
		"ModelInfer"))
	assert.Equal(t, "v1", got.ModelVersion)
	require.Len(t, got.Outputs, 2)
	assert.Equal(t, s.want, got.Outputs[1].Contents.Fp32Contents)

	var raw []byte
	for _, row := range s.rows {
		for _, x := range row {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
	}
	got = decode[answer](t, call(`{"modelName":"tumour","inputs":[{`+shape+`}],"rawInputContents":["`+
		base64.StdEncoding.EncodeToString(raw)+`"]}`, "ModelInfer"))
	require.Len(t, got.RawOutputContents, 2)
	back, err := base64.StdEncoding.DecodeString(got.RawOutputContents[1])
	require.NoError(t, err)
	var want []byte
	for _, x := range s.want {
		want = binary.LittleEndian.AppendUint32(want, math.Float32bits(x))
	}
	assert.Equal(t, want, back)
}

// The AWS SDK asks as it asks SageMaker.
func TestSageMakerSDK(t *testing.T) {
	t.Parallel()
	s := newSubject(t)
	type answer struct {
		Body, ContentType, Attributes, Message string
		Code                                   int
	}
	ask := func(body string, args ...string) answer {
		return decode[answer](t, run(t, body, "sagemaker", append([]string{"-url", s.url}, args...)...))
	}
	got := ask(s.text(t, `{"instances":[`, ",", `]}`, false), "-attributes", "trace=1")
	assert.Equal(t, "application/json", got.ContentType)
	assert.Equal(t, "trace=1", got.Attributes)
	s.equal(t, decode[predictions](t, got.Body))

	got = ask(s.text(t, "", "\n", "\n", true), "-type", "text/csv", "-accept", "application/json")
	s.equal(t, decode[predictions](t, got.Body))

	got = ask(s.text(t, "", "\n", "\n", true), "-type", "text/csv", "-accept", "text/csv")
	assert.Contains(t, got.ContentType, "text/csv")
	assert.Equal(t, len(s.rows), strings.Count(strings.TrimSpace(got.Body), "\n")+1)

	got = ask(s.text(t, "", "\n", "\n", false), "-type", "application/jsonlines")
	assert.Equal(t, len(s.rows), strings.Count(strings.TrimSpace(got.Body), "\n")+1)

	got = ask(`{"instances":[["a"]]}`)
	assert.Equal(t, http.StatusBadRequest, got.Code)
	got = ask(`<rows/>`, "-type", "application/xml")
	assert.Equal(t, http.StatusUnsupportedMediaType, got.Code)
}
