// Package lambdatest stands in for Lambda on loopback. It behaves as the published runtime interface emulator does: a
// function takes its events from the runtime interface, one at a time, and callers invoke it over HTTP.
package lambdatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maxAnswer is the largest answer that Lambda takes, 6 MB.
const maxAnswer = 6 << 20

// Function is one function with one instance.
type Function struct {
	// API is the HOST:PORT of the runtime interface, for AWS_LAMBDA_RUNTIME_API.
	API string
	// Timeout is what the function is given for an event.
	Timeout time.Duration

	waiting chan *invocation
	current *invocation // between next and what is said about it; the instance asks one thing at a time
	turn    chan struct{}
	gone    chan struct{} // closed when the test has ended
	server  *httptest.Server
}

type invocation struct {
	id     string
	event  []byte
	answer chan Answer
}

// Answer is what an invocation gives.
type Answer struct {
	// Body is what the function answered, or the error that it reported.
	Body string
	// Failed tells that the function reported an error.
	Failed bool
}

// New starts the stand-in.
func New(t *testing.T) *Function {
	t.Helper()
	f := &Function{Timeout: time.Minute, waiting: make(chan *invocation, 100), turn: make(chan struct{}, 1),
		gone: make(chan struct{})}
	f.turn <- struct{}{}
	f.server = httptest.NewServer(f.routes())
	t.Cleanup(func() {
		close(f.gone)
		f.server.Close()
	})
	f.API = strings.TrimPrefix(f.server.URL, "http://")
	return f
}

func (f *Function) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", f.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", f.said(false))
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", f.said(true))
	mux.HandleFunc("POST /2015-03-31/functions/function/invocations", f.invoke)
	return mux
}

// next hands out an event, and waits for one as long as the instance does.
func (f *Function) next(w http.ResponseWriter, r *http.Request) {
	select {
	case i := <-f.waiting:
		<-f.turn
		f.current = i
		f.turn <- struct{}{}
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(f.Timeout).UnixMilli()))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:012345678912:function:test_function")
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0")
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(i.event)
	case <-r.Context().Done():
	case <-f.gone:
	}
}

// said takes what the instance says of the event that it has.
func (f *Function) said(failed bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
		<-f.turn
		i := f.current
		if i != nil && i.id == r.PathValue("id") && err == nil && len(body) <= maxAnswer {
			f.current = nil
		}
		f.turn <- struct{}{}
		switch {
		case err != nil || i == nil || i.id != r.PathValue("id"):
			refuse(w, http.StatusBadRequest, "InvalidRequestID")
		case len(body) > maxAnswer:
			refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge")
		default:
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"status":"OK"}`)
			i.answer <- Answer{Body: string(body), Failed: failed}
		}
	}
}

func refuse(w http.ResponseWriter, code int, kind string) {
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"errorType":%q,"errorMessage":"refused"}`, kind)
}

// invoke is what the emulator's callers ask.
func (f *Function) invoke(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest")
		return
	}
	i := &invocation{id: fmt.Sprintf("%08x-0000-4000-8000-000000000000", time.Now().UnixNano()&0xffffffff), event: event,
		answer: make(chan Answer, 1)}
	f.waiting <- i
	select {
	case answer := <-i.answer:
		if answer.Failed {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		}
		_, _ = io.WriteString(w, answer.Body)
	case <-r.Context().Done():
	case <-f.gone:
	}
}

// Invoke asks the function about an event and waits for its answer.
func (f *Function) Invoke(t *testing.T, event string) Answer {
	t.Helper()
	client := &http.Client{Timeout: 2 * time.Minute}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		f.server.URL+"/2015-03-31/functions/function/invocations", bytes.NewReader([]byte(event)))
	require.NoError(t, err)
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
	return Answer{Body: string(body), Failed: response.Header.Get("X-Amz-Function-Error") != ""}
}

// Message reads the error that a function reported.
func (a Answer) Message(t *testing.T) (kind, message string) {
	t.Helper()
	require.True(t, a.Failed, a.Body)
	var e struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.Body), &e), a.Body)
	assert.NotEmpty(t, e.ErrorType)
	return e.ErrorType, e.ErrorMessage
}

// NewObject is the event of an object in a bucket as a queue hands it to a function.
func NewObject(bucket, key string) string {
	body, err := json.Marshal(map[string]any{
		"version": "0", "detail-type": "Object Created", "source": "aws.s3",
		"detail": map[string]any{"bucket": map[string]any{"name": bucket}, "object": map[string]any{"key": key}},
	})
	if err != nil {
		panic(err) // texts alone
	}
	record, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "eventSource": "aws:sqs", "body": string(body),
	}}})
	if err != nil {
		panic(err)
	}
	return string(record)
}
