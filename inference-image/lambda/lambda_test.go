package lambda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/lambda"
	"github.com/mlpathway/mlpathway/internal/lambda/lambdatest"
)

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
	f := lambdatest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- lambda.Run(ctx, f.API, echo) }()
	const ok, failed = false, true
	for _, c := range []struct {
		event        string
		failed       bool
		status, body string
	}{
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
		got := f.Invoke(t, c.event)
		assert.Equal(t, c.failed, got.Failed, c.event)
		if c.status == "" {
			assert.Contains(t, got.Body, c.body, c.event)
			continue
		}
		var answer struct {
			StatusCode int
			Headers    map[string]string
			Body       string
			Base64     bool `json:"isBase64Encoded"`
		}
		require.NoError(t, json.Unmarshal([]byte(got.Body), &answer), got.Body)
		assert.Equal(t, c.status, fmt.Sprint(answer.StatusCode), c.event)
		assert.Equal(t, c.body, answer.Body, c.event)
		assert.Equal(t, "true", answer.Headers["x-limited"], "Lambda's deadline is passed on")
		assert.Equal(t, c.body == "/w==", answer.Base64)
	}
	cancel()
	require.NoError(t, <-ended)
}
