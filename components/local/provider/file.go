package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// File is a file on this machine whose content the stack manages.
type File struct{}

// FileArgs are the inputs of a File.
type FileArgs struct {
	Path    string  `pulumi:"path"`
	Source  *string `pulumi:"source,optional"`
	Content *string `pulumi:"content,optional"`
	SHA256  string  `pulumi:"sha256"`
}

// FileState is a File that exists. Its SHA256 is that of the bytes on disk.
type FileState struct{ FileArgs }

// Annotate describes the resource in the schema.
func (f *File) Annotate(a infer.Annotator) {
	a.Describe(&f, "A file on this machine that only its owner can read. It is written atomically.")
}

// Annotate describes the inputs in the schema.
func (f *FileArgs) Annotate(a infer.Annotator) {
	a.Describe(&f.Path, "Absolute path. Its directory must exist. A change replaces the file.")
	a.Describe(&f.Source, "Path of the file to copy. Exactly one of source and content is given.")
	a.Describe(&f.Content, "The content itself. Exactly one of source and content is given.")
	a.Describe(&f.SHA256, "SHA-256 of the content in lower-case hexadecimal digits.")
}

// Check wants one origin of the content, and that it has the promised SHA-256.
func (*File) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[FileArgs], error) {
	args, failures, err := infer.DefaultCheck[FileArgs](ctx, req.NewInputs)
	c := checker{inputs: req.NewInputs, failures: failures}
	if err == nil && len(failures) == 0 {
		c.absolute("path", args.Path)
		c.want(sha256Pattern.MatchString(args.SHA256), "sha256",
			"found %q, want a SHA-256 in 64 lower-case hexadecimal digits", args.SHA256)
		c.origin(args)
	}
	return infer.CheckResponse[FileArgs]{Inputs: args, Failures: c.failures}, err
}

func (c *checker) origin(args FileArgs) {
	if (args.Source == nil) == (args.Content == nil) {
		c.failf("source", "give exactly one of source and content")
		return
	}
	if len(c.failures) > 0 || !c.known("sha256") || (!c.known("source") && !c.known("content")) {
		return
	}
	if _, err := args.bytes(); err != nil {
		name := "content"
		if args.Source != nil {
			name = "source"
		}
		c.failf(name, "%v", err)
	}
}

// bytes gives the wanted content after it has been compared with the promised SHA-256.
func (f *FileArgs) bytes() ([]byte, error) {
	var data []byte
	from := "content"
	switch {
	case f.Content != nil:
		data = []byte(*f.Content)
	case f.Source != nil:
		var err error
		from = *f.Source
		if data, err = os.ReadFile(from); err != nil {
			return nil, fmt.Errorf("reading the source of %s: %w", f.Path, err)
		}
	default:
		return nil, errors.New("give exactly one of source and content")
	}
	if actual := sum(data); actual != f.SHA256 {
		return nil, fmt.Errorf("%s has SHA-256 %s, but sha256 says %s: if the file was meant to change, "+
			"run again so that its new sum is taken", from, actual, f.SHA256)
	}
	return data, nil
}

// Diff compares the bytes on disk, as the state knows them, with the wanted ones. Where the content comes from does
// not matter as long as it is the same.
func (*File) Diff(_ context.Context, req infer.DiffRequest[FileArgs, FileState]) (infer.DiffResponse, error) {
	var d differ
	d.replace("path", req.State.Path != req.Inputs.Path)
	d.update("sha256", req.State.SHA256 != req.Inputs.SHA256)
	return d.response(), nil
}

// Create writes the file.
func (*File) Create(
	_ context.Context, req infer.CreateRequest[FileArgs],
) (infer.CreateResponse[FileState], error) {
	response := infer.CreateResponse[FileState]{ID: req.Inputs.Path, Output: FileState{req.Inputs}}
	if req.DryRun {
		return response, nil
	}
	if err := req.Inputs.write(); err != nil {
		return infer.CreateResponse[FileState]{}, err
	}
	return response, nil
}

func (f *FileArgs) write() error {
	data, err := f.bytes()
	if err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Dir(f.Path)); err == nil && !info.IsDir() {
		return fmt.Errorf("writing %s: %s is a file and not a directory: move it elsewhere and run again",
			f.Path, filepath.Dir(f.Path))
	}
	return writeAtomically(f.Path, data)
}

// Read looks at the file: one that is missing is gone, and the state of a changed one shows its real SHA-256.
func (*File) Read(
	_ context.Context, req infer.ReadRequest[FileArgs, FileState],
) (infer.ReadResponse[FileArgs, FileState], error) {
	info, err := os.Lstat(req.ID)
	if (err != nil && isMissing(err)) || (err == nil && !info.Mode().IsRegular()) {
		return infer.ReadResponse[FileArgs, FileState]{}, nil
	}
	data, err := os.ReadFile(req.ID)
	if err != nil {
		return infer.ReadResponse[FileArgs, FileState]{}, fmt.Errorf("reading %s: %w", req.ID, advise(err))
	}
	req.State.Path = req.ID
	req.State.SHA256 = sum(data)
	return infer.ReadResponse[FileArgs, FileState](req), nil
}

// Update writes the file again.
func (*File) Update(
	_ context.Context, req infer.UpdateRequest[FileArgs, FileState],
) (infer.UpdateResponse[FileState], error) {
	response := infer.UpdateResponse[FileState]{Output: FileState{req.Inputs}}
	if req.DryRun {
		return response, nil
	}
	return response, req.Inputs.write()
}

// Delete removes the file.
func (*File) Delete(_ context.Context, req infer.DeleteRequest[FileState]) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, removeFile(req.State.Path)
}
