package provider

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gopsnet "github.com/shirou/gopsutil/v4/net"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/local/provider/socket"
)

// Not parallel: it changes the environment of the test binary.
func TestSupervisorKeepsToItsDirectory(t *testing.T) {
	home, temporary, out := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "environment")
	directory := filepath.Join(t.TempDir(), "s")
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	t.Setenv("TMPDIR", temporary)
	t.Setenv("PULUMI_CONFIG_PASSPHRASE", "hush")
	t.Setenv("PC_PORT_NUM", "1")
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile(".env", []byte("LEAKED=yes\n"), 0o600))
	require.NoError(t, os.WriteFile(".pc_env", []byte("PC_NO_SERVER=1\n"), 0o600))
	t.Setenv("MLPATHWAY_PROCESS_COMPOSE", absoluteProcessCompose)

	s := newStackIn(t, directory)
	wanted := map[string]map[string]any{
		"one": with(shell("env > "+out+".part; mv "+out+".part "+out+"; "+forever),
			map[string]any{"environment": map[string]string{"GIVEN": "yes"}}),
		"pipeline": steps("env > "+out+".step", "true"),
	}
	s.up(wanted)
	eventually(t, func() bool { return exists(out) }, "the environment", func() any { return s.states() })
	assert.Zero(t, s.run("pipeline").ExitCode)
	for _, file := range []string{out, out + ".step"} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(data), "MLPATHWAY_SUPERVISOR="+directory+"\n")
		assert.NotContains(t, string(data), "hush", "secrets of the engine must not reach the processes")
		assert.NotContains(t, string(data), "LEAKED", "no .env file may be read")
	}
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Contains(t, string(data), "GIVEN=yes\n")

	assert.Empty(t, tree(t, home), "nothing may be written to the home directory")
	assert.Empty(t, tree(t, temporary), "nothing may be written to the temporary directory")
	assert.Empty(t, listening(t, s.pids()), "the supervisor must not listen on a port")
	info, err := os.Stat(directory)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	for _, name := range tree(t, directory) {
		info, err := os.Stat(filepath.Join(directory, name))
		require.NoError(t, err)
		if info.Mode().IsRegular() {
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
		}
	}
	s.down()
	assert.NoDirExists(t, directory)
}

// absoluteProcessCompose is found before a test changes the working directory.
var absoluteProcessCompose, _ = filepath.Abs(filepath.Join("..", "..", "..", "bin", "process-compose"))

func listening(t *testing.T, pids []int) []uint32 {
	t.Helper()
	var ports []uint32
	for _, pid := range pids {
		connections, err := gopsnet.ConnectionsPid("inet", int32(pid))
		require.NoError(t, err)
		for _, c := range connections {
			ports = append(ports, c.Laddr.Port)
		}
	}
	return ports
}

func TestCommandsAndEnvironmentArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	out := filepath.Join(t.TempDir(), "out")
	odd := []string{
		"$HOME", "$$", "${X:-y}", "$$$", "{{.Name}}", "{{", "a b", `"quoted"`, "it's", "", "*", "`date`", `back\slash`,
		"tab\there", "new\nline", "ünïcode", "#no comment", "- item", "key: value", "%s",
	}
	script := `printf '%s\0' "$@" "$ODD" "$TEMPLATE" > ` + out + `.part; mv ` + out + `.part ` + out + "; exec sleep 1000"
	s.up(map[string]map[string]any{"one": {
		"command":     append([]string{"/bin/sh", "-c", script, "sh"}, odd...),
		"environment": map[string]string{"ODD": strings.Join(odd, "|"), "TEMPLATE": "{{ not a template }} $HOME"},
	}})
	eventually(t, func() bool { return exists(out) }, "the output", func() any { return s.states() })
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	want := append(append([]string{}, odd...), strings.Join(odd, "|"), "{{ not a template }} $HOME")
	assert.Equal(t, want, strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00"))
	s.down()
}

func TestTwoSupervisorsAreApart(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	first, second := newStackIn(t, filepath.Join(parent, "a")), newStackIn(t, filepath.Join(parent, "a2"))
	wanted := map[string]map[string]any{"one": shell(forever)}
	first.up(wanted)
	second.up(wanted)
	before := second.pid("one")

	require.NoError(t, syscall.Kill(first.supervisorPID(), syscall.SIGKILL))
	require.False(t, first.refresh())
	first.up(wanted)
	first.down()
	assert.Empty(t, first.pids())
	assert.Equal(t, before, second.states()["one"].PID, "the other stack must not notice")
	assert.Equal(t, same, second.up(wanted))
	second.down()
}

func TestStubbornProcessesAndChildrenEnd(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.up(map[string]map[string]any{
		"stubborn": with(shell("trap '' TERM; sleep 1000 & while :; do sleep 1; done"),
			map[string]any{"stopTimeoutSeconds": 1}),
		"parent":  shell("sleep 1000 & sleep 1000 & wait"),
		"escaped": shell("setsid /bin/sh -c 'trap \"\" TERM; while :; do sleep 1; done' > /dev/null 2>&1 & exec sleep 1000"),
	})
	eventually(t, func() bool { return len(s.pids()) >= 9 }, "all children", func() any { return s.pids() })
	s.down()
	assert.Empty(t, s.pids())
	assert.NoDirExists(t, s.directory)
}

func TestStubbornOrphansEnd(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "s")
	orphan := exec.Command("/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
	orphan.Env = []string{"PATH=" + os.Getenv("PATH"), supervisorVariable + "=" + directory}
	bystander := exec.Command("/bin/sleep", "1000")
	bystander.Env = []string{supervisorVariable + "=" + directory + "2"}
	for _, command := range []*exec.Cmd{orphan, bystander} {
		require.NoError(t, command.Start())
		t.Cleanup(func() { _ = command.Process.Kill() })
	}
	ended := make(chan struct{})
	go func() { _ = orphan.Wait(); close(ended) }()
	require.NoError(t, endProcesses(t.Context(), supervisedBy(directory), 0))
	<-ended
	assert.NoError(t, bystander.Process.Signal(syscall.Signal(0)), "another stack's process must live on")
	require.NoError(t, bystander.Process.Kill())
	_ = bystander.Wait()
}

func TestPurgedDirectoryTakesItsProcessesAlong(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	s := newStackIn(t, filepath.Join(parent, "stack", "supervisor"))
	directory := s.resource("Directory")
	directory.up(map[string]any{"path": filepath.Join(parent, "stack"), "purge": true})
	s.up(map[string]map[string]any{"one": shell(forever)})
	require.NotEmpty(t, s.pids())

	directory.down() // as after an up that was killed before the supervisor was in the state
	assert.Empty(t, s.pids())
	assert.NoDirExists(t, filepath.Join(parent, "stack"))
}

func TestLongDirectoryGetsAPrivateSocket(t *testing.T) {
	t.Parallel()
	s := newStackIn(t, filepath.Join(t.TempDir(), strings.Repeat("long", 25)))
	wanted := map[string]map[string]any{"one": shell(forever)}
	s.up(wanted)
	path := s.supervisor.out("socket").AsString()
	assert.LessOrEqual(t, len(path), socket.MaxPathBytes)
	assert.Equal(t, socket.Path(s.directory), path)
	info, err := os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	assert.Equal(t, "unix://"+path+":/process/start/one", s.processes["one"].out("startUrl").AsString())
	require.True(t, s.refresh())
	assert.Equal(t, same, s.up(wanted))
	s.down()
	assert.NoDirExists(t, filepath.Dir(path))
	assert.NoDirExists(t, s.directory)
}

func TestForeignSocketDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), strings.Repeat("long", 25))
	private := filepath.Join(t.TempDir(), "private")
	require.NoError(t, os.Mkdir(private, 0o755))
	err := prepareSocket(directory, filepath.Join(private, "s"))
	require.ErrorContains(t, err, "not a directory that only you can open")
	require.ErrorContains(t, err, private)
	require.NoError(t, os.Chmod(private, 0o700))
	require.NoError(t, prepareSocket(directory, filepath.Join(private, "s")))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(private, link))
	require.Error(t, prepareSocket(directory, filepath.Join(link, "s")), "a symbolic link may lead anywhere")
}

func TestFailedStartLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	_, err := s.tryUp(map[string]map[string]any{
		"fine": shell(forever), "broken": shell("echo no luck today; exit 7"),
	})
	require.ErrorIs(t, err, errCrashed)
	require.ErrorContains(t, err, "broken")
	require.ErrorContains(t, err, "exit code 7")
	require.ErrorContains(t, err, "no luck today", "the error must show the log")
	assert.Empty(t, s.pids())

	assert.Equal(t, create, s.up(map[string]map[string]any{"fine": shell(forever), "broken": shell(forever)}))
	s.down()
}

func TestMissingProgramsAreNamedBeforeAnythingStops(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	wanted := map[string]map[string]any{"one": shell(forever)}
	s.up(wanted)
	before := s.pid("one")

	_, err := s.tryUp(map[string]map[string]any{"one": {"command": []string{"/does/not/exist"}}})
	require.ErrorContains(t, err, "/does/not/exist")
	good := s.binary
	s.binary = "/does/not/exist"
	_, err = s.tryUp(wanted)
	require.ErrorContains(t, err, "process-compose is not at /does/not/exist")
	s.binary = good
	assert.Equal(t, before, s.states()["one"].PID)
	assert.Equal(t, same, s.up(wanted))
	s.down()
}
