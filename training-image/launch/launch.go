// Package launch makes jobs on a Kubernetes cluster and waits until they have ended: for a pipeline that runs outside
// the cluster, and may reach its API only from inside a network.
package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/internal/clusterjob"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/mapping"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// Options say what to launch.
type Options struct {
	// Job is the URI of a clusterjob.Description as JSON.
	Job string
	// Run is the id of the run. The jobs are named after it: a launch that was killed finds them again.
	Run string
	// Environment is given to the containers of the jobs; what they have already stays.
	Environment map[string]string
	// Token proves to a cluster who asks. Default by the kind of the cluster.
	Token tokens
	// Interval is the time between two looks at a job. Default 10 seconds.
	Interval time.Duration
	// Patience is how long the cluster may be out of reach. Default 10 minutes.
	Patience time.Duration
	// Out takes the progress for a person.
	Out io.Writer
}

// Errors of a launch.
var (
	// ErrDescription means a description that nobody of this project wrote.
	ErrDescription = errors.New("no description of jobs")
	// ErrJob means a job that failed.
	ErrJob = errors.New("the job failed")
)

// tokens make what proves to a cluster who asks.
type tokens func(context.Context, clusterjob.Cluster) (string, error)

// known are tokens by the kind of a cluster. They are added by the build tag cloud.
var known = map[string]tokens{}

// Run makes the jobs of a description, each after the one before has succeeded. A job that is there already is waited
// for; one that has failed is made anew. Where ctx ends, the job that runs is deleted: nobody waits for it any more.
func Run(ctx context.Context, o Options) error {
	if o.Interval == 0 {
		o.Interval = 10 * time.Second
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Minute
	}
	d, err := read(ctx, o.Job)
	if err != nil {
		return fmt.Errorf("reading the jobs at %s: %w", o.Job, err)
	}
	if o.Token == nil {
		var ok bool
		if o.Token, ok = known[d.Cluster.Kind]; !ok {
			return fmt.Errorf("%w: found a cluster of the kind %q, want one of %q; those of clouds need a program that was "+
				"built with -tags cloud", ErrDescription, d.Cluster.Kind, slices.Sorted(maps.Keys(known)))
		}
	}
	a, err := newAPI(d.Cluster, o.Token)
	if err != nil {
		return err
	}
	l := &launch{Options: o, api: a}
	for i, job := range d.Jobs {
		if err := l.one(ctx, fill(job, o, i)); err != nil {
			return err
		}
	}
	return nil
}

// read reads a description.
func read(ctx context.Context, uri string) (*clusterjob.Description, error) {
	at, key, ok := lake.Split(uri)
	if !ok {
		return nil, fmt.Errorf("%w: want an address such as s3://bucket/training.json", ErrDescription)
	}
	zone, err := lake.Open(ctx, at)
	if err != nil {
		return nil, err
	}
	defer func() { _ = zone.Close() }()
	data, err := zone.Read(ctx, key)
	if err != nil {
		return nil, err
	}
	var d clusterjob.Description
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDescription, err)
	}
	for _, job := range d.Jobs {
		if job["kind"] != "JobSet" || text(job, "metadata", "namespace") == "" ||
			text(job, "metadata", "generateName") == "" {
			return nil, fmt.Errorf("%w: want JobSets with a namespace and a generateName", ErrDescription)
		}
	}
	if len(d.Jobs) == 0 {
		return nil, fmt.Errorf("%w: it has none", ErrDescription)
	}
	return &d, nil
}

// fill names a job after its run and gives its containers the environment. It is pure.
func fill(job map[string]any, o Options, index int) map[string]any {
	metadata := mapping.Within(job, "metadata")
	run := strings.ToLower(strings.ReplaceAll(o.Run, ".", "-"))
	metadata["name"] = fmt.Sprintf("%s%s-%d", metadata["generateName"], run, index)
	delete(metadata, "generateName")
	replicated, _ := mapping.Within(job, "spec")["replicatedJobs"].([]any)
	for _, r := range replicated {
		pod := mapping.Within(r.(map[string]any), "template", "spec", "template", "spec")
		containers, _ := pod["containers"].([]any)
		for _, c := range containers {
			addVariables(c.(map[string]any), o.Environment)
		}
	}
	return job
}

// addVariables adds what a container has not in a fixed order.
func addVariables(container map[string]any, environment map[string]string) {
	all, _ := container["env"].([]any)
	has := map[string]bool{}
	for _, v := range all {
		has[text(v.(map[string]any), "name")] = true
	}
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		if !has[name] {
			all = append(all, map[string]any{"name": name, "value": environment[name]})
		}
	}
	container["env"] = all
}

// text gives the text at a path; "" where there is none.
func text(m map[string]any, keys ...string) string {
	for _, key := range keys[:len(keys)-1] {
		m, _ = m[key].(map[string]any)
	}
	found, _ := m[keys[len(keys)-1]].(string)
	return found
}

// launch is one run of the command.
type launch struct {
	Options
	api  *api
	said string
}

// say tells something once.
func (l *launch) say(format string, args ...any) {
	if now := fmt.Sprintf(format, args...); now != l.said && l.Out != nil {
		_, _ = fmt.Fprintln(l.Out, now)
		l.said = now
	}
}

// one makes a job and waits for its end.
func (l *launch) one(ctx context.Context, job map[string]any) error {
	j := reference{namespace: text(job, "metadata", "namespace"), name: text(job, "metadata", "name")}
	err := l.makeAndWait(ctx, j, job)
	if ctx.Err() == nil {
		return err
	}
	// Whoever asked for the job does not wait for it any more.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	if err := l.api.delete(end, j); err != nil {
		return fmt.Errorf("%w, and the job %s stays: %w", step.ErrStopped, j, err)
	}
	return fmt.Errorf("%w, and the job %s was deleted", step.ErrStopped, j)
}

func (l *launch) makeAndWait(ctx context.Context, j reference, job map[string]any) error {
	err := l.patiently(ctx, func() error { return l.start(ctx, j, job) })
	if err != nil {
		return fmt.Errorf("making the job %s: %w", j, err)
	}
	for {
		var now status
		if err := l.patiently(ctx, func() (err error) { now, err = l.api.get(ctx, j); return err }); err != nil {
			return fmt.Errorf("waiting for the job %s: %w", j, err)
		}
		switch now.state {
		case completed:
			l.say("the job %s is done", j)
			return nil
		case failed:
			return fmt.Errorf("%w: %s: %s", ErrJob, j, now.message)
		}
		l.say("the job %s %s", j, map[bool]string{true: "waits in its queue", false: "runs"}[now.suspended])
		if err := pause(ctx, l.Interval); err != nil {
			return err
		}
	}
}

// start makes a job unless it is there. One that has failed goes first: the run is tried again.
func (l *launch) start(ctx context.Context, j reference, job map[string]any) error {
	err := l.api.create(ctx, j, job)
	if !errors.Is(err, errConflict) {
		return err
	}
	now, err := l.api.get(ctx, j)
	if errors.Is(err, errGone) {
		return errAgain // between the two
	}
	if err != nil || now.state != failed && !now.deleted {
		return err
	}
	if err := l.api.delete(ctx, j); err != nil {
		return err
	}
	return errAgain
}

// errAgain asks for the same once more.
var errAgain = errors.New("not yet")

// patiently does something until it works. A cluster may be out of reach for a while.
func (l *launch) patiently(ctx context.Context, do func() error) error {
	until := time.Now().Add(l.Patience)
	for {
		err := do()
		if err == nil || !passing(err) || time.Now().After(until) {
			return err
		}
		if !errors.Is(err, errAgain) {
			l.say("the cluster is out of reach: %v", err)
		}
		if err := pause(ctx, l.Interval); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
