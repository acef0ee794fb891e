//go:build linux

package container_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
	"github.com/mlpathway/mlpathway/tests/cluster/container"
	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// seen is what a program in a container finds.
type seen struct {
	User, Group                 int
	Capabilities, NoNewRights   string
	WritesRoot, WritesTmp       bool
	Rank, Master, Secret, Token string
	Config                      string
}

// TestMain is that program where the test runs itself in a container.
func TestMain(m *testing.M) {
	if os.Getenv("INSIDE") == "" {
		os.Exit(m.Run())
	}
	report := seen{
		User: os.Getuid(), Group: os.Getgid(), Rank: os.Getenv("RANK"), Master: os.Getenv("MASTER"), Secret: os.Getenv("KEY"),
	}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		switch name {
		case "CapBnd":
			report.Capabilities = value
		case "NoNewPrivs":
			report.NoNewRights = value
		}
	}
	report.WritesRoot = os.WriteFile("/etc/written", nil, 0o600) == nil
	report.WritesTmp = os.WriteFile("/tmp/written", nil, 0o600) == nil
	for path, field := range map[string]*string{"/config/a.yaml": &report.Config, "/var/token/token": &report.Token} {
		text, _ := os.ReadFile(path)
		*field = string(text)
	}
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		_ = http.ListenAndServe("127.0.0.1:8080", http.NotFoundHandler())
	}
	_ = json.NewEncoder(os.Stdout).Encode(report)
	os.Exit(3)
}

const pod = `
apiVersion: v1
kind: Pod
metadata:
  name: try
  annotations: {batch.kubernetes.io/job-completion-index: "1", jobset.sigs.k8s.io/jobset-name: run}
spec:
  securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532}
  volumes:
    - {name: tmp, emptyDir: {sizeLimit: 1Gi}}
    - {name: config, configMap: {name: config}}
    - {name: token, projected: {sources: [{serviceAccountToken: {path: token}}]}}
  containers:
    - name: main
      image: registry.test/try:1
      args: [%s]
      resources: {limits: {memory: 256Mi}}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      envFrom: [{secretRef: {name: secret}}]
      env:
        - {name: INSIDE, value: "1"}
        - name: RANK
          valueFrom: {fieldRef: {fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
        - {name: SET, valueFrom: {fieldRef: {fieldPath: "metadata.annotations['jobset.sigs.k8s.io/jobset-name']"}}}
        - {name: MASTER, value: $(SET)-0-0.$(SET)}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: config, mountPath: /config, readOnly: true}
        - {name: token, mountPath: /var/token, readOnly: true}
`

// open finds the container engine. It is skipped, or fails where the environment demands it, on a machine without one.
func open(t *testing.T) *container.Engine {
	t.Helper()
	if _, err := exec.LookPath("podman"); err != nil || os.Geteuid() != 0 {
		message := "containers need root, podman and runc (apt-get install podman runc)"
		require.NotEqual(t, "1", os.Getenv(binaries.RequireVariable), message)
		t.Skip(message)
	}
	conf, err := filepath.Abs("../../../inference-image/container/containers.conf")
	require.NoError(t, err)
	store, err := filepath.Abs("../../../bin/.container/graph")
	require.NoError(t, err)
	var stores []string
	if _, err := os.Stat(store); err == nil {
		stores = []string{store}
	}
	e, err := container.Open(t.TempDir(), conf, stores...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func engine(t *testing.T) (*container.Engine, container.Image, container.Around) {
	t.Helper()
	e := open(t)
	self, err := os.Executable()
	require.NoError(t, err)
	image, err := container.Files(t.Context(), filepath.Join(t.TempDir(), "image"), self, "/try")
	require.NoError(t, err)
	return e, image, container.Around{Files: map[string]map[string]string{
		"config": {"a.yaml": "key: value"}, "secret": {"KEY": "hunter2"},
	}}
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	objects, err := controlplane.Decode([]byte(text))
	require.NoError(t, err)
	return objects[0].Object
}

// TestStart runs a program that looks around in a pod's container.
func TestStart(t *testing.T) {
	t.Parallel()
	e, image, around := engine(t)
	name, err := e.Start(t.Context(), decode(t, fmt.Sprintf(pod, "look")), image, around)
	require.NoError(t, err)
	code, output, err := e.Wait(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, 3, code, output)
	var found seen
	require.NoError(t, json.Unmarshal([]byte(output), &found), output)
	assert.Equal(t, seen{
		User: 65532, Group: 65532, Capabilities: "0000000000000000", NoNewRights: "1", WritesTmp: true, Rank: "1",
		Master: "run-0-0.run", Secret: "hunter2", Token: "a token", Config: "key: value",
	}, found)
}

// TestNetwork reaches a container's port in its network and in no other.
func TestNetwork(t *testing.T) {
	t.Parallel()
	e, image, around := engine(t)
	listens(t, e, image, around)
	// Two engines at a time have the same port, each in its own network.
	other, image, around := engine(t)
	_, err := other.Dial(t.Context(), "tcp", "127.0.0.1:8080")
	require.Error(t, err, "it is not there yet")
	listens(t, other, image, around)
}

func listens(t *testing.T, e *container.Engine, image container.Image, around container.Around) {
	t.Helper()
	_, err := e.Start(t.Context(), decode(t, fmt.Sprintf(pod, "serve")), image, around)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		conn, err := e.Dial(t.Context(), "tcp", "127.0.0.1:8080")
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 2*time.Minute, 50*time.Millisecond)
}

// TestUnknown refuses what would be left out.
func TestUnknown(t *testing.T) {
	t.Parallel()
	e, image, around := engine(t)
	for _, twin := range []struct{ right, wrong, says string }{
		{"image: registry.test/try:1", "image: a\n      stdin: true", "stdin"},
		{"projected: {sources: [{serviceAccountToken: {path: token}}]}", "hostPath: {path: /}", "source is not known"},
		{"runAsUser: 65532, ", "", "must not run as root"},
		{"secretRef: {name: secret}", "secretRef: {name: other}", "no object other"},
		{"capabilities: {drop: [ALL]}", "privileged: true", "privileged"},
	} {
		broken := decode(t, strings.Replace(fmt.Sprintf(pod, "look"), twin.right, twin.wrong, 1))
		_, err := e.Start(t.Context(), broken, image, around)
		assert.ErrorContains(t, err, twin.says)
	}
}
