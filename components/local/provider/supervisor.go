package provider

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/mlpathway/mlpathway/components/local/provider/socket"
)

// Supervisor is a process-compose that runs the processes of one directory, detached from the Pulumi engine.
type Supervisor struct{}

// SupervisorArgs are the inputs of a Supervisor.
type SupervisorArgs struct {
	Directory string            `pulumi:"directory"`
	Binary    string            `pulumi:"binary"`
	Processes map[string]string `pulumi:"processes"`
}

// SupervisorState is a Supervisor that runs. The value of a process that should run and does not is its status in the
// place of its digest.
type SupervisorState struct {
	SupervisorArgs
	Socket string `pulumi:"socket"`
}

// Annotate describes the resource in the schema.
func (s *Supervisor) Annotate(a infer.Annotator) {
	a.Describe(&s, "A process-compose that runs the processes of one directory. It listens on a unix socket that only "+
		"its owner can reach, and on no port.")
}

// Annotate describes the inputs in the schema.
func (args *SupervisorArgs) Annotate(a infer.Annotator) {
	a.Describe(&args.Directory, "Absolute path of its directory. A change replaces the supervisor.")
	a.Describe(&args.Binary, "Absolute path of process-compose.")
	a.Describe(&args.Processes, "The digest of every Process of the directory by its name.")
}

// Annotate describes the outputs in the schema.
func (s *SupervisorState) Annotate(a infer.Annotator) {
	a.Describe(&s.Socket, "The unix socket of the REST API of process-compose.")
}

// WireDependencies says that the socket follows from the directory alone.
func (*Supervisor) WireDependencies(f infer.FieldSelector, args *SupervisorArgs, state *SupervisorState) {
	f.OutputField(&state.Socket).DependsOn(f.InputField(&args.Directory))
}

// Check wants absolute paths and a program.
func (*Supervisor) Check(
	ctx context.Context, req infer.CheckRequest,
) (infer.CheckResponse[SupervisorArgs], error) {
	args, failures, err := infer.DefaultCheck[SupervisorArgs](ctx, req.NewInputs)
	c := checker{inputs: req.NewInputs, failures: failures}
	if err == nil && len(failures) == 0 {
		c.absolute("directory", args.Directory)
		c.absolute("binary", args.Binary)
		for name := range args.Processes {
			if !namePattern.MatchString(name) {
				c.failf("processes", "found the name %q, want the name of a Process", name)
			}
		}
	}
	return infer.CheckResponse[SupervisorArgs]{Inputs: args, Failures: c.failures}, err
}

// Diff compares what runs, as the state knows it, with what is wanted. A supervisor is never made beside the one that
// it replaces, because both would want the same ports.
func (*Supervisor) Diff(
	_ context.Context, req infer.DiffRequest[SupervisorArgs, SupervisorState],
) (infer.DiffResponse, error) {
	var d differ
	d.replace("directory", req.State.Directory != req.Inputs.Directory)
	d.update("binary", req.State.Binary != req.Inputs.Binary)
	for name, kind := range processChanges(req.State.Processes, req.Inputs.Processes) {
		d.mark(fmt.Sprintf("processes[%q]", name), true, kind)
	}
	response := d.response()
	response.DeleteBeforeReplace = true
	return response, nil
}

func processChanges(old, wanted map[string]string) map[string]p.DiffKind {
	changes := map[string]p.DiffKind{}
	for name, digest := range wanted {
		switch current, ok := old[name]; {
		case !ok:
			changes[name] = p.Add
		case current != digest:
			changes[name] = p.Update
		}
	}
	for name := range old {
		if _, ok := wanted[name]; !ok {
			changes[name] = p.Delete
		}
	}
	return changes
}

// Create starts the supervisor. One that a killed run left behind is adopted and brought up to date.
func (*Supervisor) Create(
	ctx context.Context, req infer.CreateRequest[SupervisorArgs],
) (infer.CreateResponse[SupervisorState], error) {
	response := infer.CreateResponse[SupervisorState]{
		ID:     req.Inputs.Directory,
		Output: SupervisorState{SupervisorArgs: req.Inputs, Socket: socket.Path(req.Inputs.Directory)},
	}
	if req.DryRun {
		return response, nil
	}
	s, err := newSupervision(ctx, &req.Inputs, response.Output.Socket)
	if err != nil {
		return infer.CreateResponse[SupervisorState]{}, fmt.Errorf("starting the supervisor of %s: %w",
			req.Inputs.Directory, err)
	}
	if err := s.apply(ctx); err != nil {
		// No state will know of what runs, so nothing may run.
		if stopErr := s.stop(ctx); stopErr != nil {
			err = fmt.Errorf("%w; and stopping it again: %w", err, stopErr)
		}
		return infer.CreateResponse[SupervisorState]{}, fmt.Errorf("starting the supervisor of %s: %w",
			req.Inputs.Directory, err)
	}
	return response, nil
}

// Read asks the supervisor. One that does not answer is gone; a process that should run and does not shows its status.
func (*Supervisor) Read(
	ctx context.Context, req infer.ReadRequest[SupervisorArgs, SupervisorState],
) (infer.ReadResponse[SupervisorArgs, SupervisorState], error) {
	directory := req.ID
	socketPath := req.State.Socket
	if socketPath == "" { // an import
		socketPath = socket.Path(directory)
	}
	api := newClient(socketPath)
	if !api.alive(ctx) {
		return infer.ReadResponse[SupervisorArgs, SupervisorState]{}, nil
	}
	running, err := runningProcesses(ctx, api)
	if err != nil {
		return infer.ReadResponse[SupervisorArgs, SupervisorState]{}, fmt.Errorf("reading the supervisor of %s: %w",
			directory, err)
	}
	req.State.Directory, req.State.Socket = directory, socketPath
	req.State.Processes = map[string]string{}
	for name, r := range running {
		req.State.Processes[name] = r.digest
		// Without its definition nobody can say whether it should run.
		if u, err := loadUnit(directory, name); err == nil {
			if problem := u.problem(r.state); problem != "" {
				req.State.Processes[name] = problem
			}
		}
	}
	return infer.ReadResponse[SupervisorArgs, SupervisorState](req), nil
}

// Update brings the running supervisor to the wanted processes, with the least disturbance.
func (*Supervisor) Update(
	ctx context.Context, req infer.UpdateRequest[SupervisorArgs, SupervisorState],
) (infer.UpdateResponse[SupervisorState], error) {
	response := infer.UpdateResponse[SupervisorState]{
		Output: SupervisorState{SupervisorArgs: req.Inputs, Socket: req.State.Socket},
	}
	if req.DryRun {
		return response, nil
	}
	s, err := newSupervision(ctx, &req.Inputs, req.State.Socket)
	if err == nil && req.State.Binary != req.Inputs.Binary {
		err = s.replaceAll(ctx)
	} else if err == nil {
		err = s.apply(ctx)
	}
	if err != nil {
		return infer.UpdateResponse[SupervisorState]{}, fmt.Errorf("updating the supervisor of %s: %w",
			req.Inputs.Directory, err)
	}
	return response, nil
}

// Delete ends the supervisor and everything that it runs, and removes its files. The definitions of the processes
// belong to the Process resources.
func (*Supervisor) Delete(
	ctx context.Context, req infer.DeleteRequest[SupervisorState],
) (infer.DeleteResponse, error) {
	directory := req.State.Directory
	s := &supervision{directory: directory, api: newClient(req.State.Socket), units: unitsOnDisk(directory)}
	if err := s.stop(ctx); err != nil {
		return infer.DeleteResponse{}, fmt.Errorf("stopping the supervisor of %s: %w", directory, err)
	}
	if err := removeSocket(directory, req.State.Socket); err != nil {
		return infer.DeleteResponse{}, err
	}
	if err := removeFile((&composer{directory: directory}).configPath()); err != nil {
		return infer.DeleteResponse{}, err
	}
	for _, name := range []string{"runs", "logs", "config", "cache", "tmp"} {
		if err := os.RemoveAll(filepath.Join(directory, name)); err != nil {
			return infer.DeleteResponse{}, fmt.Errorf("removing the files of the supervisor: %w", advise(err))
		}
	}
	return infer.DeleteResponse{}, removeIfEmpty(directory)
}

// unitsOnDisk gives the definitions that can be read, for their time to stop.
func unitsOnDisk(directory string) map[string]*unit {
	units := map[string]*unit{}
	paths, _ := filepath.Glob(unitPath(directory, "*"))
	for _, path := range paths {
		name := filepath.Base(path[:len(path)-len(filepath.Ext(path))])
		if u, err := loadUnit(directory, name); err == nil {
			units[name] = u
		}
	}
	return units
}

// newSupervision checks that everything that is wanted is at hand, before anything is touched.
func newSupervision(ctx context.Context, args *SupervisorArgs, socketPath string) (*supervision, error) {
	if info, err := os.Stat(args.Binary); err != nil || info.IsDir() || info.Mode().Perm()&0o111 == 0 {
		return nil, fmt.Errorf("process-compose is not at %s: build or install it and run again", args.Binary)
	}
	units, err := loadUnits(args.Directory, args.Processes)
	if err != nil {
		return nil, err
	}
	return &supervision{
		directory: args.Directory, binary: args.Binary, units: units, api: newClient(socketPath),
		report: p.GetLogger(ctx).InfoStatusf,
	}, nil
}
