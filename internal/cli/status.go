package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/internal/registry"
)

// shownVersions bounds the list of model versions for a person; --json lists all.
const shownVersions = 5

// status is what the status command finds out.
type status struct {
	Stack     string         `json:"stack"`
	Up        bool           `json:"up"`
	Outputs   map[string]any `json:"outputs,omitempty"`
	Run       *registry.Run  `json:"run,omitempty"`
	Models    []model        `json:"models,omitempty"`
	Processes []processState `json:"processes,omitempty"`
	// Problems are what could not be found out, and why.
	Problems []string `json:"problems,omitempty"`
}

type model struct {
	Version  string    `json:"version"`
	Created  time.Time `json:"created"`
	Served   bool      `json:"served"`
	Promoted bool      `json:"promoted"`
	Reason   string    `json:"reason"`
}

// processState is what the supervisor knows about a process.
type processState struct {
	Name     string `json:"name"`
	Status   string `json:"status"`
	PID      int    `json:"pid"`
	Restarts int    `json:"restarts"`
	ExitCode int    `json:"exit_code"`
}

func newStatus(a *app) *cobra.Command {
	command := &cobra.Command{
		Use:   "status",
		Short: "Show what runs, which model is served, and how the last run went",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.open()
			if err != nil {
				return err
			}
			found, err := a.status(c.Context(), s)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(found)
			}
			return a.printStatus(found)
		},
	}
	command.Flags().BoolVar(&a.json, "json", false, "print as JSON")
	return command
}

func (a *app) status(ctx context.Context, s *stack) (*status, error) {
	found := &status{Stack: s.name}
	if s.local && !s.exists() {
		return found, nil
	}
	p, restore, err := a.pulumi(s, "")
	if err != nil {
		return nil, err
	}
	defer restore()
	o, err := p.outputs(ctx, s)
	if err != nil {
		return nil, err
	}
	found.Up, found.Outputs = len(o.All) > 0, o.All
	if !found.Up {
		return found, nil
	}
	var failures [3]error
	found.Run, failures[0] = lastRun(ctx, o)
	found.Models, failures[1] = versions(ctx, o)
	found.Processes, failures[2] = processes(ctx, o.Supervisor)
	for _, failure := range failures {
		if failure != nil {
			found.Problems = append(found.Problems, failure.Error())
		}
	}
	return found, nil
}

func lastRun(ctx context.Context, o *outputs) (*registry.Run, error) {
	logs, err := o.zone(ctx, "logs")
	if err != nil {
		return nil, err
	}
	defer func() { _ = logs.Close() }()
	return registry.LatestRun(ctx, logs)
}

// versions lists the versions of the stack's model, the newest first.
func versions(ctx context.Context, o *outputs) ([]model, error) {
	zone, err := o.zone(ctx, "models")
	if err != nil {
		return nil, err
	}
	defer func() { _ = zone.Close() }()
	reg := registry.New(zone)
	names, err := reg.Versions(ctx, o.Model)
	if err != nil {
		return nil, err
	}
	served := ""
	alias, err := reg.Resolve(ctx, o.Model, registry.Production)
	switch {
	case err == nil:
		served = alias.Version
	case !errors.Is(err, registry.ErrNoAlias):
		return nil, err
	}
	slices.Reverse(names)
	models := make([]model, 0, len(names))
	for _, name := range names {
		m, err := reg.Manifest(ctx, o.Model, name)
		if err != nil {
			return models, err
		}
		models = append(models, model{
			Version: name, Created: m.Created, Served: name == served,
			Promoted: m.Decision.Promoted, Reason: m.Decision.Reason,
		})
	}
	return models, nil
}

// processes asks the supervisor for the states of its processes.
func processes(ctx context.Context, socket string) ([]processState, error) {
	if socket == "" {
		return nil, nil // this target has no supervisor
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", strings.TrimPrefix(socket, "unix://"))
		},
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://supervisor/processes", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking the supervisor: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the supervisor does not answer, so no process is looked after; make up starts it: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Data []processState `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("reading the answer of the supervisor: %w", err)
	}
	slices.SortFunc(answer.Data, func(a, b processState) int { return cmp.Compare(a.Name, b.Name) })
	return answer.Data, nil
}

func (a *app) printStatus(found *status) error {
	if !found.Up {
		a.print("The stack %s is not up. To bring it up: make up STACK=%s", found.Stack, found.Stack)
		return nil
	}
	a.print("Stack %s", found.Stack)
	for _, name := range []string{"endpoint", "dashboard", "warehouse"} {
		if value, ok := found.Outputs[name].(string); ok && value != "" && value != "[secret]" {
			a.print("  %-10s %s", name, value)
		}
	}
	a.printRun(found.Run)
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	row := func(cells ...any) { fmt.Fprintln(table, "  "+strings.TrimSuffix(fmt.Sprintln(cells...), "\n")) }
	if len(found.Models) > 0 {
		a.print("\nModels")
	}
	for i, m := range found.Models {
		if i == shownVersions {
			row(fmt.Sprintf("and %d older ones", len(found.Models)-shownVersions))
			break
		}
		row(fmt.Sprintf("%s\t%s\t%s", m.Version, verdict(m), m.Reason))
	}
	_ = table.Flush()
	if len(found.Processes) > 0 {
		a.print("\nProcesses")
	}
	for _, p := range found.Processes {
		row(fmt.Sprintf("%s\t%s\tpid %d\trestarts %d\tlast exit %d", p.Name, p.Status, p.PID, p.Restarts, p.ExitCode))
	}
	_ = table.Flush()
	for _, problem := range found.Problems {
		a.print("\nproblem: %s", problem)
	}
	return nil
}

func (a *app) printRun(run *registry.Run) {
	if run == nil {
		a.print("  %-10s none yet", "last run")
		return
	}
	text := fmt.Sprintf("%s %s, %d rows read, %d quarantined", run.ID, run.Status, run.Rows.Read, run.Rows.Quarantined)
	if run.Error != "" {
		text += ": " + run.Error
	}
	a.print("  %-10s %s", "last run", text)
}

func verdict(m model) string {
	switch {
	case m.Served:
		return "served"
	case m.Promoted:
		return "was served"
	default:
		return "not promoted"
	}
}
