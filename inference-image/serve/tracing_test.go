package serve_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/oip"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// spans is a collector of OTLP.
type spans struct {
	collector.UnimplementedTraceServiceServer

	mu      sync.Mutex
	got     []*trace.Span
	service string
}

// Export implements the protocol.
func (s *spans) Export(
	_ context.Context, r *collector.ExportTraceServiceRequest,
) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range r.GetResourceSpans() {
		for _, a := range resource.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				s.service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			s.got = append(s.got, scope.GetSpans()...)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func startCollector(t *testing.T) *spans {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	require.NoError(t, err)
	s, server := &spans{}, grpc.NewServer()
	collector.RegisterTraceServiceServer(server, s)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String())
	return s
}

// ask sends a good and a bad request over HTTP and a call over gRPC, ends the server and returns the spans by name.
func (s *spans) ask(t *testing.T, traceparent string) map[string][]*trace.Span {
	t.Helper()
	l := inferencetest.New(t)
	model := onnxtest.Ensemble(1, onnxtest.Shape{})
	l.Serve("v1", model)
	e, connection := startGRPC(t, l, nil)
	e.waitFor("v1")
	for _, body := range []string{`{"features":[[1,2,3,4,5],[1,2,3,4,5]]}`, `{"features":["a"]}`} {
		e.raw(http.MethodPost, "/predict", body, "Traceparent", traceparent)
	}
	_, err := oip.NewGRPCInferenceServiceClient(connection).ModelInfer(t.Context(), &oip.ModelInferRequest{
		ModelName: inferencetest.Model, RawInputContents: [][]byte{make([]byte, 20)},
		Inputs: []*oip.ModelInferRequest_InferInputTensor{{Name: "features", Datatype: "FP32", Shape: []int64{1, 5}}}})
	require.NoError(t, err)
	require.NoError(t, connection.Close())
	require.NoError(t, e.stop()) // what waits is sent at the end
	s.mu.Lock()
	defer s.mu.Unlock()
	byName := map[string][]*trace.Span{}
	for _, span := range s.got {
		byName[span.GetName()] = append(byName[span.GetName()], span)
	}
	return byName
}

func attributes(span *trace.Span) map[string]any {
	all := map[string]any{}
	for _, a := range span.GetAttributes() {
		if text := a.GetValue().GetStringValue(); text != "" {
			all[a.GetKey()] = text
		} else {
			all[a.GetKey()] = a.GetValue().GetIntValue()
		}
	}
	return all
}

// Every request is a span in the caller's trace, with the model, the rows and what went wrong, and without payload.
//
//nolint:paralleltest // the variables belong to the process
func TestTraces(t *testing.T) {
	s := startCollector(t)
	got := s.ask(t, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	require.Len(t, got["POST /predict"], 2)
	require.Len(t, got["ModelInfer"], 1)
	assert.Equal(t, "mlpathway-inference", s.service)
	for i, want := range []map[string]any{
		{"mlpathway.model": "tumour", "mlpathway.version": "v1", "http.response.status_code": int64(200),
			"mlpathway.rows": int64(2)},
		{"mlpathway.model": "tumour", "mlpathway.version": "v1", "http.response.status_code": int64(400),
			"mlpathway.rows": int64(0), "error.type": "bad_request"},
	} {
		span := got["POST /predict"][i]
		assert.Equal(t, want, attributes(span))
		assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", hexOf(span.GetTraceId()))
		assert.Equal(t, "b7ad6b7169203331", hexOf(span.GetParentSpanId()))
		assert.Equal(t, trace.Span_SPAN_KIND_SERVER, span.GetKind())
		assert.GreaterOrEqual(t, span.GetEndTimeUnixNano(), span.GetStartTimeUnixNano())
	}
	assert.Equal(t, int64(1), attributes(got["ModelInfer"][0])["mlpathway.rows"])
}

// The standard variables say which share is traced, and a caller that is not traced is not.
func TestTracesAreSampled(t *testing.T) {
	s := startCollector(t)
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_on")
	got := s.ask(t, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	assert.Empty(t, got["POST /predict"], "the caller's trace is not sampled")
	assert.Len(t, got["ModelInfer"], 1, "a trace of its own is")
}

func hexOf(id []byte) string { return fmt.Sprintf("%x", id) }
