package provider

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mlpathway/mlpathway/components/local/provider/socket"
)

// startTimeout is what process-compose and the processes get to start on a busy machine.
const startTimeout = 60 * time.Second

// inherited are the variables of the user that supervised processes get. Nothing else of the environment of the Pulumi
// engine, which holds passphrases and credentials, reaches them.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "GOCOVERDIR",
}

// temporary is the directory for temporary files of all processes, so that nothing of a killed one stays behind.
func temporary(directory string) string { return filepath.Join(directory, "tmp") }

func supervisorLog(directory string) string {
	return filepath.Join(directory, "logs", "supervisor.log")
}

func supervisorErrors(directory string) string {
	return filepath.Join(directory, "logs", "supervisor.err")
}

// launch starts process-compose detached from this process, and waits until its API answers.
func launch(ctx context.Context, directory, binary, socketPath string) error {
	if err := prepareSocket(directory, socketPath); err != nil {
		return err
	}
	if err := os.Chmod(directory, directoryMode); err != nil { // it may have been there before
		return fmt.Errorf("starting the supervisor: %w", advise(err))
	}
	// What killed processes left there belongs to nobody any more.
	if err := os.RemoveAll(temporary(directory)); err != nil {
		return fmt.Errorf("starting the supervisor: %w", advise(err))
	}
	if err := os.Mkdir(temporary(directory), directoryMode); err != nil {
		return fmt.Errorf("starting the supervisor: %w", advise(err))
	}
	output, err := os.OpenFile(supervisorErrors(directory), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, fileMode)
	if err != nil {
		return fmt.Errorf("starting the supervisor: %w", advise(err))
	}
	defer func() { _ = output.Close() }()
	// The standard output would repeat every line of every process, so it goes nowhere.
	command := exec.Command(binary,
		"-f", (&composer{directory: directory}).configPath(), "-t=false", "--keep-project",
		"-U", "-u", socketPath, "-L", supervisorLog(directory), "--disable-dotenv", "-e", os.DevNull)
	command.Dir = directory
	command.Env = supervisorEnvironment(directory)
	command.Stderr = output
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a Ctrl-C in the terminal is not for the processes
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting the supervisor %s: %w: build or install process-compose and run again", binary, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	return awaitAPI(ctx, directory, newClient(socketPath), ended)
}

func awaitAPI(ctx context.Context, directory string, api *client, ended <-chan struct{}) error {
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	for !api.alive(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("starting the supervisor: %w", context.Cause(ctx))
		case <-ended:
			return fmt.Errorf("the supervisor ended while it started: %s%s",
				tail(supervisorErrors(directory)), tail(supervisorLog(directory)))
		case <-deadline.C:
			return fmt.Errorf("the supervisor does not answer on %s after %s: see %s",
				api.socket, startTimeout, supervisorLog(directory))
		case <-time.After(pollInterval):
		}
	}
	return nil
}

// supervisorEnvironment is the environment of process-compose: what is inherited, and settings that keep it from
// looking at or writing anything outside of its directory.
func supervisorEnvironment(directory string) []string {
	var environment []string
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return append(environment,
		supervisorVariable+"="+directory,
		"TMPDIR="+temporary(directory),
		"COMPOSE_SHELL=/bin/sh",
		"PROC_COMP_CONFIG="+filepath.Join(directory, "config"),
		"XDG_CACHE_HOME="+filepath.Join(directory, "cache"), // a library of process-compose makes a directory there
		"PC_LOG_LEVEL=info",
		"NO_COLOR=1",
	)
}

// prepareSocket makes the private directory of a socket that does not fit into the supervisor's directory. Its name
// can be foreseen by others, so it must be ours alone.
func prepareSocket(directory, socketPath string) error {
	if !socket.Private(directory, socketPath) {
		return nil
	}
	if len(socketPath) > socket.MaxPathBytes {
		return fmt.Errorf("the path of the socket %s has more than %d bytes: set TMPDIR to a shorter directory",
			socketPath, socket.MaxPathBytes)
	}
	private := filepath.Dir(socketPath)
	if err := os.Mkdir(private, directoryMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making the directory of the socket %s: %w", private, advise(err))
	}
	info, err := os.Lstat(private)
	if err != nil {
		return fmt.Errorf("making the directory of the socket %s: %w", private, err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm() != directoryMode || !ok || int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a directory that only you can open: remove it and run again", private)
	}
	return nil
}

// removeSocket removes the socket, and its private directory where it has one.
func removeSocket(directory, socketPath string) error {
	if err := removeFile(socketPath); err != nil {
		return err
	}
	if !socket.Private(directory, socketPath) {
		return nil
	}
	return removeIfEmpty(filepath.Dir(socketPath))
}
