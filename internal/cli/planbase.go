package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/plan"
)

// earlier finds the plans to compare with: in a file, or made by the program of a git revision. Nil where none is asked
// for.
func (j *judgement) earlier(ctx context.Context, p *project, names []string) (*plan.Set, error) {
	if j.base == "" {
		return nil, nil //nolint:nilnil // nothing to compare with is no error
	}
	f, err := os.Open(j.base)
	if errors.Is(err, os.ErrNotExist) {
		return j.revision(ctx, p, names)
	}
	if err != nil {
		return nil, fmt.Errorf("--diff %s: %w", j.base, err)
	}
	defer func() { _ = f.Close() }()
	set, err := plan.Read(f)
	if err != nil {
		return nil, fmt.Errorf("--diff %s: %w", j.base, err)
	}
	return set, nil
}

// revision gives the plans of a git revision. Its own program makes them, in a working copy of its own; they are kept,
// since a commit does not change.
func (j *judgement) revision(ctx context.Context, p *project, names []string) (*plan.Set, error) {
	commit, err := git(ctx, p.root, "rev-parse", "--verify", "--quiet", j.base+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("--diff %s: neither a file nor a revision of git in %s", j.base, p.root)
	}
	set := &plan.Set{Version: plan.Version}
	var missing []string
	for _, name := range names {
		kept, err := readPlan(p.keptPlan(commit, name))
		if err != nil {
			missing = append(missing, name)
			continue
		}
		set.Plans = append(set.Plans, kept.Plans...)
	}
	if len(missing) == 0 {
		return set, nil
	}
	made, err := j.planAt(ctx, p, commit, missing)
	if err != nil {
		return nil, fmt.Errorf("--diff %s: %w", j.base, err)
	}
	set.Plans = append(set.Plans, made...)
	return set, nil
}

func readPlan(path string) (*plan.Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return plan.Read(f)
}

// keptPlan is where the plan of a stack at a commit is kept.
func (p *project) keptPlan(commit, stack string) string { return p.own("plans", commit, stack+".json") }

// planAt checks a commit out beside the working copy and lets its program plan the stacks that it has.
func (j *judgement) planAt(ctx context.Context, p *project, commit string, names []string) ([]*plan.Document, error) {
	at, err := os.MkdirTemp("", "mlpathway-plan-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(at) }()
	copied := filepath.Join(at, "copy")
	if _, err := git(ctx, p.root, "worktree", "add", "--detach", "--force", copied, commit); err != nil {
		return nil, err
	}
	defer func() { _, _ = git(context.WithoutCancel(ctx), p.root, "worktree", "remove", "--force", copied) }()
	// The project may lie below the root of the repository.
	below, err := git(ctx, p.root, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, err
	}
	copied = filepath.Join(copied, filepath.FromSlash(below))
	if _, err := os.Stat(filepath.Join(copied, "internal", "plan")); err != nil {
		return nil, fmt.Errorf("the program of %.12s cannot plan yet; compare with a later revision", commit)
	}
	var made []*plan.Document
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(copied, "stacks", "Pulumi."+name+".yaml")); err != nil {
			continue // the stack is new
		}
		d, err := j.planIn(ctx, p, copied, commit, name)
		if err != nil {
			return nil, err
		}
		made = append(made, d)
	}
	return made, nil
}

// planIn runs the program of another working copy.
func (j *judgement) planIn(ctx context.Context, p *project, copied, commit, name string) (*plan.Document, error) {
	args := slices.Concat([]string{"run"}, sameBuild(), []string{".", "plan", "--json", "--stack", name})
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir, command.Env = copied, j.environ
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	err := command.Run()
	set, readErr := plan.Read(&out)
	if readErr != nil || len(set.Plans) != 1 {
		said := strings.TrimSpace(problems.String())
		return nil, fmt.Errorf("the program of %.12s made no plan of %s: %w\n%s",
			commit, name, errors.Join(err, readErr), said)
	}
	data, err := set.Plans[0].Encode()
	if err != nil {
		return nil, err
	}
	kept := p.keptPlan(commit, name)
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return nil, err
	}
	return set.Plans[0], os.WriteFile(kept, data, 0o644)
}

// sameBuild gives the flags that this program was built with: the same targets, and what Go's cache holds already.
func sameBuild() []string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	var flags []string
	for _, setting := range info.Settings {
		if slices.Contains([]string{"-tags", "-trimpath", "-gcflags"}, setting.Key) && setting.Value != "" {
			flags = append(flags, setting.Key+"="+setting.Value)
		}
	}
	return flags
}

// git runs git in a directory and gives what it printed.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = dir
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(problems.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
