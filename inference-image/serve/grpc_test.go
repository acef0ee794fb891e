package serve_test

import (
	"context"
	"encoding/binary"
	"math"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/oip"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// startGRPC runs an endpoint with gRPC and gives a connection to it.
func startGRPC(t *testing.T, l *inferencetest.Lake, change func(o *serve.Options)) (*endpoint, *grpc.ClientConn) {
	t.Helper()
	addresses := make(chan string, 1)
	e := start(t, l, func(o *serve.Options) {
		o.GRPCAddress, o.StartedGRPC = "127.0.0.1:0", func(address string) { addresses <- address }
		if change != nil {
			change(o)
		}
	})
	var address string
	select {
	case address = <-addresses:
	case <-time.After(20 * time.Second):
		require.Fail(t, "gRPC does not listen")
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return e, connection
}

func rawRows(rows [][]float32) (raw []byte) {
	for _, row := range rows {
		for _, x := range row {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
	}
	return raw
}

func TestGRPC(t *testing.T) {
	t.Parallel()
	for _, task := range []string{onnx.Binary, onnx.Multiclass, onnx.Regression} {
		l := inferencetest.New(t)
		model := onnxtest.Ensemble(7, onnxtest.Shape{Task: task})
		l.Serve("v1", model)
		e, connection := startGRPC(t, l, nil)
		e.waitFor("v1")
		client := oip.NewGRPCInferenceServiceClient(connection)
		rows := onnxtest.Rows(3, model, 50, 0)
		var flat, want []float32
		for _, row := range rows {
			out := make([]float32, model.Outputs())
			model.Predict(row, out)
			flat, want = append(flat, row...), append(want, out...)
		}
		shape := []int64{int64(len(rows)), int64(len(model.Inputs))}
		in := &oip.ModelInferRequest_InferInputTensor{Name: "features", Datatype: "FP32", Shape: shape,
			Contents: &oip.InferTensorContents{Fp32Contents: flat}}
		answer, err := client.ModelInfer(t.Context(), &oip.ModelInferRequest{ModelName: "tumour", Id: "42",
			Inputs: []*oip.ModelInferRequest_InferInputTensor{in}})
		require.NoError(t, err)
		assert.Equal(t, "v1", answer.GetModelVersion())
		assert.Equal(t, "42", answer.GetId())
		last := answer.GetOutputs()[len(answer.GetOutputs())-1]
		assert.Equal(t, want, last.GetContents().GetFp32Contents())
		in.Contents = nil
		answer, err = client.ModelInfer(t.Context(), &oip.ModelInferRequest{ModelName: "tumour", ModelVersion: "v1",
			Inputs: []*oip.ModelInferRequest_InferInputTensor{in}, RawInputContents: [][]byte{rawRows(rows)}})
		require.NoError(t, err)
		raw := answer.GetRawOutputContents()[len(answer.GetOutputs())-1]
		assert.Equal(t, rawRows([][]float32{want}), raw)
		if task != onnx.Regression {
			assert.Equal(t, "label", answer.GetOutputs()[0].GetName())
			assert.Len(t, answer.GetRawOutputContents(), 2)
		}
	}
}

func TestGRPCMetadataAndErrors(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	e, connection := startGRPC(t, l, nil)
	client, ctx := oip.NewGRPCInferenceServiceClient(connection), t.Context()
	ready, err := client.ServerReady(ctx, &oip.ServerReadyRequest{})
	require.NoError(t, err)
	assert.False(t, ready.GetReady())
	_, err = client.ModelMetadata(ctx, &oip.ModelMetadataRequest{Name: "tumour"})
	assert.Equal(t, codes.Unavailable, status.Code(err))
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	e.waitFor("v1")
	live, err := client.ServerLive(ctx, &oip.ServerLiveRequest{})
	require.NoError(t, err)
	assert.True(t, live.GetLive())
	server, err := client.ServerMetadata(ctx, &oip.ServerMetadataRequest{})
	require.NoError(t, err)
	assert.Equal(t, "mlpathway", server.GetName())
	about, err := client.ModelMetadata(ctx, &oip.ModelMetadataRequest{Name: "tumour"})
	require.NoError(t, err)
	assert.Equal(t, []int64{-1, 2}, about.GetInputs()[0].GetShape())
	assert.Equal(t, []string{"v1"}, about.GetVersions())
	for version, want := range map[string]bool{"": true, "v1": true, "v2": false} {
		ready, err := client.ModelReady(ctx, &oip.ModelReadyRequest{Name: "tumour", Version: version})
		require.NoError(t, err)
		assert.Equal(t, want, ready.GetReady(), version)
	}
	health, err := healthpb.NewHealthClient(connection).Check(ctx, &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	assert.Equal(t, healthpb.HealthCheckResponse_SERVING, health.GetStatus())
	tensor := func(shape []int64, numbers ...float32) []*oip.ModelInferRequest_InferInputTensor {
		return []*oip.ModelInferRequest_InferInputTensor{{Name: "features", Datatype: "FP32", Shape: shape,
			Contents: &oip.InferTensorContents{Fp32Contents: numbers}}}
	}
	for _, c := range []struct {
		request *oip.ModelInferRequest
		code    codes.Code
		says    string
	}{
		{&oip.ModelInferRequest{ModelName: "other"}, codes.NotFound, "unknown model"},
		{&oip.ModelInferRequest{ModelName: "tumour", ModelVersion: "v9"}, codes.NotFound, "no version"},
		{&oip.ModelInferRequest{ModelName: "tumour"}, codes.InvalidArgument, "no inputs"},
		{&oip.ModelInferRequest{ModelName: "tumour", Inputs: tensor([]int64{1, 3}, 1, 2, 3)}, codes.InvalidArgument,
			"[rows, 2]"},
		{&oip.ModelInferRequest{ModelName: "tumour", Inputs: tensor([]int64{1, 2}, 1)}, codes.InvalidArgument,
			"has 1 elements"},
		{&oip.ModelInferRequest{ModelName: "tumour", Inputs: tensor([]int64{1, 2}, 1, float32(math.Inf(1)))},
			codes.InvalidArgument, `the feature "x1" is infinite`},
		{&oip.ModelInferRequest{ModelName: "tumour", Inputs: tensor([]int64{1, 2}), RawInputContents: [][]byte{{1}, {2}}},
			codes.InvalidArgument, "not as many"},
		{&oip.ModelInferRequest{ModelName: "tumour", Inputs: tensor([]int64{1 << 40, 1 << 40}),
			RawInputContents: [][]byte{{1}}},
			codes.InvalidArgument, "at most"},
		{&oip.ModelInferRequest{ModelName: "tumour", Inputs: tensor([]int64{1, 2}, 1, 2),
			Outputs: []*oip.ModelInferRequest_InferRequestedOutputTensor{{Name: "x"}}}, codes.InvalidArgument,
			"unknown output"},
	} {
		_, err := client.ModelInfer(ctx, c.request)
		assert.Equal(t, c.code, status.Code(err), "%v", err)
		assert.ErrorContains(t, err, c.says)
	}
}

func TestGRPCToken(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	path := l.Path("logs", "token")
	require.NoError(t, os.WriteFile(path, []byte("s3cret\n"), 0o600))
	e, connection := startGRPC(t, l, func(o *serve.Options) { o.TokenFile = path })
	e.waitFor("v1")
	client := oip.NewGRPCInferenceServiceClient(connection)
	for header, want := range map[string]codes.Code{"": codes.Unauthenticated, "Bearer wrong": codes.Unauthenticated,
		"Bearer s3cret": codes.OK} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", header)
		_, err := client.ModelMetadata(ctx, &oip.ModelMetadataRequest{Name: "tumour"})
		assert.Equal(t, want, status.Code(err), header)
	}
	_, err := client.ServerLive(t.Context(), &oip.ServerLiveRequest{})
	require.NoError(t, err, "probes have no token")
}

// A call whose deadline has passed while it waits stops, and says so.
func TestGRPCDeadline(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	e, connection := startGRPC(t, l, nil)
	e.waitFor("v1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	_, err := oip.NewGRPCInferenceServiceClient(connection).ModelInfer(ctx, &oip.ModelInferRequest{ModelName: "tumour"})
	assert.Equal(t, codes.DeadlineExceeded, status.Code(err))
	code, _, _ := e.do(http.MethodPost, "/predict", `{"features":[1,2]}`)
	assert.Equal(t, http.StatusOK, code)
}
