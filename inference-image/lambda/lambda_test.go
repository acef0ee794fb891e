package lambda_test

import (
	"context"
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

	"github.com/mlpathway/mlpathway/inference-image/lambda"
)

// api is Lambda's runtime interface: it hands out events and takes what is said about them.
type api struct {
	events  chan string
	answers chan [2]string // path, body
}

func newAPI(t *testing.T) (*api, string) {
	t.Helper()
	a := &api{events: make(chan string, 10), answers: make(chan [2]string, 10)}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return a, strings.TrimPrefix(server.URL, "http://")
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/2018-06-01/runtime/invocation/next" {
		select {
		case event := <-a.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "id-1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
			_, _ = io.WriteString(w, event)
		case <-r.Context().Done():
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	a.answers <- [2]string{r.URL.Path, string(body)}
}

// echo says what it was asked.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, limited := r.Context().Deadline()
	w.Header().Set("X-Limited", fmt.Sprint(limited))
	switch {
	case string(body) == "bad":
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"bad"}`)
	case string(body) == "bytes":
		_, _ = w.Write([]byte{0xff})
	default:
		fmt.Fprintf(w, "%q %q %q %q %q", r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Content-Type"), body)
	}
})

func TestEvents(t *testing.T) {
	t.Parallel()
	a, address := newAPI(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- lambda.Run(ctx, address, echo) }()
	const ok, failed = "/2018-06-01/runtime/invocation/id-1/response", "/2018-06-01/runtime/invocation/id-1/error"
	for _, c := range []struct{ event, path, status, body string }{
		{`{"features":[1,2]}`, ok, "", `"POST" "/predict" "" "" "{\"features\":[1,2]}"`},
		{`[[1,2]]`, ok, "", `"POST" "/predict" "" "" "[[1,2]]"`},
		{`bad`, failed, "", `{\"error\":\"bad\"}`},
		{`{"version":"2.0","rawPath":"/score","rawQueryString":"a=1","requestContext":{"http":{"method":"POST"}},` +
			`"headers":{"content-type":"text/csv"},"body":"1,2"}`, ok, "200", `"POST" "/score" "a=1" "text/csv" "1,2"`},
		{`{"rawPath":"/","requestContext":{"http":{"method":"GET"}}}`, ok, "200", `"GET" "/" "" "" ""`},
		{`{"httpMethod":"PUT","path":"/x","body":"MSwy","isBase64Encoded":true}`, ok, "200", `"PUT" "/x" "" "" "1,2"`},
		{`{"httpMethod":"PUT","path":"/x","body":"bad"}`, ok, "400", `{"error":"bad"}`},
		{`{"httpMethod":"PUT","path":"/x","body":"bytes"}`, ok, "200", `/w==`},
		{`{"httpMethod":"PUT","path":"/x","body":"??","isBase64Encoded":true}`, failed, "", `no base64`},
	} {
		a.events <- c.event
		got := <-a.answers
		assert.Equal(t, c.path, got[0], c.event)
		if c.status == "" {
			assert.Contains(t, got[1], c.body, c.event)
			continue
		}
		var answer struct {
			StatusCode int
			Headers    map[string]string
			Body       string
			Base64     bool `json:"isBase64Encoded"`
		}
		require.NoError(t, json.Unmarshal([]byte(got[1]), &answer), got[1])
		assert.Equal(t, c.status, fmt.Sprint(answer.StatusCode), c.event)
		assert.Equal(t, c.body, answer.Body, c.event)
		assert.Equal(t, "true", answer.Headers["x-limited"], "Lambda's deadline is passed on")
		assert.Equal(t, c.body == "/w==", answer.Base64)
	}
	cancel()
	require.NoError(t, <-ended)
}

func TestARuntimeThatIsGone(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	address := strings.TrimPrefix(server.URL, "http://")
	require.ErrorContains(t, lambda.Run(t.Context(), address, echo), "404")
	server.Close()
	require.Error(t, lambda.Run(t.Context(), address, echo))
}
