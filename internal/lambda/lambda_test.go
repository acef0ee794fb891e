package lambda_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lambda"
	"github.com/mlpathway/mlpathway/internal/lambda/lambdatest"
)

// start runs a handler as the only instance of a function until the test ends.
func start(t *testing.T, f *lambdatest.Function, handle lambda.Handler) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- lambda.Run(ctx, f.API, handle) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func TestEventsAreAnswered(t *testing.T) {
	t.Parallel()
	f := lambdatest.New(t)
	stop := start(t, f, func(ctx context.Context, event []byte) ([]byte, error) {
		_, limited := ctx.Deadline()
		assert.True(t, limited, "Lambda's deadline is passed on")
		switch string(event) {
		case `"bad"`:
			return nil, errors.New("it is \"bad\" \x00\xff")
		case `"late"`:
			return nil, context.DeadlineExceeded
		}
		return append([]byte(`[`), append(event, ']')...), nil
	})
	for range 3 { // the instance lives on after an error
		assert.Equal(t, lambdatest.Answer{Body: `["x"]`}, f.Invoke(t, `"x"`))
		kind, message := f.Invoke(t, `"bad"`).Message(t)
		assert.Equal(t, []string{"Error", "it is \"bad\" \x00\ufffd"}, []string{kind, message}, "any text becomes JSON")
		kind, _ = f.Invoke(t, `"late"`).Message(t)
		assert.Equal(t, "Timeout", kind)
	}
	require.NoError(t, stop())
}

func TestTheDeadlineEndsTheWork(t *testing.T) {
	t.Parallel()
	f := lambdatest.New(t)
	f.Timeout = 10 * time.Millisecond
	start(t, f, lambda.Task(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}))
	kind, _ := f.Invoke(t, "{}").Message(t)
	assert.Equal(t, "Timeout", kind)
}

func TestLargeEventsAreRefused(t *testing.T) {
	t.Parallel()
	f := lambdatest.New(t)
	start(t, f, lambda.Task(func(context.Context) error { return nil }))
	assert.Equal(t, lambdatest.Answer{Body: "null"}, f.Invoke(t, lambdatest.NewObject("raw", "a.csv")))
	_, message := f.Invoke(t, strings.Repeat("x", lambda.MaxEvent+1)).Message(t)
	assert.Contains(t, message, "larger than 8 MiB")
}

// An answer that Lambda does not take ends the program: the next instance begins anew.
func TestAnAnswerThatIsTooLarge(t *testing.T) {
	t.Parallel()
	f := lambdatest.New(t)
	ended := make(chan error, 1)
	go func() {
		ended <- lambda.Run(t.Context(), f.API, func(context.Context, []byte) ([]byte, error) {
			return make([]byte, 7<<20), nil
		})
	}()
	go func() {
		const invoke = "/2015-03-31/functions/function/invocations"
		response, err := http.Post("http://"+f.API+invoke, "", http.NoBody) //nolint:noctx // ends with the server
		if err == nil {
			_ = response.Body.Close()
		}
	}()
	require.ErrorContains(t, <-ended, "413")
}

func TestARuntimeThatIsGone(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	address := strings.TrimPrefix(server.URL, "http://")
	task := lambda.Task(func(context.Context) error { return nil })
	require.ErrorContains(t, lambda.Run(t.Context(), address, task), "404")
	server.Close()
	require.Error(t, lambda.Run(t.Context(), address, task))
}
