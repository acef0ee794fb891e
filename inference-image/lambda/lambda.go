// Package lambda answers the events of AWS Lambda's runtime interface with an HTTP handler: those of function URLs and
// API Gateway as the requests that they describe, and every other event as the body of POST /predict.
package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Paths of the runtime interface.
const (
	version  = "/2018-06-01/runtime"
	nextPath = version + "/invocation/next"
)

// maxEvent is the largest event that Lambda sends, 6 MB, and a little more.
const maxEvent = 8 << 20

// Run takes events from the runtime interface at HOST:PORT, one after the other, until ctx ends.
func Run(ctx context.Context, api string, handler http.Handler) error {
	r := &runtime{base: "http://" + api, handler: handler, client: &http.Client{}} // next has no time limit
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
	base    string
	handler http.Handler
	client  *http.Client
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
	event, err := io.ReadAll(io.LimitReader(response.Body, maxEvent+1))
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
	answer, err := r.handle(running, event)
	if err != nil {
		return r.post(ctx, version+"/invocation/"+id+"/error", "application/json", failureOf(err))
	}
	return r.post(ctx, version+"/invocation/"+id+"/response", "application/json", answer)
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
	data, marshalErr := json.Marshal(map[string]string{"errorType": "BadRequest", "errorMessage": err.Error()})
	if marshalErr != nil {
		return []byte(`{"errorType":"BadRequest","errorMessage":"the event is wrong"}`)
	}
	return data
}

func (r *runtime) post(ctx context.Context, path, contentType string, body []byte) error {
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, r.base+path,
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s answered %s", path, response.Status)
	}
	return nil
}

// event is the part of a function URL's and an API Gateway's event that says what was asked.
type event struct {
	Version        string `json:"version"`
	RawPath        string `json:"rawPath"`
	RawQueryString string `json:"rawQueryString"`
	RequestContext struct {
		HTTP struct {
			Method string `json:"method"`
		} `json:"http"`
	} `json:"requestContext"`
	HTTPMethod string            `json:"httpMethod"` // of version 1
	Path       string            `json:"path"`       // of version 1
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
	Base64     bool              `json:"isBase64Encoded"`
}

// handle answers an event.
func (r *runtime) handle(ctx context.Context, data []byte) ([]byte, error) {
	var e event
	if len(data) > maxEvent {
		return nil, fmt.Errorf("the event is larger than %d MiB", maxEvent>>20)
	}
	isHTTP := json.Unmarshal(data, &e) == nil && (e.RequestContext.HTTP.Method != "" || e.HTTPMethod != "")
	if !isHTTP {
		w := r.serve(ctx, http.MethodPost, "/predict", "", nil, data)
		if w.code != http.StatusOK {
			return nil, fmt.Errorf("%s", strings.TrimSpace(w.body.String()))
		}
		return w.body.Bytes(), nil
	}
	method, path := e.RequestContext.HTTP.Method, e.RawPath
	if method == "" {
		method, path = e.HTTPMethod, e.Path
	}
	body := []byte(e.Body)
	if e.Base64 {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, fmt.Errorf("the body of the event is no base64: %w", err)
		}
	}
	return r.serve(ctx, method, path, e.RawQueryString, e.Headers, body).event()
}

// recorder takes the answer of the handler.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(code int) { w.code = code }

// Write implements http.ResponseWriter.
func (w *recorder) Write(data []byte) (int, error) { return w.body.Write(data) }

func (r *runtime) serve(
	ctx context.Context, method, path, query string, headers map[string]string, body []byte,
) *recorder {
	request := (&http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Proto: "HTTP/1.1",
		ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body))}).WithContext(ctx)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	request.Host = request.Header.Get("Host")
	w := &recorder{header: http.Header{}, code: http.StatusOK}
	r.handler.ServeHTTP(w, request)
	return w
}

// event writes the answer as function URLs and API Gateway take it.
func (w *recorder) event() ([]byte, error) {
	headers := map[string]string{}
	for name, values := range w.header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	answer := struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
		Body       string            `json:"body"`
		Base64     bool              `json:"isBase64Encoded"`
	}{w.code, headers, w.body.String(), false}
	if !utf8.Valid(w.body.Bytes()) {
		answer.Body, answer.Base64 = base64.StdEncoding.EncodeToString(w.body.Bytes()), true
	}
	return json.Marshal(answer)
}
