package provider

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

const (
	defaultReadyTimeoutSeconds = 600
	maxReadyTimeoutSeconds     = 24 * 3600
	statusReady                = "ready"
)

// Ready waits until a URL answers 200, and ends early when the pipeline that it waits for has failed.
type Ready struct{}

// ReadyArgs are the inputs of a Ready.
type ReadyArgs struct {
	URL            string            `pulumi:"url"`
	Socket         string            `pulumi:"socket"`
	Process        string            `pulumi:"process"`
	Pipeline       string            `pulumi:"pipeline,optional"`
	LogsURI        string            `pulumi:"logsUri,optional"`
	TimeoutSeconds int               `pulumi:"timeoutSeconds,optional"`
	Triggers       map[string]string `pulumi:"triggers,optional"`
}

// ReadyState is a Ready whose URL has answered.
type ReadyState struct {
	ReadyArgs
	Status string `pulumi:"status"`
}

// Annotate describes the resource in the schema.
func (r *Ready) Annotate(a infer.Annotator) {
	a.Describe(&r, "Waits until a URL answers 200. It ends early, with the reason, when the pipeline has failed or the "+
		"process does not stay up.")
}

// Annotate describes the inputs in the schema.
func (args *ReadyArgs) Annotate(a infer.Annotator) {
	a.Describe(&args.URL, "The http URL.")
	a.Describe(&args.Socket, "The socket of the Supervisor.")
	a.Describe(&args.Process, "The process that answers.")
	a.Describe(&args.Pipeline, "The process that makes the first model; empty where nothing needs to be made.")
	a.Describe(&args.LogsURI, "The zone with the records of the pipeline's runs. Needed with pipeline.")
	a.Describe(&args.TimeoutSeconds, "How long to wait. Default 600.")
	a.Describe(&args.Triggers, "Values whose change lets it wait again.")
	a.SetDefault(&args.TimeoutSeconds, defaultReadyTimeoutSeconds)
}

// Annotate describes the outputs in the schema.
func (s *ReadyState) Annotate(a infer.Annotator) {
	a.Describe(&s.Status, `"ready".`)
}

// Check validates the inputs.
func (*Ready) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[ReadyArgs], error) {
	args, failures, err := infer.DefaultCheck[ReadyArgs](ctx, req.NewInputs)
	c := checker{inputs: req.NewInputs, failures: failures}
	if err == nil && len(failures) == 0 {
		u, urlErr := url.Parse(args.URL)
		c.want(urlErr == nil && u.Scheme == "http" && u.Host != "", "url",
			"found %q, want a URL such as http://127.0.0.1:8080/ready", args.URL)
		c.absolute("socket", args.Socket)
		c.name("process", args.Process)
		if args.Pipeline != "" {
			c.name("pipeline", args.Pipeline)
			if _, given := c.inputs.GetOk("logsUri"); !given {
				c.failf("logsUri", "pipeline needs the URI of the zone with the records of its runs")
			}
		}
		c.want(args.TimeoutSeconds >= 1 && args.TimeoutSeconds <= maxReadyTimeoutSeconds, "timeoutSeconds",
			"found %d, want 1 to %d seconds", args.TimeoutSeconds, maxReadyTimeoutSeconds)
	}
	return infer.CheckResponse[ReadyArgs]{Inputs: args, Failures: c.failures}, err
}

// Diff waits again for whatever changed, save the time-out.
func (*Ready) Diff(_ context.Context, req infer.DiffRequest[ReadyArgs, ReadyState]) (infer.DiffResponse, error) {
	var d differ
	d.update("url", req.State.URL != req.Inputs.URL)
	d.update("socket", req.State.Socket != req.Inputs.Socket)
	d.update("process", req.State.Process != req.Inputs.Process)
	d.update("pipeline", req.State.Pipeline != req.Inputs.Pipeline)
	d.update("logsUri", req.State.LogsURI != req.Inputs.LogsURI)
	d.update("triggers", !maps.Equal(req.State.Triggers, req.Inputs.Triggers))
	d.update("status", req.State.Status != statusReady)
	return d.response(), nil
}

// Create waits.
func (*Ready) Create(
	ctx context.Context, req infer.CreateRequest[ReadyArgs],
) (infer.CreateResponse[ReadyState], error) {
	state, err := await(ctx, &req.Inputs, req.DryRun)
	return infer.CreateResponse[ReadyState]{ID: req.Inputs.URL, Output: state}, err
}

// Update waits again.
func (*Ready) Update(
	ctx context.Context, req infer.UpdateRequest[ReadyArgs, ReadyState],
) (infer.UpdateResponse[ReadyState], error) {
	state, err := await(ctx, &req.Inputs, req.DryRun)
	return infer.UpdateResponse[ReadyState]{Output: state}, err
}

func await(ctx context.Context, args *ReadyArgs, dryRun bool) (ReadyState, error) {
	state := ReadyState{ReadyArgs: *args, Status: statusReady}
	if dryRun {
		return state, nil
	}
	w, err := newWaiter(ctx, args)
	if err != nil {
		return ReadyState{}, fmt.Errorf("waiting for %s: %w", args.URL, err)
	}
	defer w.close()
	w.report = p.GetLogger(ctx).InfoStatusf
	if err := w.wait(ctx); err != nil {
		return ReadyState{}, fmt.Errorf("waiting for %s: %w", args.URL, err)
	}
	return state, nil
}

// Read asks the URL once: without a 200 it is gone, and the next up waits again.
func (*Ready) Read(
	ctx context.Context, req infer.ReadRequest[ReadyArgs, ReadyState],
) (infer.ReadResponse[ReadyArgs, ReadyState], error) {
	if !answers(ctx, readyClient(), req.State.URL) {
		return infer.ReadResponse[ReadyArgs, ReadyState]{}, nil
	}
	req.State.Status = statusReady
	return infer.ReadResponse[ReadyArgs, ReadyState](req), nil
}

// readyClient asks this machine, so it must not ask through a proxy.
func readyClient() *http.Client {
	const timeout = 3 * time.Second
	return &http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true}}
}

// answers tells whether a URL answers 200 now.
func answers(ctx context.Context, asker *http.Client, address string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return false
	}
	response, err := asker.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
