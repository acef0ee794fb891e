// Package cloud takes a stack through the six phases of a test in a real account: validate, deploy, verify the
// outputs, verify the resources, destroy, verify that nothing is left. It costs money and needs credentials, so that it
// runs only where a person asks for it: see docs/testing.md. Nothing else in this project reaches an account.
package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Variable names, in the environment, the stack that is to be tested in a real account: MLPATHWAY_CLOUD_TEST=fraud-dev.
const Variable = "MLPATHWAY_CLOUD_TEST"

// Runner tests one stack. Every phase runs the installed Pulumi CLI.
type Runner struct {
	// Stack to test. It must not exist before: the test destroys it.
	Stack string
	// Dir is the project's directory.
	Dir string
	// Pulumi is the CLI.
	Pulumi string
	// Environment that the CLI runs with: the credentials are in it.
	Environment []string
	// Flags are added to every operation.
	Flags []string
	// Out shows what happens.
	Out io.Writer

	recorded []apitype.ResourceV3
}

// Phase is one of the six.
type Phase struct {
	// Name of the phase.
	Name string
	run  func(*Runner, context.Context) error
}

// Phases are the six in their order.
func Phases() []Phase {
	return []Phase{
		{"validate", (*Runner).validate},
		{"deploy", (*Runner).deploy},
		{"verify outputs", (*Runner).verifyOutputs},
		{"verify resources", (*Runner).verifyResources},
		{"destroy", (*Runner).destroy},
		{"verify clean", (*Runner).verifyClean},
	}
}

// Errors of the phases.
var (
	// ErrExists means that the stack has resources already: it is somebody's.
	ErrExists = errors.New("the stack has resources already")
	// ErrProtected means that the stack cannot be destroyed again by a test.
	ErrProtected = errors.New("the stack protects or retains resources: test one of dev or stage")
	// ErrOutput means that an output is missing or empty.
	ErrOutput = errors.New("not a usable output")
	// ErrDrift means that the account does not hold what the state says.
	ErrDrift = errors.New("the account differs from the state")
	// ErrLeft means that something is left after the destroy.
	ErrLeft = errors.New("something is left")
)

// Run runs the phases. Once something may have been made it is destroyed again, whatever happens in between.
func (r *Runner) Run(ctx context.Context) (err error) {
	deployed := false
	for _, phase := range Phases() {
		if phase.Name == "destroy" {
			break
		}
		deployed = deployed || phase.Name == "deploy"
		if err = r.phase(ctx, phase); err != nil {
			break
		}
	}
	if !deployed {
		return err
	}
	// The end of the context must not leave a cluster running.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Hour)
	defer cancel()
	for _, phase := range Phases()[4:] {
		if cleanErr := r.phase(clean, phase); cleanErr != nil {
			return errors.Join(err, cleanErr)
		}
	}
	return err
}

func (r *Runner) phase(ctx context.Context, p Phase) error {
	begun := time.Now()
	fmt.Fprintf(r.Out, "=== %s %s\n", r.Stack, p.Name)
	if err := p.run(r, ctx); err != nil {
		return fmt.Errorf("%s: %s: %w", r.Stack, p.Name, err)
	}
	fmt.Fprintf(r.Out, "    %s in %s\n", p.Name, time.Since(begun).Round(time.Second))
	return nil
}

// pulumi runs the CLI and returns what it wrote to standard output.
func (r *Runner) pulumi(ctx context.Context, args ...string) ([]byte, error) {
	args = append(args, "--stack", r.Stack, "--non-interactive")
	command := exec.CommandContext(ctx, r.Pulumi, args...)
	command.Dir, command.Env, command.Stderr = r.Dir, r.Environment, r.Out
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // lets it save its state
	command.WaitDelay = time.Minute
	out, err := command.Output()
	if err != nil {
		return out, fmt.Errorf("pulumi %s: %w: %s", args[0], err, last(string(out), 2000))
	}
	return out, nil
}

func last(text string, n int) string { return text[max(0, len(text)-n):] }

// operation runs an operation of the engine with the runner's flags.
func (r *Runner) operation(ctx context.Context, args ...string) ([]byte, error) {
	return r.pulumi(ctx, append(args, r.Flags...)...)
}

// state reads the resources of the stack.
func (r *Runner) state(ctx context.Context) ([]apitype.ResourceV3, error) {
	out, err := r.pulumi(ctx, "stack", "export")
	if err != nil {
		return nil, err
	}
	var export struct {
		Deployment apitype.DeploymentV3 `json:"deployment"`
	}
	if err := json.Unmarshal(out, &export); err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	return export.Deployment.Resources, nil
}

// custom are the resources that lie in the account.
func custom(resources []apitype.ResourceV3) []apitype.ResourceV3 {
	return slices.DeleteFunc(slices.Clone(resources), func(r apitype.ResourceV3) bool {
		return !r.Custom || strings.HasPrefix(string(r.Type), "pulumi:")
	})
}

// validate: the stack is nobody's, its stack file is good, and a preview succeeds.
func (r *Runner) validate(ctx context.Context) error {
	file := filepath.Join(r.Dir, "stacks", "Pulumi."+r.Stack+".yaml")
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("there is no stack file for %s: %w", r.Stack, err)
	}
	if _, err := r.pulumi(ctx, "stack", "select", "--create"); err != nil {
		return err
	}
	before, err := r.state(ctx)
	if err != nil {
		return err
	}
	if found := custom(before); len(found) > 0 {
		return fmt.Errorf("%w: %d, such as %s", ErrExists, len(found), found[0].URN)
	}
	_, err = r.operation(ctx, "preview")
	return err
}

// deploy: up, and a second up that changes nothing.
func (r *Runner) deploy(ctx context.Context) (err error) {
	if _, err := r.operation(ctx, "up", "--yes", "--skip-preview"); err != nil {
		return err
	}
	if r.recorded, err = r.state(ctx); err != nil {
		return err
	}
	for _, found := range custom(r.recorded) {
		if found.Protect || found.RetainOnDelete {
			return fmt.Errorf("%w: %s", ErrProtected, found.URN)
		}
	}
	if _, err := r.operation(ctx, "preview", "--expect-no-changes"); err != nil {
		return fmt.Errorf("a second up would change something: %w", err)
	}
	return nil
}

// unresolved are texts that stand where a value should be.
var unresolved = regexp.MustCompile(`^$|<computed>|04da6b54-80e4-46f7-96ec-b56ff0331ba9|%!`)

// verifyOutputs: every output of the stack has a value.
func (r *Runner) verifyOutputs(ctx context.Context) error {
	out, err := r.pulumi(ctx, "stack", "output", "--json")
	if err != nil {
		return err
	}
	var outputs map[string]any
	if err := json.Unmarshal(out, &outputs); err != nil {
		return fmt.Errorf("reading the outputs: %w", err)
	}
	if len(outputs) == 0 {
		return fmt.Errorf("%w: there is none", ErrOutput)
	}
	for name, value := range outputs {
		text, isText := value.(string)
		if value == nil || isText && unresolved.MatchString(text) {
			return fmt.Errorf("%w: %s is %q", ErrOutput, name, value)
		}
	}
	return nil
}

// verifyResources: what the account holds is what the state says. A refresh asks for every resource.
func (r *Runner) verifyResources(ctx context.Context) error {
	if _, err := r.operation(ctx, "refresh", "--yes", "--skip-preview", "--expect-no-changes"); err != nil {
		return fmt.Errorf("%w: %w", ErrDrift, err)
	}
	return nil
}

// destroy: all of it goes.
func (r *Runner) destroy(ctx context.Context) error {
	if r.recorded == nil { // the deployment failed half-way
		recorded, err := r.state(ctx)
		if err != nil {
			return err
		}
		r.recorded = recorded
	}
	_, err := r.operation(ctx, "destroy", "--yes", "--skip-preview")
	return err
}

// verifyClean: the state is empty, and none of what was made can be read any more.
func (r *Runner) verifyClean(ctx context.Context) error {
	left, err := r.state(ctx)
	if err != nil {
		return err
	}
	if found := custom(left); len(found) > 0 {
		return fmt.Errorf("%w in the state: %d, such as %s", ErrLeft, len(found), found[0].URN)
	}
	if err := r.ask(ctx); err != nil {
		return err
	}
	_, err = r.pulumi(ctx, "stack", "rm", "--yes", "--preserve-config")
	return err
}

// ask reads everything that was destroyed once more: the recorded state is put back, a refresh asks the account for
// each resource, and what it does not find goes from the state.
func (r *Runner) ask(ctx context.Context) error {
	export, err := r.pulumi(ctx, "stack", "export")
	if err != nil {
		return err
	}
	var file map[string]any
	if err := json.Unmarshal(export, &file); err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	deployment, ok := file["deployment"].(map[string]any)
	if !ok {
		return errors.New("reading the state: there is no deployment in it")
	}
	deployment["resources"] = r.recorded
	if err := r.restore(ctx, file); err != nil {
		return err
	}
	if _, err := r.operation(ctx, "refresh", "--yes", "--skip-preview"); err != nil {
		return err
	}
	left, err := r.state(ctx)
	if err != nil {
		return err
	}
	if found := custom(left); len(found) > 0 {
		return fmt.Errorf("%w in the account: %d, such as %s (%s)", ErrLeft, len(found), found[0].URN, found[0].ID)
	}
	_, err = r.operation(ctx, "destroy", "--yes", "--skip-preview") // components and providers
	return err
}

func (r *Runner) restore(ctx context.Context, file map[string]any) error {
	data, err := json.Marshal(file)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("", "mlpathway-state-*.json")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = r.pulumi(ctx, "stack", "import", "--file", f.Name())
	return err
}
