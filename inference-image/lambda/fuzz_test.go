package lambda

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Any event is answered: with an error, or with JSON that the runtime interface takes, which holds what the handler
// gave.
func FuzzEvent(f *testing.F) {
	for _, event := range []string{
		`{"features":[1,2]}`, `{`, ``, `null`, `[]`,
		`{"httpMethod":"POST","path":"/predict","body":"e30=","isBase64Encoded":true}`,
		`{"version":"2.0","rawPath":"/x","rawQueryString":"a=%zz","requestContext":{"http":{"method":"GET"}},` +
			`"headers":{"a b":"c\nd"}}`,
		`{"httpMethod":"P\u0000ST","path":"../..","isBase64Encoded":true,"body":"!"}`, `{"headers":{"":""},"httpMethod":"A"}`,
	} {
		f.Add([]byte(event))
	}
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || strings.Contains(r.URL.Path, "teapot") {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.Header().Set("X-Method", r.Method)
		_, _ = w.Write(body)
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &runtime{handler: echo}
		answer, err := r.handle(context.Background(), data)
		if err != nil {
			require.NotEmpty(t, err.Error()) // internal/lambda makes JSON of it
			return
		}
		var e event
		if json.Unmarshal(data, &e) != nil || e.RequestContext.HTTP.Method == "" && e.HTTPMethod == "" {
			require.Equal(t, string(data), string(answer), "an event of another kind is the body")
			return
		}
		var got struct {
			StatusCode      int
			Body            string
			IsBase64Encoded bool
		}
		require.NoError(t, json.Unmarshal(answer, &got))
		if got.StatusCode == http.StatusOK && !e.Base64 && utf8.ValidString(e.Body) {
			require.Equal(t, e.Body, got.Body)
		}
	})
}
