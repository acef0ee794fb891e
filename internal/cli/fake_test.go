package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakePulumi is a stand-in for the Pulumi CLI. It notes how it was called, keeps a state file as the file backend
// does, and answers what the tests need. The real one is at work in the end-to-end tests.
const fakePulumi = `#!/bin/sh
echo "$*" >>"$FAKE/calls"
env | grep -E '^(PULUMI|MLPATHWAY|GO)' | sort >"$FAKE/environment"
backend=${PULUMI_BACKEND_URL#file://}
state=${backend%%\?*}/.pulumi/stacks/mlpathway
[ "$1" = -C ] && { directory=$2; shift 2; }
case "$1 $2" in
"stack init")
	mkdir -p "$state" && echo '{}' >"$state/$3.json"
	echo 'encryptionsalt: v1:salt' >>"$directory/Pulumi.$3.yaml" ;;
"stack rm") rm "$state/$3.json" ;;
"stack output") cat "$FAKE/outputs" ;;
"stack export") cat "$FAKE/state" ;;
"up "*)
	cp "$5" "$FAKE/config"
	cat "$FAKE/events"
	if [ -e "$FAKE/slow.$3" ]; then
		trap 'exit 1' INT
		touch "$FAKE/begun"
		while [ -e "$FAKE/slow.$3" ]; do sleep 0.05; done
	fi
	exit "$(cat "$FAKE/exit")" ;;
"destroy "*)
	exit "$(cat "$FAKE/exit")" ;;
esac
exit 0
`

// copyOf is a working copy with a stand-in for Pulumi.
type copyOf struct {
	root, fake string
	out, err   *buffer
	app        *app
}

// newCopy makes a working copy with the stacks local, other (local too) and cloud.
func newCopy(t *testing.T) *copyOf {
	t.Helper()
	c := &copyOf{root: t.TempDir(), fake: t.TempDir(), out: &buffer{}, err: &buffer{}}
	write(t, c.root, "Pulumi.yaml", "name: mlpathway\nruntime: go\nstackConfigDir: stacks\n")
	for _, name := range []string{"local", "other"} {
		write(t, c.root, "stacks/Pulumi."+name+".yaml", "config:\n  mlpathway:target: local # here\n")
	}
	write(t, c.root, "stacks/Pulumi.cloud.yaml", "config:\n  mlpathway:target: aws\n")
	write(t, c.root, "bin/pulumi", fakePulumi)
	require.NoError(t, os.Chmod(filepath.Join(c.root, "bin", "pulumi"), 0o700))
	write(t, c.fake, "outputs", `{"model": "tumour", "endpoint": "http://127.0.0.1:1"}`)
	write(t, c.fake, "state", `{"deployment": {"resources": []}}`)
	write(t, c.fake, "events", "")
	write(t, c.fake, "exit", "0")
	c.app = c.newApp()
	return c
}

func (c *copyOf) newApp() *app {
	return &app{out: c.out, err: c.err, dir: c.root, stack: defaultStack, environ: []string{
		"PATH=/usr/bin:/bin", "FAKE=" + c.fake, "PULUMI_BACKEND_URL=s3://mine", "PULUMI_ACCESS_TOKEN=mine", "GOFLAGS=-x",
	}}
}

// run runs a command line as Main does.
func (c *copyOf) run(ctx context.Context, args ...string) error {
	root := newRoot(c.app)
	root.SetArgs(args)
	root.SetOut(c.out)
	root.SetErr(c.err)
	return root.ExecuteContext(ctx)
}

// calls are the command lines that the stand-in has seen.
func (c *copyOf) calls(t *testing.T) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(read(t, c.fake, "calls")), "\n")
}

func (c *copyOf) assertGone(t *testing.T) {
	t.Helper()
	assert.NoDirExists(t, filepath.Join(c.root, ".mlpathway"))
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(data)
}

// buffer is a bytes.Buffer that several may write at once.
type buffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *buffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(data)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func (b *buffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buffer.Reset()
}
