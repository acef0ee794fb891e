package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// outputs are the outputs of a stack that the command line knows. The others are in All.
type outputs struct {
	Model     string
	Endpoint  string
	Predict   string
	Dashboard string
	// Lake holds the URI of each zone.
	Lake map[string]string
	// Token is the URI of the bearer token that the endpoint demands; "" where it demands none.
	Token string
	// Supervisor is the socket of the supervisor, Logs the directory of the processes' logs.
	Supervisor string
	Logs       string
	All        map[string]any
}

// outputs asks Pulumi for the outputs of the stack.
func (w *work) outputs(ctx context.Context) (*outputs, error) {
	return w.pulumi.outputs(ctx, w.stack)
}

func (p *pulumi) outputs(ctx context.Context, s *stack) (*outputs, error) {
	data, err := p.capture(ctx, "stack", "output", "--stack", s.name, "--json")
	if err != nil {
		return nil, fmt.Errorf("reading the outputs of the stack %s: %w", s.name, err)
	}
	return parseOutputs(data)
}

func parseOutputs(data []byte) (*outputs, error) {
	o := &outputs{Lake: map[string]string{}}
	if err := json.Unmarshal(data, &o.All); err != nil {
		return nil, fmt.Errorf("reading the outputs of the stack: %w", err)
	}
	text := func(name string) string {
		value, _ := o.All[name].(string)
		return value
	}
	o.Model, o.Endpoint, o.Predict, o.Dashboard = text("model"), text("endpoint"), text("predict"), text("dashboard")
	o.Supervisor, o.Logs, o.Token = text("supervisor"), text("logs"), text("token")
	zones, _ := o.All["lake"].(map[string]any)
	for zone, uri := range zones {
		o.Lake[zone], _ = uri.(string)
	}
	return o, nil
}

// zone opens a zone of the stack's lake.
func (o *outputs) zone(ctx context.Context, name string) (*lake.Zone, error) {
	uri := o.Lake[name]
	if uri == "" {
		return nil, fmt.Errorf("the stack has no output lake.%s", name)
	}
	return lake.Open(ctx, uri)
}

// printUp tells a person what there is now and what to do with it.
func (a *app) printUp(ctx context.Context, s *stack, o *outputs) error {
	a.print("The stack %s is up.\n", s.name)
	lines, example := a.modelLines(ctx, o)
	for _, line := range lines {
		a.print("  %-10s %s", line[0], line[1])
	}
	for _, line := range [][2]string{
		{"endpoint", o.Endpoint}, {"dashboard", o.Dashboard}, {"data", dropHint(o.Lake["raw"])},
	} {
		if line[1] != "" {
			a.print("  %-10s %s", line[0], line[1])
		}
	}
	if o.Predict != "" && example != "" {
		a.print("\nAsk it for a prediction:\n\n  curl -s%s -d %s %s", o.authorization(), quote(example), o.Predict)
	}
	which := ""
	if s.name != defaultStack {
		which = " STACK=" + s.name
	}
	a.print("\nThen: make status%[1]s, make logs%[1]s, make down%[1]s", which)
	return nil
}

// authorization is the option of curl that sends the token, where the endpoint demands one.
func (o *outputs) authorization() string {
	path := localPath(o.Token)
	if path == "" {
		return ""
	}
	return fmt.Sprintf(` -H "Authorization: Bearer $(cat %s)"`, quote(path))
}

func dropHint(raw string) string {
	path := localPath(raw)
	if path == "" {
		return ""
	}
	return "a CSV file put into " + path + " is trained on by itself"
}

// localPath turns file:///a/b into /a/b; other URIs have none.
func localPath(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	return filepath.FromSlash(u.Path)
}

// modelLines describe the served model, and give an example of a request to it. What cannot be read yet is said, not
// failed on: the stack is up all the same.
func (a *app) modelLines(ctx context.Context, o *outputs) (lines [][2]string, example string) {
	models, err := o.zone(ctx, "models")
	if err != nil {
		return [][2]string{{"model", err.Error()}}, ""
	}
	defer func() { _ = models.Close() }()
	reg := registry.New(models)
	alias, err := reg.Resolve(ctx, o.Model, registry.Production)
	if errors.Is(err, registry.ErrNoAlias) {
		none := o.Model + ": none is served yet; make status tells how the pipeline goes"
		return [][2]string{{"model", none}}, ""
	}
	if err != nil {
		return [][2]string{{"model", err.Error()}}, ""
	}
	version, err := reg.Open(ctx, o.Model, alias.Version)
	if err != nil {
		return [][2]string{{"model", err.Error()}}, ""
	}
	example, _ = registry.ExampleBodies(&version.Manifest, &version.Profile)
	return [][2]string{
		{"model", o.Model + " " + alias.Version},
		{"metrics", metricsLine(&version.Metrics)},
	}, example
}

// metricsLine says "accuracy 0.974, auc 0.996 on 57 test rows".
func metricsLine(m *registry.Metrics) string {
	parts := make([]string, 0, len(m.Candidate))
	for _, name := range slices.Sorted(maps.Keys(m.Candidate)) {
		parts = append(parts, fmt.Sprintf("%s %.3f", name, m.Candidate[name]))
	}
	return fmt.Sprintf("%s on %d test rows", strings.Join(parts, ", "), m.Rows)
}

func (a *app) print(format string, args ...any) {
	_, _ = fmt.Fprintf(a.out, format+"\n", args...)
}

func (a *app) printJSON(value any) error {
	if o, ok := value.(*outputs); ok {
		value = o.All
	}
	encoder := json.NewEncoder(a.out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("printing as JSON: %w", err)
	}
	return nil
}
