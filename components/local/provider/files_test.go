package provider

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDirectoryLifeCycle(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b")
	d := newEngine(t).resource("Directory")
	inputs := map[string]any{"path": path}
	assert.Equal(t, create, d.up(inputs))
	assert.Equal(t, "file://"+path, d.out("uri").AsString())
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	assert.Equal(t, same, d.up(inputs))

	require.NoError(t, os.Remove(path))
	assert.False(t, d.refresh(), "a refresh must see a deleted directory")
	assert.Equal(t, create, d.up(inputs))
	require.NoError(t, os.WriteFile(filepath.Join(path, "data"), nil, 0o600))
	require.True(t, d.refresh())
	assert.Equal(t, same, d.up(inputs))

	assert.Equal(t, replace, d.up(map[string]any{"path": path + "2"}))
	assert.FileExists(t, filepath.Join(path, "data"), "a directory with content is removed only when purge says so")
	d.down()
	assert.NoDirExists(t, path+"2")
}

func TestDirectoryDelete(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		inputs map[string]any
		left   bool
	}{
		"full":             {map[string]any{}, true},
		"purge":            {map[string]any{"purge": true}, false},
		"retain":           {map[string]any{"retain": true}, true},
		"retain and purge": {map[string]any{"retain": true, "purge": true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "zone")
			d := newEngine(t).resource("Directory")
			d.up(map[string]any{"path": path})
			require.NoError(t, os.MkdirAll(filepath.Join(path, "deep"), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(path, "deep", "data"), nil, 0o600))
			want := update
			if len(test.inputs) == 0 {
				want = same
			}
			assert.Equal(t, want, d.up(with(test.inputs, map[string]any{"path": path})))
			d.down()
			_, err := os.Stat(filepath.Join(path, "deep", "data"))
			assert.Equal(t, test.left, err == nil)
		})
	}
}

func TestDirectoryErrors(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
	for _, path := range []string{file, filepath.Join(file, "below")} {
		_, err := e.resource("Directory").tryUp(map[string]any{"path": path})
		require.ErrorContains(t, err, "a file is in the way")
		require.ErrorContains(t, err, path)
	}
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(data))

	home, err := os.UserHomeDir()
	require.NoError(t, err)
	working, err := os.Getwd()
	require.NoError(t, err)
	for path, want := range map[string]string{
		"relative": "absolute path", "/a/../b": "absolute path", "/": "purge would remove",
		home: "home directory", filepath.Dir(working): "working directory",
	} {
		assert.Contains(t, e.checkFailures("Directory", map[string]any{"path": path, "purge": true})["path"], want, path)
	}
	assert.Empty(t, e.checkFailures("Directory", map[string]any{"path": home, "purge": true, "retain": true}))
	assert.Empty(t, e.checkFailures("Directory", map[string]any{"path": home + "-other", "purge": true}))
	assert.Contains(t, e.checkFailures("Directory", map[string]any{"path": "/a", "porge": true}), "porge")
}

func TestFileLifeCycle(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path, source := filepath.Join(directory, "to"), filepath.Join(directory, "from")
	require.NoError(t, os.WriteFile(source, []byte("one"), 0o644))
	f := newEngine(t).resource("File")
	inputs := map[string]any{"path": path, "source": source, "sha256": sum([]byte("one"))}
	assert.Equal(t, create, f.up(inputs))
	assert.Equal(t, "one", read(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.Equal(t, same, f.up(inputs))

	require.NoError(t, os.WriteFile(path, []byte("tampered"), 0o600))
	require.True(t, f.refresh())
	assert.Equal(t, sum([]byte("tampered")), f.out("sha256").AsString(), "the state must show the real content")
	assert.Equal(t, update, f.up(inputs))
	assert.Equal(t, "one", read(t, path))

	require.NoError(t, os.Remove(path))
	assert.False(t, f.refresh())
	assert.Equal(t, create, f.up(inputs))

	assert.Equal(t, same, f.up(map[string]any{"path": path, "content": "one", "sha256": sum([]byte("one"))}),
		"where the same content comes from does not matter")
	assert.Equal(t, update, f.up(map[string]any{"path": path, "content": "two", "sha256": sum([]byte("two"))}))
	assert.Equal(t, "two", read(t, path))
	assert.Equal(t, replace, f.up(map[string]any{"path": path + "2", "content": "", "sha256": sum(nil)}))
	assert.NoFileExists(t, path)
	require.NoError(t, os.WriteFile(filepath.Join(directory, ".to2.123.tmp"), nil, 0o600)) // of a killed write
	f.down()
	assert.Equal(t, []string{"from"}, tree(t, directory))
}

func TestSecretContentStaysSecret(t *testing.T) {
	t.Parallel()
	f := newEngine(t).resource("File")
	f.up(map[string]any{
		"path": filepath.Join(t.TempDir(), "f"), "content": property.New("hush").WithSecret(true),
		"sha256": sum([]byte("hush")),
	})
	assert.True(t, f.out("content").Secret())
	require.True(t, f.refresh())
	assert.True(t, f.out("content").Secret())
	assert.True(t, f.inputs.Get("content").Secret())
}

func TestFileErrors(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	directory := t.TempDir()
	source := filepath.Join(directory, "from")
	require.NoError(t, os.WriteFile(source, []byte("one"), 0o600))
	right, wrong := sum([]byte("one")), sum([]byte("two"))
	path := filepath.Join(directory, "to")

	found := e.checkFailures("File", map[string]any{"path": path, "source": source, "sha256": wrong})["source"]
	for _, want := range []string{right, wrong, source} {
		assert.Contains(t, found, want, "the error must name both sums")
	}
	assert.Contains(t, e.checkFailures("File", map[string]any{"path": path, "source": "/none", "sha256": right})["source"],
		"no such file")
	assert.Contains(t, e.checkFailures("File", map[string]any{"path": path, "content": "x", "sha256": right})["content"],
		right)
	for _, inputs := range []map[string]any{
		{"path": path, "sha256": right}, {"path": path, "sha256": right, "source": source, "content": "one"},
	} {
		assert.Contains(t, e.checkFailures("File", inputs)["source"], "exactly one")
	}
	assert.Contains(t, e.checkFailures("File", map[string]any{"path": path, "content": "", "sha256": "x"})["sha256"],
		"64 lower-case")
	assert.Empty(t, e.checkFailures("File", map[string]any{
		"path": path, "source": property.New(property.Computed), "sha256": property.New(property.Computed),
	}), "what a preview cannot know must not fail")

	good := map[string]any{"content": "one", "sha256": right}
	_, err := e.resource("File").tryUp(with(good, map[string]any{"path": filepath.Join(directory, "none", "f")}))
	require.ErrorContains(t, err, "pulumi refresh")
	_, err = e.resource("File").tryUp(with(good, map[string]any{"path": filepath.Join(source, "f")}))
	require.ErrorContains(t, err, "is a file and not a directory")
	require.NoError(t, os.Mkdir(path, 0o700))
	_, err = e.resource("File").tryUp(with(good, map[string]any{"path": path}))
	require.ErrorContains(t, err, "a directory is in the way")
	assert.Equal(t, []string{"from", "to"}, tree(t, directory), "nothing half-written may stay")
}

// A file system of 64 KB in a name space of its own shows what a full disk does.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	const inside = "MLPATHWAY_TEST_FULL_DISK"
	if directory := os.Getenv(inside); directory != "" {
		fillDisk(t, directory)
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	directory := t.TempDir()
	command := exec.Command("unshare", "-rm", "/bin/sh", "-c",
		`mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" -test.run='^TestFullDisk$' -test.v`, "sh", directory, self)
	command.Env = append(os.Environ(), inside+"="+directory)
	output, err := command.CombinedOutput()
	if err != nil && !strings.Contains(string(output), "=== RUN") {
		t.Skipf("this machine lets nobody mount a small disk: %s", output)
	}
	require.NoError(t, err, string(output))
	assert.Contains(t, string(output), "--- PASS: TestFullDisk")
}

func fillDisk(t *testing.T, directory string) {
	t.Helper()
	path := filepath.Join(directory, "f")
	f := newEngine(t).resource("File")
	f.up(map[string]any{"path": path, "content": "small", "sha256": sum([]byte("small"))})
	big := strings.Repeat("x", 100<<10)
	_, err := f.tryUp(map[string]any{"path": path, "content": big, "sha256": sum([]byte(big))})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "free some space")
	require.ErrorContains(t, err, path)
	assert.Equal(t, "small", read(t, path), "the old file must stay")
	assert.Equal(t, []string{"f"}, tree(t, directory), "nothing half-written may stay")
}

func TestTokenLifeCycle(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	e := newEngine(t)
	k := e.resource("Token")
	inputs := map[string]any{"path": path}
	assert.Equal(t, create, k.up(inputs))
	first := k.out("token")
	assert.True(t, first.Secret(), "a token must be a secret")
	assert.Regexp(t, "^[0-9a-f]{64}$", first.AsString())
	assert.Equal(t, first.AsString(), read(t, path))
	assert.Equal(t, same, k.up(inputs))

	again := e.resource("Token")
	again.up(inputs)
	assert.Equal(t, first.AsString(), again.out("token").AsString(), "what a killed run left behind is adopted")

	exchanged := strings.Repeat("ab", 32)
	require.NoError(t, os.WriteFile(path, []byte(exchanged), 0o600))
	require.True(t, k.refresh())
	assert.Equal(t, exchanged, k.out("token").AsString())
	assert.True(t, k.out("token").Secret())
	for name, spoil := range map[string]func() error{
		"broken":  func() error { return os.WriteFile(path, []byte("short"), 0o600) },
		"exposed": func() error { return os.Chmod(path, 0o644) },
		"missing": func() error { return os.Remove(path) },
	} {
		require.NoError(t, spoil(), name)
		assert.False(t, k.refresh(), name)
		assert.Equal(t, create, k.up(inputs), name)
		assert.Regexp(t, "^[0-9a-f]{64}$", read(t, path), name)
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	assert.Equal(t, replace, k.up(map[string]any{"path": path + "2"}))
	assert.NoFileExists(t, path)
	k.down()
	assert.NoFileExists(t, path+"2")
}

func TestPortLifeCycle(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	port := e.resource("Port")
	assert.Equal(t, create, port.up(map[string]any{"name": "endpoint"}))
	chosen := int(port.out("port").AsNumber())
	assert.GreaterOrEqual(t, chosen, firstFreePort)
	assert.Equal(t, same, port.up(map[string]any{"name": "endpoint", "preferred": 0}))
	assert.Equal(t, same, port.up(map[string]any{"name": "endpoint", "preferred": chosen}),
		"the port that it has already")
	require.True(t, port.refresh())
	other := freePort(t)
	assert.Equal(t, replace, port.up(map[string]any{"name": "endpoint", "preferred": other}))
	assert.Equal(t, other, int(port.out("port").AsNumber()))
	assert.Equal(t, same, port.up(map[string]any{"name": "endpoint", "preferred": 0}), "any will do, so the present one")

	_, err := e.resource("Port").tryUp(map[string]any{"name": "second", "preferred": other})
	require.ErrorContains(t, err, "wanted by two services")
	assert.Contains(t, e.checkFailures("Port", map[string]any{"name": "", "preferred": 80})["preferred"], "1024")
	assert.Contains(t, e.checkFailures("Port", map[string]any{"name": ""}), "name")
}

func TestTakenPortNamesItsHolder(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // a listener of the test's own
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	taken := listener.Addr().(*net.TCPAddr).Port
	_, err = newEngine(t).resource("Port").tryUp(map[string]any{"name": "endpoint", "preferred": taken})
	require.Error(t, err)
	for _, want := range []string{
		strconv.Itoa(taken), "process " + strconv.Itoa(os.Getpid()), "choose another `port`", "or 0", "endpoint",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestPortsChosenAtOnceDiffer(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	var wait sync.WaitGroup
	ports := make([]*managed, 50)
	for i := range ports {
		ports[i] = e.resource("Port")
		wait.Go(func() { ports[i].up(map[string]any{"name": "p"}) })
	}
	wait.Wait()
	seen := map[int]bool{}
	for _, port := range ports {
		seen[int(port.out("port").AsNumber())] = true
	}
	assert.Len(t, seen, len(ports))
}

func TestNoPortIsHandedOutTwice(t *testing.T) {
	t.Parallel()
	book := newPortBook()
	left := map[int]bool{freePort(t): true, freePort(t): true}
	for port := firstFreePort; port <= lastFreePort; port++ {
		book.taken[port] = !left[port]
	}
	for range len(left) {
		port, err := book.choose(t.Context(), 0)
		require.NoError(t, err)
		assert.True(t, left[port], "port %d was handed out before", port)
		delete(left, port)
	}
	_, err := book.choose(t.Context(), 0)
	require.ErrorContains(t, err, "choose a `port` yourself")
}

func TestPreviewTouchesNothing(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	directory := t.TempDir()
	unknown := property.New(property.Computed)
	for kind, inputs := range map[string]map[string]any{
		"Directory":  {"path": filepath.Join(directory, "d")},
		"File":       {"path": filepath.Join(directory, "f"), "content": "x", "sha256": sum([]byte("x"))},
		"Port":       {"name": "p"},
		"Token":      {"path": filepath.Join(directory, "t")},
		"Process":    with(shell("true"), map[string]any{"name": "one", "directory": directory, "version": unknown}),
		"Supervisor": {"directory": directory, "binary": "/none", "processes": map[string]any{"one": unknown}},
		"Ready":      {"url": unknown, "socket": unknown, "process": "one"},
	} {
		m := e.resource(kind)
		checked, err := e.server.Check(p.CheckRequest{Urn: m.urn(), Inputs: props(inputs)})
		require.NoError(t, err, kind)
		require.Empty(t, checked.Failures, kind)
		created, err := e.server.Create(p.CreateRequest{Urn: m.urn(), Properties: checked.Inputs, DryRun: true})
		require.NoError(t, err, kind)
		for _, output := range []string{"uri", "port", "token", "digest", "status"} {
			if value, ok := created.Properties.GetOk(output); ok {
				assert.True(t, value.HasComputed(), "%s: %s must not be known before it exists", kind, output)
			}
		}
	}
	assert.Empty(t, tree(t, directory))
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}
