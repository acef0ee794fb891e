package serve

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"
)

// tracer makes a span for each request that the sampler chooses, and sends it as OTLP. The standard variables say
// where to (OTEL_EXPORTER_OTLP_ENDPOINT), which share (OTEL_TRACES_SAMPLER) and the rest. A nil tracer does nothing.
type tracer struct {
	tracer   trace.Tracer
	shutdown func(context.Context) error
}

// newTracer gives nil where no endpoint for traces is configured.
func newTracer(ctx context.Context) (*tracer, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" ||
		strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("configuring traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "mlpathway-inference")),
		resource.WithFromEnv()) // the variables come last and win
	if err != nil {
		return nil, fmt.Errorf("configuring traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &tracer{tracer: provider.Tracer("github.com/mlpathway/mlpathway/inference-image"),
		shutdown: provider.Shutdown}, nil
}

// span is one request; the zero value does nothing.
type span struct{ trace.Span }

// start begins the span of a request, as a child of the caller's.
func (t *tracer) start(r *http.Request, model, version string) span {
	if t == nil {
		return span{}
	}
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	return t.begin(ctx, r.Method+" "+r.URL.Path, model, version)
}

// call begins the span of a gRPC call.
func (t *tracer) call(ctx context.Context, model, version string) span {
	if t == nil {
		return span{}
	}
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(http.Header{
			"Traceparent": md.Get("traceparent"), "Tracestate": md.Get("tracestate"),
		}))
	}
	return t.begin(ctx, "ModelInfer", model, version)
}

func (t *tracer) begin(ctx context.Context, name, model, version string) span {
	if t == nil {
		return span{}
	}
	_, s := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("mlpathway.model", model), attribute.String("mlpathway.version", version)))
	return span{s}
}

// end ends the span with the number of rows and what went wrong.
func (s span) end(rows int, f *failure) {
	if s.Span == nil {
		return
	}
	code := http.StatusOK
	if f != nil {
		code = f.code
		s.SetAttributes(attribute.String("error.type", f.kind))
		if code >= http.StatusInternalServerError {
			s.SetStatus(codes.Error, f.kind)
		}
	}
	s.SetAttributes(attribute.Int("http.response.status_code", code), attribute.Int("mlpathway.rows", rows))
	s.End()
}
