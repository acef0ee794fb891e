package step

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/metadata"
)

// Job is one step at work.
type Job struct {
	Options
	// Spec is the pipeline.
	Spec *pipeline.Spec
	// Record is the run record; a step sets what it found out, and it is written when the step ends.
	Record *registry.Run

	name  string
	begun time.Time
	logs  *lake.Zone
	zones []*lake.Zone
}

// ErrStopped means that a step was stopped from outside: a signal, a machine that is taken back, or the loss of another
// rank. The run stays open, and starting the step again goes on with it.
var ErrStopped = errors.New("stopped before its end: start it again to go on")

// Func does the work of a step.
type Func func(ctx context.Context, j *Job) error

// Source is what a run starts from.
type Source struct {
	// Fingerprint identifies it; see Fingerprint.
	Fingerprint string
	// Pipeline is the content of pipeline.yaml.
	Pipeline []byte
	// Err is the reason why Pipeline could not be read.
	Err error
}

// Start runs the first step of a run: it makes the run record before anything else can fail.
func Start(ctx context.Context, o Options, name string, source Source, work Func) error {
	j, err := open(ctx, o, name)
	if err != nil {
		return err
	}
	defer j.close()
	j.Record = &registry.Run{ID: o.Run, Status: registry.Running, Fingerprint: source.Fingerprint,
		Started: j.begun}
	if err := registry.WriteRun(ctx, j.logs, j.Record); err != nil {
		return fmt.Errorf("%s: writing the run record: %w", name, err)
	}
	return j.do(ctx, func(ctx context.Context, j *Job) error {
		if source.Err != nil {
			return source.Err
		}
		if err := j.parse(source.Pipeline); err != nil {
			return err
		}
		j.Record.Model, j.Record.PipelineHash = j.Spec.Name, j.Spec.Hash()
		return work(ctx, j)
	})
}

// Do runs a later step of the run. Where the run has ended already without an error there is nothing to do.
func Do(ctx context.Context, o Options, name string, work Func) error {
	j, err := again(ctx, o, name)
	if err != nil {
		return err
	}
	defer j.close()
	switch j.Record.Status {
	case registry.Unchanged, registry.Registered:
		j.Say("nothing to do: the run %s is %s", o.Run, j.Record.Status)
		return nil
	case registry.Failed:
		return fmt.Errorf("%s: the run %s has failed (%s): mend that and start a new run", name, o.Run, j.Record.Error)
	case registry.Running:
	}
	return j.do(ctx, func(ctx context.Context, j *Job) error {
		if err := j.readPipeline(ctx); err != nil {
			return err
		}
		if j.Spec.Hash() != j.Record.PipelineHash {
			return errors.New("pipeline.yaml has changed since etl: start a new run")
		}
		return work(ctx, j)
	})
}

// Again works on a run that has ended, without changing its record. o.Run is the run.
func Again(ctx context.Context, o Options, name string, work Func) error {
	o.ReadOnly = true
	j, err := again(ctx, o, name)
	if err != nil {
		return err
	}
	defer j.close()
	return j.do(ctx, func(ctx context.Context, j *Job) error {
		if err := j.readPipeline(ctx); err != nil {
			return err
		}
		return work(ctx, j)
	})
}

// again opens a run that has a record.
func again(ctx context.Context, o Options, name string) (*Job, error) {
	j, err := open(ctx, o, name)
	if err != nil {
		return nil, err
	}
	j.Record, err = registry.ReadRun(ctx, j.logs, o.Run)
	if err == nil && j.Record == nil {
		err = fmt.Errorf("the run %s has no record in %s: run etl first, with the same --run", o.Run, o.Logs)
	}
	if err != nil {
		j.close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return j, nil
}

func (j *Job) readPipeline(ctx context.Context) error {
	data, err := ReadPipeline(ctx, j.Pipeline)
	if err != nil {
		return err
	}
	return j.parse(data)
}

func open(ctx context.Context, o Options, name string) (*Job, error) {
	if o.Run == "" || strings.ContainsAny(o.Run, "/\\") {
		return nil, fmt.Errorf("%s: the run %q is no id such as %s: give --run the output of run-id", name, o.Run,
			NewRunID(time.Now()))
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	logs, err := lake.Open(ctx, o.Logs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Job{Options: o, name: name, begun: time.Now().UTC(), logs: logs, zones: []*lake.Zone{logs}}, nil
}

func (j *Job) close() {
	for _, z := range j.zones {
		_ = z.Close()
	}
}

func (j *Job) parse(data []byte) error {
	spec, err := pipeline.Parse("pipeline.yaml", data)
	j.Spec = spec
	return err
}

// Zone opens a zone of the lake until the step ends.
func (j *Job) Zone(ctx context.Context, uri string) (*lake.Zone, error) {
	z, err := lake.Open(ctx, uri)
	if err != nil {
		return nil, err
	}
	j.zones = append(j.zones, z)
	return z, nil
}

// Logs is the logs zone.
func (j *Job) Logs() *lake.Zone { return j.logs }

// Say tells a person one line about the progress.
func (j *Job) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(j.Out, "%-8s  %s\n", j.name, fmt.Sprintf(format, args...))
}

// End ends the run with a status other than failed. The record is written when the step ends.
func (j *Job) End(status registry.Status) {
	j.Record.Status, j.Record.Ended = status, time.Now().UTC()
}

func (j *Job) do(ctx context.Context, work Func) error {
	err := advise(work(ctx, j))
	switch {
	case errors.Is(err, ErrStopped):
		return fmt.Errorf("%s: %w", j.name, err)
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%s: %w: %w", j.name, ErrStopped, err)
	case err != nil && j.ReadOnly:
		return fmt.Errorf("%s: %w", j.name, err)
	case j.ReadOnly:
		return nil
	case err != nil:
		return errors.Join(fmt.Errorf("%s: %w", j.name, err), j.fail(ctx, err))
	}
	j.Record.Steps = slices.DeleteFunc(j.Record.Steps, func(s registry.Step) bool { return s.Name == j.name })
	j.Record.Steps = append(j.Record.Steps, registry.Step{Name: j.name, Seconds: time.Since(j.begun).Seconds()})
	if err := registry.WriteRun(ctx, j.logs, j.Record); err != nil {
		return fmt.Errorf("%s: writing the run record: %w", j.name, err)
	}
	return nil
}

// advise adds what to do about an error that has one cause, wherever it comes from.
func advise(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: the disk is full: free some of it, or let TMPDIR name a directory with more room", err)
	}
	return err
}

// fail marks the run as failed in its record and in the metadata table.
func (j *Job) fail(ctx context.Context, cause error) error {
	r := j.Record
	r.Status, r.Error, r.Ended = registry.Failed, j.name+": "+cause.Error(), time.Now().UTC()
	err := registry.WriteRun(ctx, j.logs, r)
	if j.Metadata == "" {
		return err
	}
	return errors.Join(err, metadata.Put(ctx, j.Metadata, metadata.Row{TrainingJobName: JobName(r), Timestamp: r.Ended,
		Status: metadata.Failed, DataVersion: r.DataVersion, Reason: r.Error}))
}

// JobName is the name of a run in the metadata table.
func JobName(r *registry.Run) string { return strings.TrimPrefix(r.Model+"-"+r.ID, "-") }
