package cloud

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/engine"
	standin "github.com/mlpathway/mlpathway/tests/standin/cloud"
)

// TestRealAccount tests a stack in the account that the environment has credentials for.
//
//nolint:paralleltest // it has the account for itself
func TestRealAccount(t *testing.T) {
	stack := os.Getenv(Variable)
	if stack == "" {
		t.Skipf("%s names no stack to test in a real account; see docs/testing.md", Variable)
	}
	source, err := engine.Source()
	require.NoError(t, err)
	cli, err := exec.LookPath("pulumi")
	require.NoError(t, err, "a test in a real account runs the installed Pulumi")
	r := &Runner{Stack: stack, Dir: source, Pulumi: cli, Environment: os.Environ(), Out: os.Stderr}
	// An interrupt ends the phase, and what was made is still taken away.
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	require.NoError(t, r.Run(ctx))
}

// bucket is the one resource of the program under test.
type bucket struct {
	pulumi.CustomResourceState
	Arn pulumi.StringOutput `pulumi:"arn"`
}

// program makes a bucket; opts and output are what the tests vary.
func program(output string, opts ...pulumi.ResourceOption) engine.Program {
	return engine.Inline(func(ctx *pulumi.Context) error {
		var b bucket
		err := ctx.RegisterResource("aws:s3/bucketV2:BucketV2", "lake", pulumi.Map{}, &b, opts...)
		ctx.Export("lake", b.Arn)
		ctx.Export("other", pulumi.String(output))
		return err
	})
}

// runner makes a runner over the stand-in.
func runner(t *testing.T, p engine.Program) (*Runner, *engine.Stack, *bytes.Buffer) {
	t.Helper()
	s := engine.New(t).Stack(t, "dev", p, nil)
	var out bytes.Buffer
	return &Runner{
		Stack: "dev", Dir: s.Workspace.Root, Pulumi: s.Workspace.Pulumi, Environment: s.Workspace.Environment(),
		Flags: s.Client(), Out: &out,
	}, s, &out
}

func left(t *testing.T, s *engine.Stack) int {
	t.Helper()
	resources, err := s.Workspace.Cloud.Resources()
	require.NoError(t, err)
	return len(resources)
}

func TestSixPhases(t *testing.T) {
	t.Parallel()
	r, s, out := runner(t, program("value"))
	require.NoError(t, r.Run(t.Context()), out)
	at := 0
	for _, phase := range Phases() {
		next := strings.Index(out.String(), "=== dev "+phase.Name)
		assert.GreaterOrEqual(t, next, at, "%s comes in its turn", phase.Name)
		at = next
	}
	assert.Zero(t, left(t, s))
}

func TestAFailedPhaseIsCleanedUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		program engine.Program
		fault   *standin.Fault
		want    error
		text    string
	}{
		"an empty output": {program: program(""), want: ErrOutput, text: "verify outputs"},
		"a failed deployment": {
			program: program("value"), fault: &standin.Fault{Kind: standin.Partial, At: 1}, text: "deploy",
		},
		"a bucket that is not deleted": {
			program: program("value"), fault: &standin.Fault{Kind: standin.Keep, At: 1, Operation: standin.Delete},
			want: ErrLeft, text: "in the account: 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s, out := runner(t, test.program)
			if test.fault != nil {
				require.NoError(t, s.Workspace.Cloud.SetFaults(*test.fault))
			}
			err := r.Run(t.Context())
			require.ErrorContains(t, err, test.text, out)
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
			}
			if test.fault == nil || test.fault.Kind != standin.Keep {
				assert.Zero(t, left(t, s), "what the test made must go, whatever happened")
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	r, s, _ := runner(t, program("value"))
	s.Up(t)
	err := r.Run(t.Context())
	require.ErrorIs(t, err, ErrExists)
	assert.Equal(t, 1, left(t, s), "somebody's stack must stay")

	r.Stack = "nowhere"
	require.ErrorContains(t, r.Run(t.Context()), "no stack file for nowhere")
}

func TestProtectedStacksAreRefused(t *testing.T) {
	t.Parallel()
	r, _, _ := runner(t, program("value", pulumi.RetainOnDelete(true)))
	require.ErrorIs(t, r.Run(t.Context()), ErrProtected)
}

func TestDriftIsSeen(t *testing.T) {
	t.Parallel()
	r, s, _ := runner(t, program("value"))
	require.NoError(t, r.validate(t.Context()))
	require.NoError(t, r.deploy(t.Context()))
	require.NoError(t, r.verifyResources(t.Context()))
	made := r.recorded
	for _, resource := range custom(made) {
		require.NoError(t, s.Workspace.Cloud.Vanish(string(resource.Type), string(resource.ID)))
	}
	require.ErrorIs(t, r.verifyResources(t.Context()), ErrDrift)
}
