package launch_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/clusterjob"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/training-image/launch"
	"github.com/mlpathway/mlpathway/training-image/step"
)

type object = map[string]any

const jobsPath = "/apis/jobset.x-k8s.io/v1alpha2/namespaces/fraud-dev/jobsets"

// server stands in for the API server of a cluster: it keeps JobSets, and looks at each let one go further.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	jobs    map[string]object
	calls   []string
	fails   map[string]bool // names of jobs that fail
	broken  int             // requests that it does not answer well
	forever bool            // nothing ends
	looked  chan struct{}   // a job was looked at
	token   string
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{jobs: map[string]object{}, fails: map[string]bool{}, looked: make(chan struct{}, 1000), token: "token-1"}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP answers one request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	say := func(code int, v any) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	if s.broken > 0 {
		s.broken--
		say(http.StatusServiceUnavailable, object{"message": "starting"})
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+s.token {
		say(http.StatusForbidden, object{"message": "who are you?"})
		return
	}
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	name, one := strings.CutPrefix(r.URL.Path, jobsPath+"/")
	job, found := s.jobs[name]
	switch {
	case r.Method == http.MethodPost && r.URL.Path == jobsPath:
		s.create(r, say)
	case !one || !found:
		say(http.StatusNotFound, object{"message": "not found"})
	case r.Method == http.MethodGet:
		say(http.StatusOK, job)
		s.advance(name, job)
	case r.Method == http.MethodDelete:
		delete(s.jobs, name)
		say(http.StatusOK, object{})
	}
}

func (s *server) create(r *http.Request, say func(int, any)) {
	var job object
	if err := json.NewDecoder(r.Body).Decode(&job); err != nil {
		say(http.StatusBadRequest, object{"message": err.Error()})
		return
	}
	name := job["metadata"].(object)["name"].(string)
	if _, there := s.jobs[name]; there {
		say(http.StatusConflict, object{"message": "exists"})
		return
	}
	job["spec"].(object)["suspend"] = true // as Kueue does it
	s.jobs[name] = job
	say(http.StatusCreated, job)
}

// advance lets a job go on: from its queue to work, and from work to its end.
func (s *server) advance(name string, job object) {
	select {
	case s.looked <- struct{}{}:
	default:
	}
	switch {
	case job["spec"].(object)["suspend"] == true:
		job["spec"].(object)["suspend"] = false
	case !s.forever && job["status"] == nil:
		end := map[bool]string{true: "Failed", false: "Completed"}[s.fails[name]]
		job["status"] = object{"terminalState": end, "conditions": []any{
			object{"type": "Suspended", "status": "False", "message": "resumed"},
			object{"type": end, "status": "True", "reason": "Misuse", "message": "exit code 2"},
		}}
	}
}

func manifest(container object) object {
	return object{
		"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet",
		"metadata": object{"generateName": "training-", "namespace": "fraud-dev"},
		"spec": object{"replicatedJobs": []any{object{"name": "workers", "template": object{"spec": object{
			"template": object{"spec": object{"containers": []any{container}}},
		}}}}},
	}
}

// options describe a launch of jobs on a server.
func options(t *testing.T, s *server, jobs ...object) launch.Options {
	t.Helper()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	data, err := json.Marshal(object{"jobs": jobs, "cluster": clusterjob.Cluster{
		Kind: "test", Name: "fraud-dev", Endpoint: s.URL, Authority: base64.StdEncoding.EncodeToString(authority),
	}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "training.json")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	return launch.Options{
		Job: lake.FileURI(file), Run: "20261122T123456.789Z", Interval: time.Millisecond, Patience: time.Minute,
		Environment: map[string]string{"MLPATHWAY_RUN": "20261122T123456.789Z", "MLPATHWAY_MODELS": "s3://models"},
		Token:       func(context.Context, clusterjob.Cluster) (string, error) { return "token-1", nil },
	}
}

const first, second = "training-20261122t123456-789z-0", "training-20261122t123456-789z-1"

func TestJobsRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.broken = 3 // a cluster that is out of reach for a while
	var out strings.Builder
	o := options(t, s, manifest(object{"name": "tune"}), manifest(object{
		"name": "train", "env": []any{object{"name": "MLPATHWAY_MODELS", "value": "s3://own"}},
	}))
	o.Out = &out
	require.NoError(t, launch.Run(t.Context(), o))
	assert.Equal(t, []string{
		"POST " + jobsPath, "GET " + jobsPath + "/" + first, "POST " + jobsPath, "GET " + jobsPath + "/" + second,
	}, slices.Compact(s.calls))
	assert.NotContains(t, s.jobs[first]["metadata"], "generateName")
	environment := func(job object) any {
		r := job["spec"].(object)["replicatedJobs"].([]any)[0].(object)
		pod := r["template"].(object)["spec"].(object)["template"].(object)["spec"].(object)
		return pod["containers"].([]any)[0].(object)["env"]
	}
	run := object{"name": "MLPATHWAY_RUN", "value": "20261122T123456.789Z"}
	assert.Equal(t, []any{object{"name": "MLPATHWAY_MODELS", "value": "s3://models"}, run}, environment(s.jobs[first]))
	assert.Equal(t, []any{object{"name": "MLPATHWAY_MODELS", "value": "s3://own"}, run}, environment(s.jobs[second]),
		"what a container has stays")
	for _, said := range []string{
		"out of reach", "fraud-dev/" + first + " waits in its queue", "fraud-dev/" + second + " is done",
	} {
		assert.Contains(t, out.String(), said)
	}
}

func TestAFailedJobFailsTheLaunch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.fails[first] = true
	o := options(t, s, manifest(object{"name": "tune"}), manifest(object{"name": "train"}))
	err := launch.Run(t.Context(), o)
	require.ErrorIs(t, err, launch.ErrJob)
	require.ErrorContains(t, err, "fraud-dev/"+first+": Misuse: exit code 2")
	assert.Equal(t, []string{first}, slices.Collect(maps.Keys(s.jobs)), "what comes after is not made")

	s.fails[first] = false // the run is tried again
	require.NoError(t, launch.Run(t.Context(), o))
	assert.Contains(t, s.calls, "DELETE "+jobsPath+"/"+first)
}

// TestAKilledLaunchFindsItsJobAgain: a second launch of the run waits for what the first one made.
func TestAKilledLaunchFindsItsJobAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	o := options(t, s, manifest(object{"name": "train"}))
	require.NoError(t, launch.Run(t.Context(), o))
	s.calls = nil
	require.NoError(t, launch.Run(t.Context(), o))
	assert.NotContains(t, strings.Join(s.calls, "\n"), "DELETE")
	assert.Len(t, s.jobs, 1)
}

func TestNobodyWaitsForAStoppedJob(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.forever = true
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		for range 3 {
			<-s.looked
		}
		stop()
	}()
	err := launch.Run(ctx, options(t, s, manifest(object{"name": "train"})))
	require.ErrorIs(t, err, step.ErrStopped)
	assert.Empty(t, s.jobs, "the job is deleted")
	assert.Equal(t, "DELETE "+jobsPath+"/"+first, s.calls[len(s.calls)-1])
}

func TestADeletedJobFailsTheLaunch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.forever = true
	go func() {
		<-s.looked
		s.mu.Lock()
		defer s.mu.Unlock()
		clear(s.jobs)
	}()
	require.ErrorContains(t, launch.Run(t.Context(), options(t, s, manifest(object{"name": "train"}))),
		"there is none of this name")
}

func TestLaunchRefuses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	valid := manifest(object{"name": "train"})
	for want, change := range map[string]func(*launch.Options, object){
		"403 Forbidden: who are you?": func(o *launch.Options, _ object) {
			o.Token = func(context.Context, clusterjob.Cluster) (string, error) { return "token-2", nil }
		},
		"no credentials": func(o *launch.Options, _ object) {
			o.Patience = time.Nanosecond
			o.Token = func(context.Context, clusterjob.Cluster) (string, error) { return "", errors.New("no credentials") }
		},
		`found a cluster of the kind "test"`: func(o *launch.Options, _ object) { o.Token = nil },
		"want an address such as":            func(o *launch.Options, _ object) { o.Job = "training.json" },
		"want JobSets":                       func(_ *launch.Options, d object) { d["jobs"] = []any{object{"kind": "Pod"}} },
		"want JobSets with": func(_ *launch.Options, d object) {
			d["jobs"].([]any)[0].(object)["kind"] = "Pod"
		},
		"a namespace and a generateName": func(_ *launch.Options, d object) {
			delete(d["jobs"].([]any)[0].(object)["metadata"].(object), "namespace")
		},
		"it has none": func(_ *launch.Options, d object) { d["jobs"] = []any{} },
		"want https://HOST": func(_ *launch.Options, d object) {
			d["cluster"].(object)["endpoint"] = "http://127.0.0.1"
		},
		"no certificate in PEM": func(_ *launch.Options, d object) {
			d["cluster"].(object)["certificateAuthority"] = "AAAA"
		},
	} {
		o := options(t, s, valid)
		file := strings.TrimPrefix(o.Job, "file://")
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var d object
		require.NoError(t, json.Unmarshal(data, &d))
		change(&o, d)
		data, err = json.Marshal(d)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, data, 0o600))
		require.ErrorContains(t, launch.Run(t.Context(), o), want)
	}
	assert.Empty(t, s.jobs)
}

// TestOtherClustersAreNotAsked: a server whose certificate the authority has not signed learns no token.
func TestOtherClustersAreNotAsked(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	o := options(t, s, manifest(object{"name": "train"}))
	file := strings.TrimPrefix(o.Job, "file://")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var d object
	require.NoError(t, json.Unmarshal(data, &d))
	d["cluster"].(object)["certificateAuthority"] = base64.StdEncoding.EncodeToString([]byte(stranger))
	data, err = json.Marshal(d)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data, 0o600))
	o.Patience = time.Nanosecond
	require.ErrorContains(t, launch.Run(t.Context(), o), "certificate signed by unknown authority")
	assert.Empty(t, s.calls)
}

// stranger is a certificate that signs nothing here.
const stranger = `-----BEGIN CERTIFICATE-----
MIIBfjCCASOgAwIBAgIUe+s05W5t2KjbAiaqRNtnpP56o8QwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIc3RyYW5nZXIwIBcNMjYxMTI2MDAzNjAxWhgPMjEyNjExMDIw
MDM2MDFaMBMxETAPBgNVBAMMCHN0cmFuZ2VyMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEYB6wB1G0N+6xSLemOFXnks+LvP70TzllJB8NLMb96RiMsWwnfjsw2G3K
sNF+S0eDDCaQVq6mOsFomvvC/RqPp6NTMFEwHQYDVR0OBBYEFCoJQZbfUq+koY5m
AlqqrTHEkvM9MB8GA1UdIwQYMBaAFCoJQZbfUq+koY5mAlqqrTHEkvM9MA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAIlRWurFxljCLhdbq/4Yaqc2
lHKa1aXfn2th0smO+BHyAiEA5Zq0nYb2wLqnbwKALwXhbQPZXuwl+ngBx20lDvXl
HiI=
-----END CERTIFICATE-----
`
