package provider

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/mlpathway/mlpathway/components/local/provider/socket"
	"github.com/mlpathway/mlpathway/internal/schedule"
)

// Restart policies of a Process.
const (
	restartAlways    = "always"
	restartOnFailure = "on_failure"
	restartNo        = "no"
)

const (
	defaultStopTimeoutSeconds = 10
	maxStopTimeoutSeconds     = 3600
	// lastStep is the name of the step that the supervisor adds to a run.
	lastStep = "done"
	// everyPrefix starts a schedule with an interval instead of a cron expression.
	everyPrefix = "@every "
)

var environmentPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Process is the definition of a process that a Supervisor runs. It is a file in the supervisor's directory; the
// Supervisor brings it to life.
type Process struct{}

// Step is one step of a process that runs several commands one after the other.
type Step struct {
	Name    string   `pulumi:"name" yaml:"name"`
	Command []string `pulumi:"command" yaml:"command"`
}

// ProcessArgs are the inputs of a Process.
type ProcessArgs struct {
	Name               string            `pulumi:"name"`
	Directory          string            `pulumi:"directory"`
	Command            []string          `pulumi:"command,optional"`
	Steps              []Step            `pulumi:"steps,optional"`
	Environment        map[string]string `pulumi:"environment,optional"`
	Version            string            `pulumi:"version,optional"`
	Schedule           string            `pulumi:"schedule,optional"`
	Trigger            bool              `pulumi:"trigger,optional"`
	Restart            string            `pulumi:"restart,optional"`
	ReadyURL           string            `pulumi:"readyUrl,optional"`
	StopTimeoutSeconds int               `pulumi:"stopTimeoutSeconds,optional"`
	RunIDCommand       []string          `pulumi:"runIdCommand,optional"`
}

// ProcessState is a Process whose definition is written.
type ProcessState struct {
	ProcessArgs
	Digest   string `pulumi:"digest"`
	LogFile  string `pulumi:"logFile"`
	StartURL string `pulumi:"startUrl"`
}

// Annotate describes the resource in the schema.
func (process *Process) Annotate(a infer.Annotator) {
	a.Describe(&process, "The definition of a process that a Supervisor starts, restarts, schedules and stops.")
}

// Annotate describes a step in the schema.
func (s *Step) Annotate(a infer.Annotator) {
	a.Describe(&s.Name, "Name of the step, for the log.")
	a.Describe(&s.Command, "The program and its arguments. No shell is involved.")
}

// Annotate describes the inputs in the schema.
func (args *ProcessArgs) Annotate(a infer.Annotator) {
	a.Describe(&args.Name, "Name of the process. A change replaces it.")
	a.Describe(&args.Directory, "The directory of the Supervisor, absolute. A change replaces the process.")
	a.Describe(&args.Command, "The program and its arguments. No shell is involved. Exactly one of command and steps.")
	a.Describe(&args.Steps, "Steps of a run, each after the success of the one before. One of command and steps.")
	a.Describe(&args.Environment, "Environment variables, beside PATH, HOME and a few more of the user's own.")
	a.Describe(&args.Version, "Digest of the program, so that a rebuilt one restarts the process.")
	a.Describe(&args.Schedule, `When to start it: a cron expression of five fields in UTC, or "@every 30s"; "" for never.`)
	a.Describe(&args.Trigger, "Start it only by its schedule or by a POST to startUrl, and not with the supervisor.")
	a.Describe(&args.Restart, `What to do when it ends: "always", "on_failure" or "no". Default "always"; "no" for one `+
		"with a schedule or trigger, whose next start is the retry.")
	a.Describe(&args.ReadyURL, "An http URL on this machine that answers 200 when the process is ready.")
	a.Describe(&args.StopTimeoutSeconds, "Seconds between SIGTERM and SIGKILL when it is stopped. Default 10.")
	a.Describe(&args.RunIDCommand, "With steps: a command whose output becomes MLPATHWAY_RUN of all steps of a run.")
	a.SetDefault(&args.StopTimeoutSeconds, defaultStopTimeoutSeconds)
}

// Annotate describes the outputs in the schema.
func (s *ProcessState) Annotate(a infer.Annotator) {
	a.Describe(&s.Digest, "SHA-256 of the definition on disk.")
	a.Describe(&s.LogFile, "The log of the process. It is rotated at 10 MB, with 3 old files kept.")
	a.Describe(&s.StartURL, "The address that starts the process on a POST: unix://<socket>:/process/start/<name>.")
}

// WireDependencies says that the log and the address of a process follow from its name and directory alone, so that a
// changed definition leaves those who use them alone.
func (*Process) WireDependencies(f infer.FieldSelector, args *ProcessArgs, state *ProcessState) {
	name, directory := f.InputField(&args.Name), f.InputField(&args.Directory)
	f.OutputField(&state.Digest).DependsOn(f.InputField(args).Computed())
	f.OutputField(&state.LogFile).DependsOn(name, directory)
	f.OutputField(&state.StartURL).DependsOn(name, directory)
}

// Check validates the definition and fills the restart policy.
func (*Process) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[ProcessArgs], error) {
	args, failures, err := infer.DefaultCheck[ProcessArgs](ctx, req.NewInputs)
	c := checker{inputs: req.NewInputs, failures: failures}
	if err == nil && len(failures) == 0 {
		if args.Restart == "" {
			args.Restart = restartAlways
			if args.onDemand() {
				args.Restart = restartNo
			}
		}
		c.name("name", args.Name)
		c.absolute("directory", args.Directory)
		c.commands(&args)
		c.starts(&args)
		c.environment(args.Environment)
	}
	return infer.CheckResponse[ProcessArgs]{Inputs: args, Failures: c.failures}, err
}

// onDemand tells whether the process is started by its schedule or a request and not with the supervisor.
func (args *ProcessArgs) onDemand() bool { return args.Schedule != "" || args.Trigger }

func (c *checker) commands(args *ProcessArgs) {
	if (len(args.Command) == 0) == (len(args.Steps) == 0) {
		if _, computed := c.inputs.GetOk("command"); !computed || c.known("command") {
			c.failf("command", "give exactly one of command and steps")
		}
		return
	}
	if c.known("command") && len(args.Command) > 0 && args.Command[0] == "" {
		c.failf("command", "the program, which is the first item, is empty")
	}
	seen := map[string]bool{lastStep: true}
	for i, step := range args.Steps {
		c.want(namePattern.MatchString(step.Name) && !seen[step.Name], "steps",
			"step %d: found the name %q, want one of lower-case letters, digits and '-' that no other step has, and not %q",
			i+1, step.Name, lastStep)
		c.want(len(step.Command) > 0, "steps", "step %q has no command", step.Name)
		seen[step.Name] = true
	}
	c.want(len(args.RunIDCommand) == 0 || len(args.Steps) > 0, "runIdCommand",
		"a run id needs steps: give steps, or set MLPATHWAY_RUN in environment")
}

func (c *checker) starts(args *ProcessArgs) {
	c.want(args.Schedule == "" || checkSchedule(args.Schedule) == nil, "schedule", "%v", checkSchedule(args.Schedule))
	switch args.Restart {
	case restartAlways, restartOnFailure:
		if args.onDemand() {
			c.failf("restart", "found %q, want %q for a process with a schedule or trigger: its next start is the retry",
				args.Restart, restartNo)
		}
	case restartNo:
	default:
		c.want(false, "restart", "found %q, want %q, %q or %q", args.Restart, restartAlways, restartOnFailure, restartNo)
	}
	c.want(args.StopTimeoutSeconds >= 1 && args.StopTimeoutSeconds <= maxStopTimeoutSeconds, "stopTimeoutSeconds",
		"found %d, want 1 to %d seconds", args.StopTimeoutSeconds, maxStopTimeoutSeconds)
	if args.ReadyURL != "" {
		_, err := parseReadyURL(args.ReadyURL)
		c.want(err == nil, "readyUrl", "%v", err)
	}
}

func (c *checker) environment(environment map[string]string) {
	for name, value := range environment {
		switch {
		case !environmentPattern.MatchString(name):
			c.failf("environment", "found the name %q, want letters, digits and '_'", name)
		case name == supervisorVariable:
			c.failf("environment", "%s is set by the supervisor: leave it out", name)
		case strings.ContainsRune(value, 0):
			c.failf("environment", "the value of %s holds a zero byte", name)
		}
	}
}

func checkSchedule(expression string) error {
	if every, ok := strings.CutPrefix(expression, everyPrefix); ok {
		if d, err := time.ParseDuration(every); err != nil || d < time.Second {
			return fmt.Errorf(`found %q, want an interval of at least a second such as "@every 30s"`, expression)
		}
		return nil
	}
	return schedule.Check(expression)
}

func parseReadyURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.Port() == "" {
		return nil, fmt.Errorf("found %q, want a URL such as http://127.0.0.1:8080/ready", text)
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("found %q, want an address of this machine: 127.0.0.1 or localhost", text)
	}
	return u, nil
}

// Diff compares the definition on disk, as the state knows it, with the wanted one.
func (*Process) Diff(
	_ context.Context, req infer.DiffRequest[ProcessArgs, ProcessState],
) (infer.DiffResponse, error) {
	var d differ
	d.replace("name", req.State.Name != req.Inputs.Name)
	d.replace("directory", req.State.Directory != req.Inputs.Directory)
	// The library withholds an input called version from every diff; seeVersion compares it.
	req.Inputs.Version = req.State.Version
	_, wanted, err := unitOf(&req.Inputs).marshal()
	if err != nil {
		return infer.DiffResponse{}, err
	}
	if req.State.Digest != wanted {
		for name, changed := range changedFields(&req.State.ProcessArgs, &req.Inputs) {
			d.update(name, changed)
		}
		if len(d.changed) == 0 { // the file was changed behind our back
			d.update("digest", true)
		}
	}
	return d.response(), nil
}

// Create writes the definition.
func (*Process) Create(
	_ context.Context, req infer.CreateRequest[ProcessArgs],
) (infer.CreateResponse[ProcessState], error) {
	state, err := writeUnit(&req.Inputs, req.DryRun)
	id := unitPath(req.Inputs.Directory, req.Inputs.Name)
	return infer.CreateResponse[ProcessState]{ID: id, Output: state}, err
}

// Update writes the definition again.
func (*Process) Update(
	_ context.Context, req infer.UpdateRequest[ProcessArgs, ProcessState],
) (infer.UpdateResponse[ProcessState], error) {
	state, err := writeUnit(&req.Inputs, req.DryRun)
	return infer.UpdateResponse[ProcessState]{Output: state}, err
}

func writeUnit(args *ProcessArgs, dryRun bool) (ProcessState, error) {
	data, digest, err := unitOf(args).marshal()
	if err != nil {
		return ProcessState{}, fmt.Errorf("defining the process %s: %w", args.Name, err)
	}
	state := ProcessState{
		ProcessArgs: *args, Digest: digest,
		LogFile:  logPath(args.Directory, args.Name),
		StartURL: socket.StartURL(args.Directory, args.Name),
	}
	if dryRun {
		return state, nil
	}
	if err := checkPrograms(args); err != nil {
		return ProcessState{}, fmt.Errorf("defining the process %s: %w", args.Name, err)
	}
	path := unitPath(args.Directory, args.Name)
	if err := makeDirectory(filepath.Dir(path)); err != nil {
		return ProcessState{}, fmt.Errorf("defining the process %s: %w", args.Name, err)
	}
	if err := writeAtomically(path, data); err != nil {
		return ProcessState{}, fmt.Errorf("defining the process %s: %w", args.Name, err)
	}
	return state, nil
}

// checkPrograms looks for the programs before anything is stopped for their sake.
func checkPrograms(args *ProcessArgs) error {
	commands := [][]string{args.Command, args.RunIDCommand}
	for _, step := range args.Steps {
		commands = append(commands, step.Command)
	}
	for _, command := range commands {
		if len(command) == 0 || !filepath.IsAbs(command[0]) {
			continue // found through PATH when it starts
		}
		info, err := os.Stat(command[0])
		if err != nil {
			return fmt.Errorf("the program %s cannot be found: build or install it and run again: %w", command[0], err)
		}
		if info.IsDir() || info.Mode().Perm()&0o111 == 0 {
			return fmt.Errorf("%s is not a program: make it executable and run again", command[0])
		}
	}
	return nil
}

// Read looks at the definition on disk: a missing one is gone, a changed one shows its own digest.
func (*Process) Read(
	_ context.Context, req infer.ReadRequest[ProcessArgs, ProcessState],
) (infer.ReadResponse[ProcessArgs, ProcessState], error) {
	data, err := os.ReadFile(req.ID)
	if err != nil {
		if isMissing(err) {
			return infer.ReadResponse[ProcessArgs, ProcessState]{}, nil
		}
		return infer.ReadResponse[ProcessArgs, ProcessState]{}, fmt.Errorf("reading %s: %w", req.ID, advise(err))
	}
	req.State.Digest = sum(data)
	return infer.ReadResponse[ProcessArgs, ProcessState](req), nil
}

// Delete removes the definition, and the directories that held it when nothing else is in them.
func (*Process) Delete(ctx context.Context, req infer.DeleteRequest[ProcessState]) (infer.DeleteResponse, error) {
	path := unitPath(req.State.Directory, req.State.Name)
	// When a refresh has seen that the supervisor is gone, no other resource would end what it left behind.
	if !newClient(socket.OfStartURL(req.State.StartURL)).listening(ctx) {
		if err := endProcesses(ctx, supervisedBy(req.State.Directory), defaultGrace); err != nil {
			return infer.DeleteResponse{}, fmt.Errorf("ending the process %s: %w", req.State.Name, err)
		}
	}
	if err := removeFile(path); err != nil {
		return infer.DeleteResponse{}, err
	}
	for _, directory := range []string{filepath.Dir(path), req.State.Directory} {
		if err := removeIfEmpty(directory); err != nil {
			return infer.DeleteResponse{}, err
		}
	}
	return infer.DeleteResponse{}, nil
}
