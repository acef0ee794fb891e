package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// errUnfinished means that Pulumi was ended before it came to an end by itself.
var errUnfinished = errors.New("ended before it was done")

// maxLine bounds one line of Pulumi's output; an event carries a whole resource.
const maxLine = 64 << 20

// pulumi runs the Pulumi CLI for one stack.
type pulumi struct {
	path    string
	dir     string
	environ []string
	notice  io.Writer // what a person should know meanwhile
	signals <-chan os.Signal
	// attached leaves the terminal to Pulumi: it may ask, and a Ctrl-C reaches it directly.
	attached bool
	// interrupted is called at the first interrupt.
	interrupted func()
}

// findPulumi prefers the installed CLI over the one that make builds.
func (p *project) findPulumi(environ []string) (string, error) {
	for _, variable := range environ {
		list, ok := strings.CutPrefix(variable, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			if path, err := exec.LookPath(filepath.Join(dir, "pulumi")); err == nil && filepath.IsAbs(path) {
				return path, nil
			}
		}
	}
	if path := p.bin("pulumi"); isFile(path) {
		return path, nil
	}
	return "", fmt.Errorf("there is no pulumi on the PATH and none in %s: install it, or build the pinned one with "+
		"make bin/pulumi bin/pulumi-language-go", p.bin(""))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// pulumi gives the CLI for a stack. mark goes into the environment of everything it starts. The second result stops
// the handling of signals.
func (a *app) pulumi(s *stack, mark string) (*pulumi, func(), error) {
	path, err := s.findPulumi(a.environ)
	if err != nil {
		return nil, nil, err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	environ := append(s.environment(a.environ), markVariable+"="+mark)
	return &pulumi{
		path: path, dir: s.root, environ: withPath(environ, filepath.Dir(path)), notice: a.err, signals: signals,
	}, func() { signal.Stop(signals) }, nil
}

// withPath puts a directory in front of the PATH: a language host lies beside its CLI.
func withPath(environ []string, dir string) []string {
	out := make([]string, 0, len(environ)+1)
	path := dir
	for _, variable := range environ {
		if rest, ok := strings.CutPrefix(variable, "PATH="); ok {
			path = dir + string(os.PathListSeparator) + rest
			continue
		}
		out = append(out, variable)
	}
	return append(out, "PATH="+path)
}

// capture runs a command and gives its standard output. What it says on standard error becomes part of the error.
func (p *pulumi) capture(ctx context.Context, args ...string) ([]byte, error) {
	var out, diagnostics bytes.Buffer
	if err := p.run(ctx, &out, &diagnostics, args...); err != nil {
		if text := strings.TrimSpace(diagnostics.String()); text != "" {
			return nil, fmt.Errorf("%w: %s", err, text)
		}
		return nil, err
	}
	return out.Bytes(), nil
}

// lines runs a command and hands on its standard output line by line while it runs.
func (p *pulumi) lines(ctx context.Context, handle func([]byte), args ...string) error {
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		scanner := bufio.NewScanner(reader)
		scanner.Buffer(nil, maxLine)
		for scanner.Scan() {
			handle(scanner.Bytes())
		}
		_, _ = io.Copy(io.Discard, reader) // so that a line that is too long does not block the command
		done <- scanner.Err()
	}()
	err := p.run(ctx, writer, p.notice, args...)
	_ = writer.Close()
	return errors.Join(err, <-done)
}

// run runs a command to its end. An interrupt is passed on: the first lets Pulumi finish what it is doing and save
// its state, the second ends it at once, the third kills it.
func (p *pulumi) run(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	command := exec.Command(p.path, args...)
	command.Dir, command.Env = p.dir, p.environ
	command.Stdout, command.Stderr = stdout, stderr
	if p.attached {
		command.Stdin = os.Stdin
	} else {
		command.SysProcAttr = detached()
	}
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		// The kernel signals the child when the thread that started it ends, so the thread has to stay.
		runtime.LockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			ended <- command.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("running pulumi %s: %w", args[0], err)
	}
	// A signal may arrive twice, as itself and as the end of the context; that is one interrupt.
	signalled, cancelled, done := 0, 0, ctx.Done()
	for level := 0; ; {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if level > 0 || errors.As(err, &exit) && !exit.Exited() {
				return fmt.Errorf("pulumi %s: %w", args[0], errUnfinished)
			}
			if err != nil {
				return fmt.Errorf("pulumi %s failed: %w", args[0], err)
			}
			return nil
		case <-p.signals:
			signalled++
		case <-done:
			cancelled, done = 1, nil
		}
		if now := max(signalled, cancelled); now > level {
			level = now
			if !p.attached {
				p.interrupt(command.Process, level)
			}
		}
	}
}

func (p *pulumi) interrupt(process *os.Process, count int) {
	switch count {
	case 1:
		if p.interrupted != nil {
			p.interrupted()
		}
		fmt.Fprintln(p.notice, "interrupted: waiting for what is under way; Ctrl-C again ends it at once")
		_ = process.Signal(os.Interrupt)
	case 2:
		_ = process.Signal(os.Interrupt)
	default:
		_ = process.Kill()
	}
}
