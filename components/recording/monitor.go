package recording

import (
	"context"
	"fmt"
	"net"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// The mocks of the SDK drop unknown values on their way in, and fail on a secret whose value is unknown: a preview of a
// real program has both. So the recorder is a server of its own, on loopback, for as long as the program runs.

// marshal keeps everything that a program says of a value.
var marshal = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true}

// maxMessage bounds a message, in bytes; it is that of the engine.
const maxMessage = 400 << 20

// monitor answers a program in place of the engine's resource monitor.
type monitor struct {
	pulumirpc.UnimplementedResourceMonitorServer
	r *Recorder
}

// engine answers a program in place of the engine itself.
type engine struct {
	pulumirpc.UnimplementedEngineServer
	r *Recorder
}

// serve listens on loopback until stop is called.
func (r *Recorder) serve() (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("recording a program: %w", err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage))
	pulumirpc.RegisterResourceMonitorServer(server, &monitor{r: r})
	pulumirpc.RegisterEngineServer(server, &engine{r: r})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // it ends with Stop, and a program that cannot reach it says so
	}()
	return listener.Addr().String(), func() { server.Stop(); <-done }, nil
}

// GetDeploymentInfo says what the recorder understands: no transforms and no hooks, which layers do not use, and no
// output values, so that what depends on what stands in the dependencies of a property alone.
func (m *monitor) GetDeploymentInfo(context.Context, *emptypb.Empty) (*pulumirpc.DeploymentInfo, error) {
	return &pulumirpc.DeploymentInfo{
		Project: m.r.options.Project, Stack: m.r.options.Stack,
		SupportedFeatures: []pulumirpc.ResourceMonitorFeature{
			pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_SECRETS,
			pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
			pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
			pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_DELETED_WITH,
			pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
			pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_PARAMETERIZATION,
		},
	}, nil
}

// RegisterResource records a resource and answers as if it had been made.
func (m *monitor) RegisterResource(
	_ context.Context, in *pulumirpc.RegisterResourceRequest,
) (*pulumirpc.RegisterResourceResponse, error) {
	if in.GetType() == string(resource.RootStackType) && in.GetParent() == "" {
		return &pulumirpc.RegisterResourceResponse{Urn: m.r.urn(in)}, nil
	}
	made, err := m.r.read(in)
	if err != nil {
		return nil, err
	}
	m.r.mu.Lock()
	m.r.resources = append(m.r.resources, made)
	m.r.mu.Unlock()
	id, outputs := m.r.invent(made)
	object, err := plugin.MarshalProperties(outputs, marshal)
	if err != nil {
		return nil, fmt.Errorf("answering for %s %q: %w", made.Type, made.Name, err)
	}
	return &pulumirpc.RegisterResourceResponse{Urn: made.URN, Id: id, Object: object}, nil
}

// RegisterResourceOutputs counts, and keeps the outputs of the stack.
func (m *monitor) RegisterResourceOutputs(
	_ context.Context, in *pulumirpc.RegisterResourceOutputsRequest,
) (*emptypb.Empty, error) {
	outputs, err := plugin.UnmarshalProperties(in.GetOutputs(), marshal)
	if err != nil {
		return nil, fmt.Errorf("reading the outputs of %s: %w", in.GetUrn(), err)
	}
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	m.r.outputs++
	if resource.URN(in.GetUrn()).QualifiedType() == resource.RootStackType {
		m.r.exported = outputs
	}
	return &emptypb.Empty{}, nil
}

// Invoke refuses: layers look nothing up, for a plan needs no account.
func (*monitor) Invoke(
	_ context.Context, in *pulumirpc.ResourceInvokeRequest,
) (*pulumirpc.ResourceInvokeResponse, error) {
	return nil, fmt.Errorf("the program calls %s; a layer must not look anything up", in.GetTok())
}

// RegisterPackage accepts a package: its types are what a program says they are.
func (*monitor) RegisterPackage(
	context.Context, *pulumirpc.RegisterPackageRequest,
) (*pulumirpc.RegisterPackageResponse, error) {
	return &pulumirpc.RegisterPackageResponse{Ref: "recorded"}, nil
}

// SignalAndWaitForShutdown ends a program.
func (*monitor) SignalAndWaitForShutdown(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// Log drops what a program logs: what is wrong comes back as an error.
func (*engine) Log(context.Context, *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}
