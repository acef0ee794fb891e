package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// work is a command at work on a local stack, alone.
type work struct {
	*stack
	app    *app
	pulumi *pulumi
	shared *lock // on the working copy, together with the commands on other stacks
	// unclean says that an earlier command did not come to its end: the state may hold operations that it had begun.
	unclean bool
	free    func(clean bool)
}

// begin takes the stack for a command and cleans up after one that did not come to its end.
func (a *app) begin(ctx context.Context, s *stack, command string) (*work, error) {
	mark := newSecret()
	shared, own, err := s.lock(command, mark)
	if err != nil {
		return nil, err
	}
	w := &work{stack: s, app: a, shared: shared}
	restore := func() {}
	w.free = func(clean bool) {
		restore()
		own.release(clean)
		shared.release(false)
	}
	if w.pulumi, restore, err = a.pulumi(s, mark); err == nil {
		w.pulumi.interrupted = own.ending
		err = errors.Join(w.prepare(), w.mend(ctx, own.left))
	}
	if err != nil {
		w.free(false)
		return nil, err
	}
	return w, nil
}

// end gives the stack back. After an error that Pulumi itself came to there is nothing to clean up.
func (w *work) end(err error) { w.free(!errors.Is(err, errUnfinished)) }

// say tells the person what is going on.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.err, format+"\n", args...)
}

// exists tells whether Pulumi has a state for the stack.
func (s *stack) exists() bool {
	return isFile(s.own("backend", ".pulumi", "stacks", s.project.name, s.name+".json"))
}

// config is the file that Pulumi gets as the stack's configuration: the stack file, and the salt of its secrets,
// which Pulumi would write into the stack file otherwise.
func (s *stack) config() string { return s.settings("Pulumi." + s.name + ".yaml") }

// writeConfig brings the file that Pulumi gets up to date with the stack file.
func (s *stack) writeConfig() error {
	data, err := os.ReadFile(s.file)
	if err != nil {
		return fmt.Errorf("reading the stack %s: %w", s.name, err)
	}
	settings, err := os.ReadFile(s.config())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the settings of the stack %s: %w", s.name, err)
	}
	if err := os.WriteFile(s.config(), withSalt(data, settings), 0o600); err != nil {
		return fmt.Errorf("writing the settings of the stack %s: %w", s.name, err)
	}
	project := fmt.Sprintf("name: %s\nruntime: go\n", s.project.name)
	if err := os.WriteFile(s.settings("Pulumi.yaml"), []byte(project), 0o600); err != nil {
		return fmt.Errorf("writing the settings of the stack %s: %w", s.name, err)
	}
	return nil
}

const saltKey = "encryptionsalt:"

// withSalt joins a stack file and the salt from the settings. A stack file that holds secrets of its own keeps the
// salt that they were encrypted with.
func withSalt(file, settings []byte) []byte {
	if bytes.Contains(file, []byte("secure:")) {
		return file
	}
	var out strings.Builder
	for line := range strings.Lines(string(file)) {
		if !strings.HasPrefix(line, saltKey) {
			out.WriteString(strings.TrimRight(line, "\n") + "\n")
		}
	}
	for line := range strings.Lines(string(settings)) {
		if strings.HasPrefix(line, saltKey) {
			out.WriteString(strings.TrimRight(line, "\n") + "\n")
		}
	}
	return []byte(out.String())
}

// ensure makes the state of the stack where there is none, and tells whether it did.
func (w *work) ensure(ctx context.Context) (created bool, err error) {
	if err := w.writeConfig(); err != nil {
		return false, err
	}
	if w.exists() {
		return false, w.settle(ctx)
	}
	// In the directory of the settings, so that the salt lands there.
	_, err = w.pulumi.capture(ctx, "-C", w.settings(), "stack", "init", w.name, "--no-select", "--non-interactive")
	if err != nil {
		return false, fmt.Errorf("creating the stack %s: %w", w.name, err)
	}
	return true, w.writeConfig()
}

// settle forgets the creations that a killed command had begun. The resources may be there or not; the provider of the
// local target takes over what it finds.
func (w *work) settle(ctx context.Context) error {
	if !w.unclean {
		return nil
	}
	_, err := w.pulumi.capture(ctx, w.operation("refresh", "--clear-pending-creates")...)
	if err != nil {
		return fmt.Errorf("forgetting what the last command had begun: %w", err)
	}
	return nil
}

// operation is the command line of an operation that asks nothing and reports as JSON.
func (w *work) operation(name string, flags ...string) []string {
	return append([]string{
		name, "--stack", w.name, "--config-file", w.config(), "--non-interactive", "--json", "--yes", "--skip-preview",
	}, flags...)
}

// operate runs an operation of Pulumi on the stack and shows what it does.
func (w *work) operate(ctx context.Context, operation string, flags ...string) (*progress, error) {
	out := w.app.out
	if w.app.json {
		out = w.app.err
	}
	shown := newProgress(out, w.app.verbose)
	if err := w.pulumi.lines(ctx, shown.line, w.operation(operation, flags...)...); err != nil {
		shown.failed()
		return shown, err
	}
	return shown, nil
}

// forward hands a command on to Pulumi as it is, for a stack that is not local: with the person's own account,
// preview and questions.
func (a *app) forward(ctx context.Context, s *stack, command string, flags ...string) error {
	p, restore, err := a.pulumi(s, newSecret())
	if err != nil {
		return err
	}
	defer restore()
	p.attached = true
	return p.run(ctx, a.out, a.err, append([]string{command, "--stack", s.name}, flags...)...)
}
