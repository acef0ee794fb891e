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
	"strings"
	"unicode/utf8"

	"github.com/mlpathway/mlpathway/internal/lambda"
)

// Run answers the events of the runtime interface at HOST:PORT, one after the other, until ctx ends.
func Run(ctx context.Context, api string, handler http.Handler) error {
	r := &runtime{handler: handler}
	return lambda.Run(ctx, api, r.handle)
}

type runtime struct{ handler http.Handler }

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
