package local

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// workload is a process of an image.
type workload struct {
	image       string
	args        []string
	environment pulumi.StringMap
	schedule    string // cron; "" for a process that runs all the time
	trigger     bool   // started by a POST to its start URL only
	readyURL    pulumi.StringInput
}

// run declares a workload and remembers its digest for the supervisor.
func (t *Target) run(
	ctx *pulumi.Context, name string, w workload, opts ...pulumi.ResourceOption,
) (*process, error) {
	image, err := t.program(w.image)
	if err != nil {
		return nil, err
	}
	restart := "always"
	if w.schedule != "" || w.trigger {
		restart = "no"
	}
	return t.process(ctx, name, processArgs{
		Command: append([]string{image.path}, w.args...), Environment: w.environment, Version: pulumi.String(image.digest),
		Schedule: w.schedule, Trigger: w.trigger, Restart: restart, ReadyURL: w.readyURL, StopSeconds: 10,
	}, opts...)
}

func (t *Target) process(
	ctx *pulumi.Context, name string, args processArgs, opts ...pulumi.ResourceOption,
) (*process, error) {
	p, err := newProcess(ctx, name, t.supervisorDir(), args, t.under(opts)...)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.processes[name] = p.Digest
	return p, nil
}
