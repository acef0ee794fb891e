package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/mlpathway/mlpathway/inference-image/oip"
	"github.com/mlpathway/mlpathway/inference-image/protocol"
)

// grpcService is the Open Inference Protocol over gRPC.
type grpcService struct {
	oip.UnimplementedGRPCInferenceServiceServer

	s *server
}

// grpcStreams bounds the calls that one connection may have open.
const grpcStreams = 256

// newGRPC makes the gRPC server; secure is nil for plain text.
func (s *server) newGRPC(secure *tls.Config) *grpc.Server {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(int(s.o.MaxBody)), grpc.MaxConcurrentStreams(grpcStreams),
		grpc.ConnectionTimeout(5 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 2 * time.Minute, Time: time.Minute}),
		grpc.UnaryInterceptor(s.authorizeCall),
	}
	if secure != nil {
		secure = secure.Clone()
		secure.NextProtos = []string{"h2"}
		options = append(options, grpc.Creds(credentials.NewTLS(secure)))
	}
	g := grpc.NewServer(options...)
	oip.RegisterGRPCInferenceServiceServer(g, &grpcService{s: s})
	healthpb.RegisterHealthServer(g, health.NewServer())
	return g
}

// authorizeCall demands of ModelInfer and ModelMetadata what the HTTP routes demand.
func (s *server) authorizeCall(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler,
) (any, error) {
	switch info.FullMethod {
	case oip.GRPCInferenceService_ModelInfer_FullMethodName, oip.GRPCInferenceService_ModelMetadata_FullMethodName:
		if !s.guard.open() && !s.guard.call(ctx) {
			return nil, status.Error(codes.Unauthenticated, "want a client certificate or authorization: Bearer <token>")
		}
	}
	return handle(ctx, request)
}

// call reports whether a gRPC call is let in.
func (g guard) call(ctx context.Context) bool {
	if caller, ok := peer.FromContext(ctx); ok && g.certificates {
		if info, ok := caller.AuthInfo.(credentials.TLSInfo); ok && verified(&info.State) {
			return true
		}
	}
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	return g.token != nil && len(values) == 1 && g.bearer(values[0])
}

// ServerLive implements the protocol.
func (g *grpcService) ServerLive(context.Context, *oip.ServerLiveRequest) (*oip.ServerLiveResponse, error) {
	return &oip.ServerLiveResponse{Live: true}, nil
}

// ServerReady implements the protocol.
func (g *grpcService) ServerReady(context.Context, *oip.ServerReadyRequest) (*oip.ServerReadyResponse, error) {
	return &oip.ServerReadyResponse{Ready: g.s.isReady()}, nil
}

// ServerMetadata implements the protocol.
func (g *grpcService) ServerMetadata(
	context.Context, *oip.ServerMetadataRequest,
) (*oip.ServerMetadataResponse, error) {
	return &oip.ServerMetadataResponse{Name: serverName, Version: g.s.o.CodeVersion}, nil
}

// ModelReady implements the protocol.
func (g *grpcService) ModelReady(_ context.Context, r *oip.ModelReadyRequest) (*oip.ModelReadyResponse, error) {
	d := g.s.deployments[r.GetName()]
	return &oip.ModelReadyResponse{Ready: d != nil && d.pick(r.GetVersion()) != nil}, nil
}

// find takes the version that a call means.
func (g *grpcService) find(name, version string) (*deployment, *served, error) {
	d := g.s.deployments[name]
	if d == nil {
		return nil, nil, status.Errorf(codes.NotFound, "unknown model %.100q", name)
	}
	m := d.pick(version)
	switch {
	case m == nil && version != "":
		return nil, nil, status.Errorf(codes.NotFound, "the model %s has no version %.100q here", name, version)
	case m == nil:
		return nil, nil, status.Error(codes.Unavailable, "no model yet")
	}
	return d, m, nil
}

// ModelMetadata implements the protocol.
func (g *grpcService) ModelMetadata(
	_ context.Context, r *oip.ModelMetadataRequest,
) (*oip.ModelMetadataResponse, error) {
	d, m, err := g.find(r.GetName(), r.GetVersion())
	if err != nil {
		return nil, err
	}
	return &oip.ModelMetadataResponse{Name: d.name, Versions: d.versions(), Platform: platformName(m),
		Inputs: describe(protocol.Inputs(m.Model)), Outputs: describe(protocol.Outputs(m.Model))}, nil
}

func describe(tensors []protocol.Describe) []*oip.ModelMetadataResponse_TensorMetadata {
	all := make([]*oip.ModelMetadataResponse_TensorMetadata, len(tensors))
	for i, t := range tensors {
		all[i] = &oip.ModelMetadataResponse_TensorMetadata{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape}
	}
	return all
}

// ModelInfer implements the protocol.
func (g *grpcService) ModelInfer(ctx context.Context, r *oip.ModelInferRequest) (*oip.ModelInferResponse, error) {
	start, s := time.Now(), g.s
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	d, m, err := g.find(r.GetModelName(), r.GetModelVersion())
	if err != nil {
		return nil, err
	}
	x := scratches.Get().(*scratch)
	defer x.release()
	x.id = plainID(r.GetId())
	traced := s.tracer.call(ctx, d.name, m.Manifest.Version)
	bad := s.predict(ctx, d, m, x, func(x *scratch, m *served) error {
		tensors, err := readContents(r)
		if err != nil {
			return err
		}
		return x.rows.ReadTensors(tensors, m.Model)
	}, start)
	var answer *oip.ModelInferResponse
	if bad == nil {
		if answer, err = writeContents(r, m, x); err != nil {
			bad = &failure{http.StatusBadRequest, "bad_request", err}
		}
	}
	traced.end(x.rows.N, bad)
	if bad != nil {
		s.count(d, m, bad, start)
		return nil, status.Error(grpcCode(bad), bad.err.Error())
	}
	s.done(d, m, x, start)
	return answer, nil
}

func grpcCode(f *failure) codes.Code {
	switch f.code {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusServiceUnavailable:
		return codes.ResourceExhausted
	case http.StatusGatewayTimeout:
		return codes.DeadlineExceeded
	case statusGone:
		return codes.Canceled
	default:
		return codes.Internal
	}
}

// readContents takes the tensors out of a request.
func readContents(r *oip.ModelInferRequest) ([]protocol.Tensor, error) {
	raw := r.GetRawInputContents()
	if len(raw) > 0 && len(raw) != len(r.GetInputs()) {
		return nil, errors.New("there are not as many raw_input_contents as inputs")
	}
	tensors := make([]protocol.Tensor, len(r.GetInputs()))
	for i, in := range r.GetInputs() {
		t := &tensors[i]
		t.Name, t.Datatype, t.Shape = in.GetName(), in.GetDatatype(), in.GetShape()
		var err error
		if len(raw) > 0 {
			err = t.SetRaw(raw[i])
		} else {
			err = setContents(t, in.GetContents())
		}
		if err != nil {
			return nil, err
		}
	}
	return tensors, nil
}

// setContents takes the elements out of the field of the datatype.
func setContents(t *protocol.Tensor, c *oip.InferTensorContents) error {
	switch t.Datatype {
	case "BOOL":
		for _, b := range c.GetBoolContents() {
			x := float32(0)
			if b {
				x = 1
			}
			t.Numbers = append(t.Numbers, x)
		}
	case "INT8", "INT16", "INT32":
		t.Numbers = floats(c.GetIntContents())
	case "INT64":
		t.Numbers = floats(c.GetInt64Contents())
	case "UINT8", "UINT16", "UINT32":
		t.Numbers = floats(c.GetUintContents())
	case "UINT64":
		t.Numbers = floats(c.GetUint64Contents())
	case "FP64":
		t.Numbers = floats(c.GetFp64Contents())
	case protocol.Bytes:
		t.Texts = c.GetBytesContents()
	default:
		t.Numbers = c.GetFp32Contents()
	}
	return t.Complete()
}

func floats[T int32 | int64 | uint32 | uint64 | float64](values []T) []float32 {
	out := make([]float32, len(values))
	for i, x := range values {
		out[i] = float32(x)
	}
	return out
}

// writeContents makes the answer; as bytes where the request was, as the protocol's servers do.
func writeContents(r *oip.ModelInferRequest, m *served, x *scratch) (*oip.ModelInferResponse, error) {
	names := make([]string, len(r.GetOutputs()))
	for i, out := range r.GetOutputs() {
		names[i] = out.GetName()
	}
	tensors, err := m.answers.Tensors(names, &x.rows, x.out)
	if err != nil {
		return nil, err
	}
	answer := &oip.ModelInferResponse{ModelName: m.Manifest.Name, ModelVersion: m.Manifest.Version, Id: r.GetId()}
	for i := range tensors {
		t := &tensors[i]
		out := &oip.ModelInferResponse_InferOutputTensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape}
		if len(r.GetRawInputContents()) > 0 {
			answer.RawOutputContents = append(answer.RawOutputContents, t.AppendRaw(nil))
		} else {
			// The scratch is used again while gRPC still writes the answer.
			out.Contents = &oip.InferTensorContents{Fp32Contents: append([]float32(nil), t.Numbers...),
				BytesContents: t.Texts}
		}
		answer.Outputs = append(answer.Outputs, out)
	}
	return answer, nil
}
