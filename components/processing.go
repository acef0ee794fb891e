package components

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ProcessingArgs describe a serverless job on data: it starts when objects arrive or by the clock, and costs nothing
// between.
type ProcessingArgs struct {
	// Image that runs. Required.
	Image string `pulumi:"image"`
	// Command and its arguments; the image's own where it is empty.
	Command []string `pulumi:"command"`
	// Environment of the process.
	Environment pulumi.StringMapInput `pulumi:"environment"`
	// EventSource starts the job for new objects: the EventSource output of a lake. Default none.
	EventSource pulumi.StringInput `pulumi:"eventSource"`
	// Schedule starts the job by the clock: a cron expression of five fields in UTC. Default never.
	Schedule string `pulumi:"schedule"`
	// MemoryMiB is the memory of one run, 128 to 30720. Default 2048.
	MemoryMiB int `pulumi:"memoryMiB"`
	// TimeoutSeconds ends a run, 1 to 86400. Default 900.
	TimeoutSeconds int `pulumi:"timeoutSeconds"`
	// Retries of a failed run, 0 to 10. Default 2.
	Retries *int `pulumi:"retries"`
	// Concurrency is the largest number of runs at a time, 1 to 1000. Default 1.
	Concurrency int `pulumi:"concurrency"`
	// Network places the job: the Placement of a Network. Default none.
	Network *Placement `pulumi:"network" yaml:"-"`
	// Logs says how the logs are kept. Default Logging of the environment.
	Logs Logging `pulumi:"logs" yaml:"-"`
	// Lake holds the URIs of the lake's zones; the job is told those of Reads and Writes. Default none.
	Lake pulumi.StringMapInput `pulumi:"lake"`
	// Reads are the zones that the job reads. Default none.
	Reads []Zone `pulumi:"reads"`
	// Writes are the zones that the job writes. Default none.
	Writes []Zone `pulumi:"writes"`
	// DefinitionURI is where pipeline.yaml lies: that of the pipeline. Default none.
	DefinitionURI pulumi.StringInput `pulumi:"definitionUri"`
	// Key encrypts what waits in queues: that of the data class lake. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
}

func (a *ProcessingArgs) setDefaults(s Scope) {
	a.Logs = a.Logs.withDefaults(s)
	setDefault(&a.MemoryMiB, 2048)
	setDefault(&a.TimeoutSeconds, 900)
	setDefaultPtr(&a.Retries, 2)
	setDefault(&a.Concurrency, 1)
}

func (a *ProcessingArgs) validate(c *checker) {
	c.required("image", a.Image != "", "an image")
	c.required("schedule", a.Schedule != "" || a.EventSource != nil, "a schedule or an eventSource")
	c.schedule(a.Schedule)
	for _, zone := range slices.Concat(a.Reads, a.Writes) {
		oneOf(c, "reads and writes", zone, Zones()...)
	}
	c.required("lake", a.Lake != nil || len(a.Reads)+len(a.Writes) == 0, "the URIs output of a lake")
	a.Logs.validate(c)
	inRange(c, "memoryMiB", a.MemoryMiB, 128, 30720)
	inRange(c, "timeoutSeconds", a.TimeoutSeconds, 1, 86400)
	inRange(c, "retries", *a.Retries, 0, 10)
	inRange(c, "concurrency", a.Concurrency, 1, 1000)
}

// ProcessingOutputs are what the other layers need of a job.
type ProcessingOutputs struct {
	// JobID identifies the job on the platform.
	JobID pulumi.StringOutput `pulumi:"jobId"`
	// QueueID identifies where events wait for the job; "" where the platform has no such place or nothing starts the job
	// but the clock.
	QueueID pulumi.StringOutput `pulumi:"queueId,optional"`
	// DeadLetters identifies where events go that could not be handled; "" where the platform has no such place.
	DeadLetters pulumi.StringOutput `pulumi:"deadLetters,optional"`
	// Identity is the principal that the job runs as.
	Identity pulumi.StringOutput `pulumi:"identity"`
}

// Processing is a serverless job on data.
type Processing struct {
	pulumi.ResourceState
	ProcessingOutputs
}

// NewProcessing declares a job on data. Errors: ErrRequired, ErrSchedule, ErrRange, ErrName, ErrUnsupported.
func NewProcessing(
	ctx *pulumi.Context, name string, target Target, args *ProcessingArgs, opts ...pulumi.ResourceOption,
) (*Processing, error) {
	p := &Processing{}
	c := construction{ctx, ProcessingLayer, name, target, p, opts}
	if err := construct(c, args, target.Processing, &p.ProcessingOutputs); err != nil {
		return nil, err
	}
	return p, nil
}
