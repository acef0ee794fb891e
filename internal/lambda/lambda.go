// Package lambda is the runtime of a program that AWS Lambda starts from an image: it takes events from the runtime
// interface, one after the other, and says what came of them. A program that ends instead counts as crashed.
package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Variable names, in the environment, the HOST:PORT of the runtime interface; it is set in a function and nowhere else.
const Variable = "AWS_LAMBDA_RUNTIME_API"

// Paths of the runtime interface.
// Source: docs.aws.amazon.com/lambda, Using the Lambda runtime API for custom runtimes.
const (
	version  = "/2018-06-01/runtime"
	nextPath = version + "/invocation/next"
)

// MaxEvent is the largest event that Lambda sends, 6 MB, and a little more.
const MaxEvent = 8 << 20

// ErrTooLarge means an event that Lambda would not have sent.
var ErrTooLarge = fmt.Errorf("the event is larger than %d MiB", MaxEvent>>20)

// Handler answers one event with JSON. Its context ends when Lambda would end the function.
type Handler func(ctx context.Context, event []byte) ([]byte, error)

// Task is a Handler for a program that does the same for every event, and has nothing to answer.
func Task(do func(ctx context.Context) error) Handler {
	return func(ctx context.Context, _ []byte) ([]byte, error) { return []byte("null"), do(ctx) }
}

// Run takes events from the runtime interface at HOST:PORT until ctx ends. An event that fails is reported, and Lambda
// decides whether it comes again.
func Run(ctx context.Context, api string, handle Handler) error {
	r := &runtime{base: "http://" + api, handle: handle, client: &http.Client{}} // next has no time limit
	for {
		err := r.one(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end was asked for
		case err != nil:
			return fmt.Errorf("taking events of Lambda: %w", err)
		}
	}
}

type runtime struct {
	base   string
	handle Handler
	client *http.Client
}

// one takes an event and answers it.
func (r *runtime) one(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+nextPath, http.NoBody)
	if err != nil {
		return err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	event, err := io.ReadAll(io.LimitReader(response.Body, MaxEvent+1))
	_ = response.Body.Close()
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %.200s", nextPath, response.Status, event)
	}
	id := response.Header.Get("Lambda-Runtime-Aws-Request-Id")
	running, cancel := deadline(ctx, response.Header.Get("Lambda-Runtime-Deadline-Ms"))
	defer cancel()
	answer, err := []byte(nil), error(ErrTooLarge)
	if len(event) <= MaxEvent {
		answer, err = r.handle(running, event)
	}
	if err != nil {
		return r.post(ctx, version+"/invocation/"+id+"/error", failureOf(err))
	}
	return r.post(ctx, version+"/invocation/"+id+"/response", answer)
}

// deadline ends the work when Lambda would.
func deadline(ctx context.Context, milliseconds string) (context.Context, context.CancelFunc) {
	at, err := strconv.ParseInt(milliseconds, 10, 64)
	if err != nil {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, time.UnixMilli(at))
}

// failureOf is the body that the runtime interface wants of a failed event.
func failureOf(err error) []byte {
	kind := "Error"
	if errors.Is(err, context.DeadlineExceeded) {
		kind = "Timeout"
	}
	data, marshalErr := json.Marshal(map[string]string{"errorType": kind, "errorMessage": err.Error()})
	if marshalErr != nil {
		return []byte(`{"errorType":"Error","errorMessage":"the event failed"}`)
	}
	return data
}

// post says what came of an event, also when the end of the program was asked for meanwhile.
func (r *runtime) post(ctx context.Context, path string, body []byte) error {
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, r.base+path,
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	said, _ := io.ReadAll(io.LimitReader(response.Body, 200))
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s answered %s: %s", path, response.Status, said)
	}
	return nil
}
