package provider

import (
	"context"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/mlpathway/mlpathway/internal/lake"
)

// Directory is a directory on this machine, such as a zone of the lake.
type Directory struct{}

// DirectoryArgs are the inputs of a Directory.
type DirectoryArgs struct {
	Path   string `pulumi:"path"`
	Purge  bool   `pulumi:"purge,optional"`
	Retain bool   `pulumi:"retain,optional"`
}

// DirectoryState is a Directory that exists.
type DirectoryState struct {
	DirectoryArgs
	URI string `pulumi:"uri"`
}

// Annotate describes the resource in the schema.
func (d *Directory) Annotate(a infer.Annotator) {
	a.Describe(&d, "A directory on this machine that only its owner can read.")
}

// Annotate describes the inputs in the schema.
func (d *DirectoryArgs) Annotate(a infer.Annotator) {
	a.Describe(&d.Path, "Absolute path. Parents are made where they are missing. A change replaces the directory.")
	a.Describe(&d.Purge, "Remove the directory with everything in it at delete. Otherwise only when it is empty.")
	a.Describe(&d.Retain, "Leave the directory at delete. Wins over purge.")
}

// Annotate describes the outputs in the schema.
func (d *DirectoryState) Annotate(a infer.Annotator) {
	a.Describe(&d.URI, "The address of the directory: file:///...")
}

// Check refuses a path that is not absolute, and the purge of a directory that holds more than the stack.
func (*Directory) Check(
	ctx context.Context, req infer.CheckRequest,
) (infer.CheckResponse[DirectoryArgs], error) {
	args, failures, err := infer.DefaultCheck[DirectoryArgs](ctx, req.NewInputs)
	c := checker{inputs: req.NewInputs, failures: failures}
	if err == nil && len(failures) == 0 {
		c.absolute("path", args.Path)
		if args.Purge && !args.Retain {
			c.purgeable("path", args.Path)
		}
	}
	return infer.CheckResponse[DirectoryArgs]{Inputs: args, Failures: c.failures}, err
}

// Diff compares the state with the wanted inputs.
func (*Directory) Diff(
	_ context.Context, req infer.DiffRequest[DirectoryArgs, DirectoryState],
) (infer.DiffResponse, error) {
	var d differ
	d.replace("path", req.State.Path != req.Inputs.Path)
	d.update("purge", req.State.Purge != req.Inputs.Purge)
	d.update("retain", req.State.Retain != req.Inputs.Retain)
	return d.response(), nil
}

// Create makes the directory. One that exists already is adopted as it is.
func (*Directory) Create(
	_ context.Context, req infer.CreateRequest[DirectoryArgs],
) (infer.CreateResponse[DirectoryState], error) {
	response := infer.CreateResponse[DirectoryState]{ID: req.Inputs.Path, Output: directoryState(req.Inputs)}
	if req.DryRun {
		return response, nil
	}
	if err := makeDirectory(req.Inputs.Path); err != nil {
		return infer.CreateResponse[DirectoryState]{}, err
	}
	return response, nil
}

// Read tells whether the directory still exists.
func (*Directory) Read(
	_ context.Context, req infer.ReadRequest[DirectoryArgs, DirectoryState],
) (infer.ReadResponse[DirectoryArgs, DirectoryState], error) {
	info, err := os.Stat(req.ID)
	if err != nil && !isMissing(err) {
		return infer.ReadResponse[DirectoryArgs, DirectoryState]{}, fmt.Errorf("reading %s: %w", req.ID, advise(err))
	}
	if info == nil || !info.IsDir() {
		return infer.ReadResponse[DirectoryArgs, DirectoryState]{}, nil
	}
	req.State.Path = req.ID
	req.State.URI = lake.FileURI(req.ID)
	req.Inputs.Path = req.ID
	return infer.ReadResponse[DirectoryArgs, DirectoryState](req), nil
}

// Update records a changed purge or retain, and makes the directory again where it is missing.
func (*Directory) Update(
	_ context.Context, req infer.UpdateRequest[DirectoryArgs, DirectoryState],
) (infer.UpdateResponse[DirectoryState], error) {
	response := infer.UpdateResponse[DirectoryState]{Output: directoryState(req.Inputs)}
	if req.DryRun {
		return response, nil
	}
	return response, makeDirectory(req.Inputs.Path)
}

// Delete leaves, purges or removes the directory, as its inputs say.
func (*Directory) Delete(
	ctx context.Context, req infer.DeleteRequest[DirectoryState],
) (infer.DeleteResponse, error) {
	path := req.State.Path
	switch {
	case req.State.Retain:
		return infer.DeleteResponse{}, nil
	case !req.State.Purge:
		return infer.DeleteResponse{}, removeIfEmpty(path)
	}
	// An up that was killed can leave processes behind that no resource knows of. They must not outlive the directory.
	if err := endProcesses(ctx, supervisedUnder(path), defaultGrace); err != nil {
		return infer.DeleteResponse{}, fmt.Errorf("removing %s: %w", path, err)
	}
	if err := os.RemoveAll(path); err != nil {
		return infer.DeleteResponse{}, fmt.Errorf("removing %s: %w", path, advise(err))
	}
	return infer.DeleteResponse{}, nil
}

func directoryState(args DirectoryArgs) DirectoryState {
	return DirectoryState{DirectoryArgs: args, URI: lake.FileURI(args.Path)}
}
