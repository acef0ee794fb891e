package serve_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

func TestToken(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 2}))
	path := l.Path("logs", "token")
	require.NoError(t, os.WriteFile(path, []byte("s3cret\n"), 0o600))
	e := start(t, l, func(o *serve.Options) { o.TokenFile = path })
	e.waitFor("v1")
	for header, want := range map[string]int{
		"": 401, "Bearer": 401, "Bearer ": 401, "Bearer s3cre": 401, "Bearer s3crett": 401, "Basic s3cret": 401,
		"s3cret": 401, "Bearer s3cret": 200, "bearer s3cret": 200,
	} {
		code, h, answer := e.do(http.MethodPost, "/predict", `{"features":[1,2]}`, "Authorization", header)
		assert.Equal(t, want, code, header)
		if want == http.StatusUnauthorized {
			assert.Contains(t, h.Get("WWW-Authenticate"), "Bearer")
			assert.NotContains(t, answer, "prediction")
		}
		code, _, _ = e.do(http.MethodGet, "/model", "", "Authorization", header)
		assert.Equal(t, want, code, header)
	}
	_, _, page := e.raw(http.MethodGet, "/", "")
	assert.Contains(t, string(page), "wants a token")
	assert.NotContains(t, string(page), "accuracy", "the page tells no more than /model would")
}

func TestRunThatCannotBe(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	empty := l.Path("logs", "empty")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	taken := start(t, l, nil)
	for want, change := range map[string]func(o *serve.Options){
		serve.ErrOpen.Error():           func(o *serve.Options) { o.Address = "0.0.0.0:0" },
		`the address ":0": an endpoint`: func(o *serve.Options) { o.Address = ":0" },
		`the address "nonsense"`:        func(o *serve.Options) { o.Address = "nonsense" },
		"empty is empty":                func(o *serve.Options) { o.TokenFile = empty },
		"reading the token":             func(o *serve.Options) { o.TokenFile = empty + "x" },
		"opening the lake zone":         func(o *serve.Options) { o.Models = "file:///no/such/folder" },
		"which model?":                  func(o *serve.Options) { o.Model = "" },
		"is another program on 127.0.0.1:": func(o *serve.Options) {
			o.Address = strings.TrimPrefix(taken.url, "http://")
		},
	} {
		o := serve.Options{Address: "127.0.0.1:0", Models: l.URI("models"), Model: inferencetest.Model}
		change(&o)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		require.ErrorContains(t, serve.Run(ctx, o), want)
		cancel()
	}
}
