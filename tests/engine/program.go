package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Program is what the engine runs to learn what a stack wants.
type Program func(context.Context, *pulumirpc.RunRequest) *pulumirpc.RunResponse

// Inline runs a function of the test itself.
func Inline(program pulumi.RunFunc) Program {
	return func(ctx context.Context, r *pulumirpc.RunRequest) *pulumirpc.RunResponse {
		if err := runInline(ctx, r, program); err != nil {
			return &pulumirpc.RunResponse{Error: err.Error()}
		}
		return &pulumirpc.RunResponse{}
	}
}

func runInline(ctx context.Context, r *pulumirpc.RunRequest, program pulumi.RunFunc) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the program panicked: %v", p)
		}
	}()
	c, err := pulumi.NewContext(ctx, pulumi.RunInfo{
		EngineAddr: r.GetArgs()[0], MonitorAddr: r.GetMonitorAddress(), Config: r.GetConfig(),
		ConfigSecretKeys: r.GetConfigSecretKeys(), Project: r.GetProject(), Stack: r.GetStack(),
		Organization: r.GetOrganization(), Parallel: r.GetParallel(), DryRun: r.GetDryRun(),
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return pulumi.RunWithContext(c, program)
}

// loggedError is how a program ends that has told the engine what is wrong.
const loggedError = 32

// Binary runs a program that was built before, as a language host does: with the engine's addresses and the stack's
// configuration in the environment, in the directory of the project.
func Binary(path, dir string) Program {
	return func(ctx context.Context, r *pulumirpc.RunRequest) *pulumirpc.RunResponse {
		command := exec.CommandContext(ctx, path)
		command.Dir, command.Stdout, command.Stderr = dir, os.Stderr, os.Stderr
		command.WaitDelay = time.Second
		command.Env = append(os.Environ(), variables(r)...)
		err := command.Run()
		if command.ProcessState != nil {
			programCPU.Store(int64(command.ProcessState.UserTime() + command.ProcessState.SystemTime()))
		}
		var exit *exec.ExitError
		switch {
		case err == nil:
			return &pulumirpc.RunResponse{}
		case errors.As(err, &exit) && exit.ExitCode() == loggedError:
			return &pulumirpc.RunResponse{Bail: true}
		default:
			return &pulumirpc.RunResponse{Error: fmt.Sprintf("running %s: %v", path, err)}
		}
	}
}

// programCPU is what the program of the last Binary used. Only the benchmark, which runs alone, reads it.
var programCPU atomic.Int64

// variables are how the Go SDK is told about its engine.
func variables(r *pulumirpc.RunRequest) []string {
	config, _ := json.Marshal(r.GetConfig())            // a map of texts
	secrets, _ := json.Marshal(r.GetConfigSecretKeys()) // a list of texts
	return []string{
		pulumi.EnvOrganization + "=" + r.GetOrganization(),
		pulumi.EnvProject + "=" + r.GetProject(),
		pulumi.EnvStack + "=" + r.GetStack(),
		pulumi.EnvConfig + "=" + string(config),
		pulumi.EnvConfigSecretKeys + "=" + string(secrets),
		pulumi.EnvDryRun + "=" + fmt.Sprint(r.GetDryRun()),
		pulumi.EnvParallel + "=" + fmt.Sprint(r.GetParallel()),
		pulumi.EnvMonitor + "=" + r.GetMonitorAddress(),
		pulumi.EnvEngine + "=" + r.GetArgs()[0],
	}
}

// host is the language host of a stack: the engine asks it to run the program. With it no program is compiled while a
// test runs.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	address string

	mu      sync.Mutex
	program Program
	// spent is how long the program of the last run took.
	spent time.Duration
}

func startHost(t *testing.T) *host {
	t.Helper()
	h := &host{}
	stop := make(chan bool)
	server, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: stop,
		Init: func(s *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(s, h)
			return nil
		},
	})
	require.NoError(t, err)
	h.address = fmt.Sprintf("127.0.0.1:%d", server.Port)
	t.Cleanup(func() { close(stop) })
	return h
}

func (h *host) set(p Program) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.program, h.spent = p, 0
}

func (h *host) programTime() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.spent
}

// Run implements the language host.
func (h *host) Run(ctx context.Context, r *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	h.mu.Lock()
	program := h.program
	h.mu.Unlock()
	begun := time.Now()
	response := program(ctx, r)
	h.mu.Lock()
	h.spent = time.Since(begun)
	h.mu.Unlock()
	return response, nil
}

// GetRequiredPackages implements the language host: the engine asks for plugins as it meets them.
func (h *host) GetRequiredPackages(
	context.Context, *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

// GetPluginInfo implements the language host.
func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: "1.0.0"}, nil
}
