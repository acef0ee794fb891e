package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

const createdEvents = `{"resourcePreEvent":{"metadata":{"op":"create","urn":"urn:pulumi:local::p::a:index:Port::p"}}}
{"resOutputsEvent":{"metadata":{"op":"create","urn":"urn:pulumi:local::p::a:index:Port::p","new":{"custom":true}}}}
{"summaryEvent":{"resourceChanges":{"create":1,"same":2}}}
`

func TestUpMakesTheStackAndSaysWhereItIsServed(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	write(t, c.fake, "events", createdEvents)
	file := read(t, c.root, "stacks/Pulumi.local.yaml")
	require.NoError(t, c.run(t.Context(), "up"))

	settings := filepath.Join(c.root, ".mlpathway", "home", "stacks", "local")
	assert.Equal(t, []string{
		"-C " + settings + " stack init local --no-select --non-interactive",
		"up --stack local --config-file " + settings + "/Pulumi.local.yaml --non-interactive --json --yes " +
			"--skip-preview --refresh",
		"stack output --stack local --json",
	}, c.calls(t))
	assert.Contains(t, c.out.String(), "+ created   Port p")
	assert.Contains(t, c.out.String(), "1 created, 2 unchanged")
	assert.Contains(t, c.out.String(), "http://127.0.0.1:1")
	assert.Equal(t, file, read(t, c.root, "stacks/Pulumi.local.yaml"), "the stack file belongs to the person")
	assert.Equal(t, file+"encryptionsalt: v1:salt\n", read(t, c.fake, "config"))

	require.NoError(t, c.run(t.Context(), "up"))
	assert.Len(t, c.calls(t), 5, "the second up makes no stack")
	assert.Equal(t, file+"encryptionsalt: v1:salt\n", read(t, c.fake, "config"), "the salt stays")
}

func TestLocalStacksRunInAnEnvironmentOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.NoError(t, c.run(t.Context(), "up"))
	environment := read(t, c.fake, "environment")
	for _, want := range []string{
		"PULUMI_BACKEND_URL=file://" + c.root + "/.mlpathway/backend?metadata=skip\n",
		"PULUMI_HOME=" + c.root + "/.mlpathway/home\n",
		"PULUMI_CONFIG_PASSPHRASE_FILE=" + c.root + "/.mlpathway/passphrase\n", "PULUMI_SKIP_UPDATE_CHECK=1\n",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=1\n", "GOPROXY=off\n", "GOFLAGS=-x " + buildFlags + "\n",
		"MLPATHWAY_COMMAND=",
	} {
		assert.Contains(t, environment, want)
	}
	assert.NotContains(t, environment, "mine")
	info, err := os.Stat(filepath.Join(c.root, ".mlpathway", "passphrase"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	assert.Len(t, read(t, c.root, ".mlpathway/passphrase"), 48)
}

func TestOtherStacksBelongToThePersonsOwnPulumi(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.NoError(t, c.run(t.Context(), "up", "-s", "cloud", "--yes"))
	require.NoError(t, c.run(t.Context(), "down", "-s", "cloud"))
	assert.Equal(t, []string{"up --stack cloud --yes", "destroy --stack cloud"}, c.calls(t))
	environment := read(t, c.fake, "environment")
	assert.Contains(t, environment, "PULUMI_BACKEND_URL=s3://mine\n")
	assert.Contains(t, environment, "PULUMI_ACCESS_TOKEN=mine\n")
	c.assertGone(t)
}

func TestUpPrintsTheOutputsAsJSON(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	write(t, c.fake, "events", createdEvents)
	require.NoError(t, c.run(t.Context(), "up", "--json"))
	assert.JSONEq(t, `{"model": "tumour", "endpoint": "http://127.0.0.1:1"}`, c.out.String())
	assert.Contains(t, c.err.String(), "created   Port p")
}

func TestUpPrintsACurlLineThatAShellUnderstands(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	models := t.TempDir()
	zone, err := lake.Open(t.Context(), lake.FileURI(models))
	require.NoError(t, err)
	defer func() { _ = zone.Close() }()
	reg := registry.New(zone)
	require.NoError(t, reg.Register(t.Context(), &registry.Version{
		Manifest: registry.Manifest{Name: "m", Version: "v1", Inputs: []registry.Input{{Name: "x"}}},
		Profile:  registry.Profile{Features: []registry.Distribution{{Name: "x", Mean: 2.5}}},
	}))
	require.NoError(t, reg.Promote(t.Context(), "m", registry.Production, "v1"))
	for token, want := range map[string]string{
		"":                `curl -s -d '{"features": [2.5]}' http://127.0.0.1:1/predict`,
		"file:///a b/tok": `curl -s -H "Authorization: Bearer $(cat '/a b/tok')" -d '{"features": [2.5]}' http://127`,
	} {
		outputs, err := json.Marshal(map[string]any{
			"predict": "http://127.0.0.1:1/predict", "model": "m", "lake": map[string]string{"models": lake.FileURI(models)},
			"token": token,
		})
		require.NoError(t, err)
		write(t, c.fake, "outputs", string(outputs))
		c.out.Reset()
		require.NoError(t, c.run(t.Context(), "up"))
		assert.Contains(t, c.out.String(), want)
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	require.ErrorContains(t, c.run(t.Context(), "output", "endpoint"), "is not up")
	write(t, c.fake, "outputs", `{"endpoint": "http://127.0.0.1:1", "lake": {"raw": "file:///raw"}}`)
	require.NoError(t, c.run(t.Context(), "up"))
	c.out.Reset()
	require.NoError(t, c.run(t.Context(), "output", "endpoint"))
	assert.Equal(t, "http://127.0.0.1:1\n", c.out.String(), "nothing else, so that a command line can use it")
	c.out.Reset()
	require.NoError(t, c.run(t.Context(), "output", "lake"))
	assert.JSONEq(t, `{"raw": "file:///raw"}`, c.out.String())
	require.ErrorContains(t, c.run(t.Context(), "output", "x"), "it has endpoint, lake")
}

func TestAFailedUpShowsWhatTheProgramWrote(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	write(t, c.fake, "exit", "1")
	write(t, c.fake, "events", `{"diagnosticEvent":{"message":"./x.go:1: undefined: y\n","severity":"info#err"}}`+"\n")
	err := c.run(t.Context(), "up")
	require.ErrorContains(t, err, "pulumi up failed")
	assert.Contains(t, c.out.String(), "undefined: y")
	write(t, c.fake, "exit", "0")
	require.NoError(t, c.run(t.Context(), "up"))
	assert.NotContains(t, c.err.String(), "did not come to its end", "Pulumi itself ended: there is nothing to clean up")
}

func TestTheSecondOfTwoCommandsIsRefused(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	first := c.startSlow(t.Context(), t)
	err := c.second().run(t.Context(), "up")
	require.ErrorContains(t, err, `another command works on the stack local: "up", process`)
	require.ErrorContains(t, err, "kill -INT")
	require.NotErrorIs(t, err, errUsage)
	require.NoError(t, c.second().run(t.Context(), "up", "-s", "other"), "another stack is free")
	require.NoError(t, os.Remove(filepath.Join(c.fake, "slow.local")))
	require.NoError(t, <-first, "the first one is not disturbed")
	require.NoError(t, c.run(t.Context(), "up"))
}

func TestAnInterruptIsPassedOnAndTheNextCommandCleansUp(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := c.startSlow(ctx, t)
	cancel()
	require.ErrorIs(t, <-first, errUnfinished)
	assert.Contains(t, c.err.String(), "interrupted")
	require.NoError(t, os.Remove(filepath.Join(c.fake, "slow.local")))

	require.NoError(t, c.run(t.Context(), "up"))
	assert.Contains(t, c.err.String(), "did not come to its end")
	calls := c.calls(t)
	assert.Contains(t, calls[len(calls)-3], "refresh --stack local")
	assert.Contains(t, calls[len(calls)-3], "--clear-pending-creates")
	assert.True(t, strings.HasPrefix(calls[len(calls)-2], "up "))

	require.NoError(t, c.run(t.Context(), "up"))
	assert.True(t, strings.HasPrefix(c.calls(t)[len(calls)], "up "), "after a clean end nothing is cleaned up")
}

// second is another command line on the same working copy.
func (c *copyOf) second() *copyOf {
	other := *c
	other.app = c.newApp()
	return &other
}

// startSlow starts an up that goes on until the file "slow.local" is removed.
func (c *copyOf) startSlow(ctx context.Context, t *testing.T) <-chan error {
	t.Helper()
	write(t, c.fake, "slow.local", "")
	done := make(chan error, 1)
	go func() { done <- c.run(ctx, "up") }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(c.fake, "begun"))
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	return done
}
