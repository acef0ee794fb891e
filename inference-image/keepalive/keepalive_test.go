package keepalive_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/keepalive"
)

// server is what both have in common.
type server interface {
	Serve(listener net.Listener) error
	Shutdown(ctx context.Context) error
	Close() error
}

// limits are generous: the machine may be busy.
func standard(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ReadTimeout: time.Minute,
		WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10}
}

// start serves on a free port until the test ends.
func start(tb testing.TB, s server) (address string) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
	tb.Cleanup(func() {
		assert.NoError(tb, s.Close())
		assert.ErrorIs(tb, <-ended, http.ErrServerClosed)
	})
	return listener.Addr().String()
}

// echo answers with all that a handler can see of a request.
func echo(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	w.Header().Set("X-Line", "a\r\nb")
	switch r.URL.Path {
	case "/close":
		w.Header().Set("Connection", "close")
	case "/teapot":
		w.WriteHeader(http.StatusTeapot)
	case "/nothing":
		w.WriteHeader(http.StatusNoContent)
		return
	case "/odd":
		w.WriteHeader(499)
	case "/late":
		_, _ = w.Write([]byte("begin "))
		w.Header().Set("X-Late", "yes")
	case "/json":
		w.Header().Set("Content-Type", "application/json")
	}
	fmt.Fprintf(w, "%s %s %s host=%s query=%s length=%d encoding=%v close=%v error=%v body=%q\n", r.Method,
		r.URL.Path, r.Proto, r.Host, r.URL.RawQuery, r.ContentLength, r.TransferEncoding, r.Close, err, data)
	for _, name := range names {
		fmt.Fprintf(w, "%s=%q\n", name, r.Header[name])
	}
}

// conversation sends all of a text at once, ends the sending, and reads the answers.
func conversation(tb testing.TB, address, text string) (answers []string) {
	tb.Helper()
	c, err := net.Dial("tcp", address) //nolint:noctx // loopback
	require.NoError(tb, err)
	defer func() { _ = c.Close() }()
	require.NoError(tb, c.SetDeadline(time.Now().Add(time.Minute)))
	go func() {
		_, _ = c.Write([]byte(text)) // it may have been closed
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	all, _ := io.ReadAll(c) // a reset after the last answer is an end too
	in := bufio.NewReader(bytes.NewReader(all))
	for {
		if _, err := in.Peek(1); err != nil {
			return answers
		}
		response, err := http.ReadResponse(in, &http.Request{Method: http.MethodPost})
		if err != nil {
			return append(answers, "no answer: "+err.Error())
		}
		body, err := io.ReadAll(response.Body)
		var head strings.Builder
		response.Header.Del("Date")
		response.Header.Del("Content-Length") // net/http sends a long answer in chunks
		_ = response.Header.Write(&head)
		answers = append(answers, fmt.Sprint(response.Status, " ", response.Close, " ", head.String(), string(body), err))
	}
}

const simple = "POST /predict?x=1 HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

const behind = "POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\nX: a\r\n\r\nhello"

// conversations are what callers say, politely and not.
var conversations = map[string]string{
	"one":          simple,
	"three":        simple + simple + strings.Replace(simple, "5\r\n\r\nhello", "11\r\n\r\nhello again", 1),
	"no body":      "POST /json HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n" + simple,
	"no length":    "POST / HTTP/1.1\r\nHost: here\r\n\r\n" + simple,
	"get":          simple + "GET /x HTTP/1.1\r\nHost: here\r\n\r\n" + simple,
	"asked twice":  "POST /teapot HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na" + simple,
	"nothing":      "POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na" + simple,
	"odd code":     "POST /odd HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na" + simple,
	"late header":  "POST /late HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na" + simple,
	"handler ends": "POST /close HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na" + simple,
	"caller ends":  "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1\r\n\r\na" + simple,
	"keep alive":   "POST / HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na" + simple,
	"HTTP/1.0":     "POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 1\r\n\r\na" + simple,
	"chunked": simple + "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"3\r\nabc\r\n0\r\n\r\n" + simple,
	"both": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"3\r\nabc\r\n0\r\n\r\n",
	"two lengths":  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
	"twice one":    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na" + simple,
	"signed":       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na",
	"spaced":       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\t 1 \r\n\r\na" + simple,
	"leading zero": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0001\r\n\r\na" + simple,
	"lower case":   "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\na" + simple,
	"no number":    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\na",
	"empty number": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\na",
	"huge number":  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\na",
	"no host":      "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\na",
	"empty host":   "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 1\r\n\r\na",
	"two hosts":    "POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\n\r\na",
	"bad host":     "POST / HTTP/1.1\r\nHost: a b\r\nContent-Length: 1\r\n\r\na",
	"folded":       "POST / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\nContent-Length: 1\r\n\r\na" + simple,
	"bare LF":      "POST / HTTP/1.1\nHost: h\nContent-Length: 1\n\na" + simple,
	"LF in head":   "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\n" + simple,
	"bare CR":      "POST / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\nContent-Length: 1\r\n\r\na" + simple,
	"NUL":          "POST / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\nContent-Length: 1\r\n\r\na" + simple,
	"spaced name":  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 1\r\n\r\na" + simple,
	"no name":      "POST / HTTP/1.1\r\nHost: h\r\n: x\r\nContent-Length: 1\r\n\r\na",
	"no colon":     "POST / HTTP/1.1\r\nHost: h\r\nhello\r\nContent-Length: 1\r\n\r\na",
	"absolute":     "POST http://there/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na" + simple,
	"escaped":      "POST /a%2Fb%20c?d=%zz#e HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na" + simple,
	"two slashes":  "POST //a/../b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na" + simple,
	"expects":      "POST / HTTP/1.1\r\nHost: h\r\nExpect: something\r\nContent-Length: 1\r\n\r\na",
	"upgrade":      "POST / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\na" + simple,
	"trailer":      "POST / HTTP/1.1\r\nHost: h\r\nTrailer: x\r\nContent-Length: 1\r\n\r\na" + simple,
	"lower method": "post / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na",
	"long head": "POST / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 5000) + "\r\nContent-Length: 1\r\n\r\n" +
		"a" + simple,
	"too long head": "POST / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 50_000) + "\r\nContent-Length: 1\r\n\r\n" +
		"a",
	"large": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n" +
		strings.Repeat("a", 30_000) + simple,
	"very large": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n" +
		strings.Repeat("a", 300_000) + simple,
	"cut off":       simple[:len(simple)-2],
	"half a head":   simple[:40],
	"rubbish":       "\x16\x03\x01\x02\x00\x01\x00",
	"empty lines":   "\r\n\r\n" + simple,
	"HTTP/2":        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"same but for":  simple + strings.Replace(simple, "text/plain", "text/plaim", 1) + simple,
	"behind length": behind + strings.Replace(behind, "X: a", "X: b", 1) + behind,
	"digits beside": simple + strings.Replace(simple, ": 5", ": 5x", 1),
}

// Whatever is said, the answers are those of net/http.
func TestSameAsStandard(t *testing.T) {
	t.Parallel()
	ours := start(t, &keepalive.Server{HTTP: standard(http.HandlerFunc(echo))})
	theirs := start(t, standard(http.HandlerFunc(echo)))
	for name, text := range conversations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := conversation(t, theirs, text)
			assert.Equal(t, want, conversation(t, ours, text))
			if strings.HasPrefix(text, "POST") && name == "one" {
				require.Len(t, want, 1)
			}
		})
	}
}

// FuzzSameAsStandard says anything to both servers.
func FuzzSameAsStandard(f *testing.F) {
	ours := start(f, &keepalive.Server{HTTP: standard(http.HandlerFunc(echo))})
	theirs := start(f, standard(http.HandlerFunc(echo)))
	for _, text := range conversations {
		if len(text) < 5000 {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		require.Equal(t, conversation(t, theirs, text), conversation(t, ours, text))
	})
}

// ask sends a request in pieces and reads its answer.
func ask(t *testing.T, c net.Conn, in *bufio.Reader, pieces ...string) string {
	t.Helper()
	for _, piece := range pieces {
		_, err := c.Write([]byte(piece))
		require.NoError(t, err)
		time.Sleep(time.Millisecond) // so that they are likely to come one by one
	}
	response, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(data)
}

func dial(t *testing.T, address string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", address) //nolint:noctx // loopback
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	return c, bufio.NewReader(c)
}

func TestRequestsInPieces(t *testing.T) {
	t.Parallel()
	c, in := dial(t, start(t, &keepalive.Server{HTTP: standard(http.HandlerFunc(echo))}))
	for at := 1; at < len(simple); at += 7 {
		assert.Contains(t, ask(t, c, in, simple[:at], simple[at:]), `body="hello"`)
	}
	big := "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("b", 20_000)
	assert.Contains(t, ask(t, c, in, big[:3000], big[3000:9000], big[9000:]), strings.Repeat("b", 20_000))
	assert.Contains(t, ask(t, c, in, simple), `body="hello"`)
}

// The context of a request ends when its caller goes away, for who waits for it and for who looks now and then.
func TestCallersThatGoAway(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(context.Context){
		"waits": func(ctx context.Context) { <-ctx.Done() },
		"looks": func(ctx context.Context) {
			for ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
		},
		"derives": func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			<-ctx.Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, ended := make(chan bool), make(chan error, 1)
			c, _ := dial(t, start(t, &keepalive.Server{HTTP: standard(http.HandlerFunc(
				func(_ http.ResponseWriter, r *http.Request) {
					close(asked)
					wait(r.Context())
					ended <- r.Context().Err()
				}))}))
			_, err := c.Write([]byte(simple))
			require.NoError(t, err)
			<-asked
			require.NoError(t, c.Close())
			select {
			case err := <-ended:
				require.ErrorIs(t, err, context.Canceled)
			case <-time.After(time.Minute):
				t.Fatal("the request does not end")
			}
		})
	}
}

// A handler that waits for its caller does not lose what that one says next, and its context ends with it.
func TestContextsAndTheNextRequest(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var contexts []context.Context
	c, in := dial(t, start(t, &keepalive.Server{HTTP: standard(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			contexts = append(contexts, r.Context())
			asked := len(contexts)
			mu.Unlock()
			if asked%2 == 0 {
				select {
				case <-r.Context().Done():
				case <-time.After(20 * time.Millisecond): // the next request comes meanwhile
				}
			}
			assert.NoError(t, r.Context().Err())
			echo(w, r)
		}))}))
	for range 10 {
		_, err := c.Write([]byte(simple + simple))
		require.NoError(t, err)
		time.Sleep(time.Millisecond)
		for _, pieces := range [][]string{{simple}, nil, nil} {
			answer := ask(t, c, in, pieces...)
			require.True(t, strings.HasPrefix(answer, "POST /predict"), answer)
			require.Contains(t, answer, `body="hello"`)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, contexts, 30)
	for i, ctx := range contexts {
		if i%2 == 1 {
			require.ErrorIs(t, ctx.Err(), context.Canceled, "request %d has ended", i)
		}
	}
}

// A form that a handler has parsed is not that of the next request.
func TestRequestsAreFresh(t *testing.T) {
	t.Parallel()
	c, in := dial(t, start(t, &keepalive.Server{HTTP: standard(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			assert.Empty(t, w.Header())
			w.Header().Set("X-Mine", "1")
			fmt.Fprint(w, r.FormValue("a"))
		}))}))
	for _, want := range []string{"1", "22", "3"} {
		body := "a=" + want
		assert.Equal(t, want, ask(t, c, in, fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\n"+
			"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body)))
	}
}

func TestPanicsCloseTheConnection(t *testing.T) {
	t.Parallel()
	address := start(t, &keepalive.Server{HTTP: standard(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))})
	for range 3 {
		c, in := dial(t, address)
		_, err := c.Write([]byte(simple))
		require.NoError(t, err)
		_, err = in.ReadByte()
		require.ErrorIs(t, err, io.EOF)
	}
}

// Shutdown lets a running request end, closes those that wait, and takes no more.
func TestShutdown(t *testing.T) {
	t.Parallel()
	asked, goOn := make(chan bool), make(chan bool)
	s := &keepalive.Server{HTTP: standard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(asked)
			<-goOn
		}
		echo(w, r)
	}))}
	address := start(t, s)
	waits, in := dial(t, address)
	assert.Contains(t, ask(t, waits, in, simple), "hello")
	fresh, inFresh := dial(t, address)
	other, inOther := dial(t, address)
	assert.Contains(t, ask(t, other, inOther, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "GET /")
	runs, inRuns := dial(t, address)
	_, err := runs.Write([]byte(strings.Replace(simple, "/predict", "/slow", 1)))
	require.NoError(t, err)
	<-asked
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	for name, c := range map[string]*bufio.Reader{"waits": in, "has asked nothing": inFresh, "of net/http": inOther} {
		_, err = c.ReadByte()
		require.Error(t, err, name)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, name)
	}
	select {
	case err := <-ended:
		t.Fatal("it did not wait for the request: ", err)
	default:
	}
	close(goOn)
	response, err := http.ReadResponse(inRuns, nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.True(t, response.Close)
	require.NoError(t, <-ended)
	_, err = net.Dial("tcp", address) //nolint:noctx // loopback
	require.Error(t, err)
	_ = fresh.Close()
}

func TestShutdownThatIsCutShort(t *testing.T) {
	t.Parallel()
	asked, goOn := make(chan bool), make(chan bool)
	defer close(goOn)
	s := &keepalive.Server{HTTP: standard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-goOn
	}))}
	c, _ := dial(t, start(t, s))
	_, err := c.Write([]byte(simple))
	require.NoError(t, err)
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
}

// Callers who send a piece and no more are closed: in the head, in the body and between two requests.
func TestSlowCallers(t *testing.T) {
	t.Parallel()
	h := standard(http.HandlerFunc(echo))
	h.ReadHeaderTimeout, h.ReadTimeout, h.IdleTimeout = 50*time.Millisecond, 100*time.Millisecond, 2*time.Second
	address := start(t, &keepalive.Server{HTTP: h})
	for name, text := range map[string]string{
		"nothing": "", "half a head": simple[:30], "half a body": simple[:len(simple)-1], "idle": simple,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, in := dial(t, address)
			_, err := c.Write([]byte(text))
			require.NoError(t, err)
			answer, err := io.ReadAll(in) // to the end, which comes before the deadline of a minute
			require.NoError(t, err)
			switch name {
			case "half a body": // the handler is told
				assert.Contains(t, string(answer), "timeout")
			case "idle":
				assert.Contains(t, string(answer), "hello")
			default:
				assert.Empty(t, answer)
			}
		})
	}
}

// No more connections than allowed are served at a time, whoever serves them.
func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	address := start(t, &keepalive.Server{HTTP: standard(http.HandlerFunc(echo)), Connections: 2})
	one, inOne := dial(t, address)
	assert.Contains(t, ask(t, one, inOne, simple), "hello")
	two, inTwo := dial(t, address)
	assert.Contains(t, ask(t, two, inTwo, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "GET /")
	three, inThree := dial(t, address)
	_, err := three.Write([]byte(simple))
	require.NoError(t, err)
	require.NoError(t, three.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = inThree.Peek(1)
	require.Error(t, err, "the third one waits")
	require.NoError(t, three.SetReadDeadline(time.Now().Add(time.Minute)))
	require.NoError(t, two.Close())
	response, err := http.ReadResponse(inThree, nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	require.NoError(t, one.Close())
	four, inFour := dial(t, address)
	assert.Contains(t, ask(t, four, inFour, simple), "hello")
}

// The server keeps up with many callers of net/http's client, and mixes nothing up.
func TestManyCallers(t *testing.T) {
	t.Parallel()
	address := start(t, &keepalive.Server{HTTP: standard(http.HandlerFunc(echo))})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 200 {
				text := strings.Repeat(fmt.Sprintf("%d-%d ", i, j), 1+j*j%700)
				response, err := client.Post("http://"+address+"/x", "text/plain",
					strings.NewReader(text)) //nolint:noctx // loopback
				if !assert.NoError(t, err) { //nolint:testifylint // not the goroutine of the test
					return
				}
				data, err := io.ReadAll(response.Body)
				assert.NoError(t, err) //nolint:testifylint // not the goroutine of the test
				_ = response.Body.Close()
				assert.Contains(t, string(data), fmt.Sprintf("%q", text))
			}
		})
	}
	group.Wait()
}

// A request like the one before costs no allocation, with another length as well.
//
//nolint:paralleltest // it counts the allocations of the whole process
func TestAllocations(t *testing.T) {
	var data [16]byte
	address := start(t, &keepalive.Server{HTTP: standard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := r.Body.Read(data[:])
		w.Header()["Content-Type"] = plain
		_, _ = w.Write(data[:n])
	}))})
	c, _ := dial(t, address)
	text, answer := []byte(simple), make([]byte, 4096)
	few := testing.AllocsPerRun(500, func() {
		_, err := c.Write(text)
		require.NoError(t, err)
		for n := 0; !bytes.HasSuffix(answer[:n], []byte("\r\n\r\nhello")); {
			more, err := c.Read(answer[n:])
			if n += more; err != nil {
				t.Fatal(err)
			}
		}
	})
	assert.Less(t, few, 1.0)
}

var plain = []string{"text/plain"}
