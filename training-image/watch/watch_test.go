package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/source"
	"github.com/mlpathway/mlpathway/training-image/step"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

// scene is a watcher whose clock and supervisor belong to the test.
type scene struct {
	*watcher
	t     *testing.T
	lake  *steptest.Lake
	log   bytes.Buffer
	clock time.Time
	asks  int
	err   error // the supervisor's answer
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, lake: steptest.New(t, "name: x\n"), clock: time.Unix(0, 0)}
	o := s.lake.Options("")
	s.watcher = &watcher{
		Options: Options{Raw: o.Raw, Pipeline: o.Pipeline, Logs: o.Logs, Interval: time.Second,
			Log: slog.New(slog.NewTextHandler(&s.log, nil))},
		notify: func(context.Context) error { s.asks++; return s.err },
		now:    func() time.Time { return s.clock },
	}
	return s
}

// polls looks n times, one second apart.
func (s *scene) polls(n int) {
	for range n {
		s.clock = s.clock.Add(time.Second)
		s.poll(s.t.Context())
	}
}

// lines counts the log lines that hold a text.
func (s *scene) lines(text string) int { return strings.Count(s.log.String(), text) }

// record writes a run record for what is there now.
func (s *scene) record(status registry.Status) {
	s.t.Helper()
	files, _, err := source.List(s.t.Context(), s.lake.Zone("raw"), pipeline.CSV)
	require.NoError(s.t, err)
	spec, err := step.ReadPipeline(s.t.Context(), s.Pipeline)
	require.NoError(s.t, err)
	require.NoError(s.t, registry.WriteRun(s.t.Context(), s.lake.Zone("logs"),
		&registry.Run{ID: "r", Status: status, Fingerprint: step.Fingerprint(files, spec)}))
}

func TestAnEmptyZoneWaitsAndSaysSoOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.polls(5)
	assert.Zero(t, s.asks)
	assert.Equal(t, 1, s.lines("holds nothing to run on"))
	s.lake.Drop("notes.txt", "x", 0)
	s.polls(3)
	assert.Zero(t, s.asks)
}

func TestARunIsAskedForWhenThingsAreSettled(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.polls(1)
	s.lake.Drop("a.csv", "1", 0)
	s.polls(1)
	assert.Zero(t, s.asks, "the file may still grow")
	s.lake.Drop("a.csv", "12", 1)
	s.polls(1)
	assert.Zero(t, s.asks, "it does")
	s.polls(1)
	assert.Equal(t, 1, s.asks)
	assert.Equal(t, 1, s.lines("asked for a run"))
	s.record(registry.Registered)
	s.polls(100)
	assert.Equal(t, 1, s.asks)
	assert.Equal(t, 1, s.lines("up to date"))
}

func TestWhatLeadsToARun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status registry.Status
		change func(s *scene)
		asks   int
	}{
		"nothing":         {registry.Registered, func(*scene) {}, 0},
		"unchanged data":  {registry.Unchanged, func(*scene) {}, 0},
		"a failed run":    {registry.Failed, func(*scene) {}, 0},
		"an open run":     {registry.Running, func(*scene) {}, 1},
		"a new file":      {registry.Registered, func(s *scene) { s.lake.Drop("b.csv", "1", 0) }, 1},
		"after a failure": {registry.Failed, func(s *scene) { s.lake.Drop("b.csv", "1", 0) }, 1},
		"a touched file":  {registry.Registered, func(s *scene) { s.lake.Drop("a.csv", "1", 9) }, 1},
		"a removed file":  {registry.Registered, func(s *scene) { _ = os.Remove(s.lake.Dir + "/raw/b2.csv") }, 1},
		"the pipeline":    {registry.Registered, func(s *scene) { s.lake.SetPipeline("name: y\n") }, 1},
		"another kind":    {registry.Registered, func(s *scene) { s.lake.Drop("c.txt", "1", 0) }, 0},
		"a hidden file":   {registry.Registered, func(s *scene) { s.lake.Drop(".d.csv", "1", 0) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.lake.Drop("a.csv", "1", 0)
			s.lake.Drop("b2.csv", "1", 0)
			s.record(c.status)
			c.change(s)
			s.polls(2)
			assert.Equal(t, c.asks, s.asks)
		})
	}
}

func TestARefusedRunIsAskedForAgainMoreAndMoreRarely(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.lake.Drop("a.csv", "1", 0)
	s.err = fmt.Errorf("%w: 400: already running", errRefused)
	s.polls(600)
	assert.Equal(t, 1, s.lines("will ask again"), "state changes only")
	assert.Greater(t, s.asks, 10)
	assert.Less(t, s.asks, 20, "after 2, 4, 8, 16, 32 and then every 60 seconds")
	before := s.asks
	s.lake.Drop("b.csv", "1", 0)
	s.polls(2)
	assert.Equal(t, before+1, s.asks, "something new is asked for at once")
	s.err = nil
	s.polls(2)
	assert.Equal(t, before+2, s.asks)
	assert.Equal(t, 1, s.lines("asked for a run"))
}

func TestTroubleIsSurvived(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.lake.Drop("a.csv", "1", 0)
	s.err = errors.New("no such socket")
	s.polls(2)
	assert.Equal(t, 1, s.lines("cannot ask for a run"))
	s.err = nil
	require.NoError(t, os.Rename(s.lake.Dir+"/raw", s.lake.Dir+"/away"))
	s.polls(5)
	assert.Equal(t, 1, s.lines("cannot look, will try again"))
	require.NoError(t, os.Rename(s.lake.Dir+"/away", s.lake.Dir+"/raw"))
	require.NoError(t, os.Rename(s.lake.Dir+"/pipeline.yaml", s.lake.Dir+"/p"))
	s.polls(5)
	assert.Equal(t, 1, s.asks)
	require.NoError(t, os.Rename(s.lake.Dir+"/p", s.lake.Dir+"/pipeline.yaml"))
	require.NoError(t, os.WriteFile(filepath.Join(s.lake.Dir, "logs", "x"), nil, 0o600))
	s.polls(2)
	assert.Equal(t, 2, s.asks)
	require.NoError(t, os.MkdirAll(s.lake.Dir+"/logs/runs", 0o700))
	require.NoError(t, os.WriteFile(s.lake.Dir+"/logs/runs/latest.json", []byte("{"), 0o600))
	s.polls(200)
	assert.Equal(t, 2, s.asks)
	assert.Equal(t, 3, s.lines("cannot look, will try again"))
}

func TestAStateFileTakesThePlaceOfRunRecords(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.State = filepath.Join(s.lake.Dir, "supervisor", "thumbs.seen")
	s.Pipeline, s.Logs = "", ""
	s.polls(3)
	assert.Zero(t, s.asks)
	s.lake.Drop("picture.png", "1", 0)
	s.err = fmt.Errorf("%w: already running", errRefused)
	s.polls(2)
	assert.Equal(t, 1, s.asks)
	assert.NoFileExists(t, s.State, "a refused run is asked for again")
	s.err = nil
	s.polls(50)
	assert.Equal(t, 2, s.asks)
	assert.Equal(t, 1, s.lines("up to date"))
	again := newScene(t) // after a restart the file still tells
	again.Raw, again.State = s.Raw, s.State
	again.polls(5)
	assert.Zero(t, again.asks)
	s.lake.Drop("picture.png", "12", 1)
	again.polls(2)
	assert.Equal(t, 1, again.asks)
	require.NoError(t, os.Remove(s.State))
	require.NoError(t, os.Mkdir(s.State, 0o700))
	again.polls(5)
	assert.Equal(t, 1, again.lines("cannot look, will try again"))
}

func TestNotifyOverASocketAndHTTP(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	answer := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		if len(asked) > 2 {
			http.Error(w, "process pipeline is already running", http.StatusBadRequest)
		}
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(answer)}
	t.Cleanup(func() { _ = server.Close() })
	dir, err := os.MkdirTemp("", "w:") //nolint:usetesting // the path of a socket has at most 107 bytes
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s.sock")
	unix, err := net.Listen("unix", socket)
	require.NoError(t, err)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	for _, l := range []net.Listener{unix, tcp} {
		go func() { _ = server.Serve(l) }()
	}
	post := func(address string) error {
		n, err := newNotifier(address)
		require.NoError(t, err)
		return n.post(t.Context())
	}
	require.NoError(t, post("unix://"+socket+":/process/start/pipeline"))
	require.NoError(t, post("http://"+tcp.Addr().String()+"/process/start/pipeline"))
	err = post("unix://" + socket + ":/process/start/pipeline")
	require.ErrorIs(t, err, errRefused)
	require.ErrorContains(t, err, "already running")
	assert.Equal(t, []string{"POST /process/start/pipeline", "POST /process/start/pipeline",
		"POST /process/start/pipeline"}, asked)
	err = post("unix:///nowhere.sock:/x")
	require.Error(t, err)
	require.NotErrorIs(t, err, errRefused)
	for _, bad := range []string{"", "ftp://x/y", "unix:///only.sock", "unix://relative:/x", "http:///x"} {
		_, err := newNotifier(bad)
		require.ErrorContains(t, err, "is no address such as", bad)
	}
}

func TestNotifySendsTheTokenOfTheMoment(t *testing.T) {
	t.Parallel()
	var given []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		given = append(given, r.Header.Get("Authorization"))
	}))
	t.Cleanup(server.Close)
	n, err := newNotifier(server.URL)
	require.NoError(t, err)
	require.NoError(t, n.post(t.Context()))
	n.token = filepath.Join(t.TempDir(), "token")
	require.ErrorContains(t, n.post(t.Context()), "reading the token")
	for _, token := range []string{"first\n", "second"} {
		require.NoError(t, os.WriteFile(n.token, []byte(token), 0o600))
		require.NoError(t, n.post(t.Context()))
	}
	assert.Equal(t, []string{"", "Bearer first", "Bearer second"}, given)
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.Notify = "http://127.0.0.1:1/x"
	s.Interval = time.Millisecond
	time.AfterFunc(20*time.Millisecond, cancel)
	require.NoError(t, Run(ctx, s.Options))
	assert.Equal(t, 1, s.lines("stopped"))
	assert.Equal(t, 1, s.lines("holds nothing to run on"))
	s.Interval = 0
	require.ErrorContains(t, Run(t.Context(), s.Options), "must be above 0")
}
