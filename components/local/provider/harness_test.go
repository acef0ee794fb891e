package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/require"
)

// The test binary plays the supervised endpoint when serveVariable is set: it serves there, and answers /ready with
// 200 once the file named by readyVariable exists.
const (
	serveVariable = "MLPATHWAY_TEST_SERVE"
	readyVariable = "MLPATHWAY_TEST_READY"
)

// patience is the longest that a test waits for something that should come about at once.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	if address := os.Getenv(serveVariable); address != "" {
		fmt.Println("serving on", address)
		if err := http.ListenAndServe(address, http.HandlerFunc(serveReady)); err != nil {
			fmt.Println("serving:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func serveReady(w http.ResponseWriter, _ *http.Request) {
	if _, err := os.Stat(os.Getenv(readyVariable)); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// engine plays the Pulumi engine for single resources against the real provider.
type engine struct {
	t      *testing.T
	server integration.Server
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	return newEngineIn(t.Context(), t)
}

func newEngineIn(ctx context.Context, t *testing.T) *engine {
	t.Helper()
	local, err := New()
	require.NoError(t, err)
	server, err := integration.NewServer(ctx, Name, semver.MustParse(Version), integration.WithProvider(local))
	require.NoError(t, err)
	return &engine{t: t, server: server}
}

// managed is a resource as the engine's state file knows it.
type managed struct {
	*engine
	kind   string
	id     string
	inputs property.Map
	state  property.Map
}

func (e *engine) resource(kind string) *managed { return &managed{engine: e, kind: kind} }

func (m *managed) urn() resource.URN {
	return resource.NewURN("test", "provider", "", tokens.Type("mlpathway:local:"+m.kind), "it")
}

// What up does to a resource.
const (
	same    = "same"
	create  = "create"
	update  = "update"
	replace = "replace"
)

// up does what `pulumi up` does for one resource, after a preview that must give no error, and says what it did.
func (m *managed) up(inputs map[string]any) string {
	m.t.Helper()
	done, err := m.tryUp(inputs)
	require.NoError(m.t, err)
	return done
}

func (m *managed) tryUp(inputs map[string]any) (string, error) {
	m.t.Helper()
	checked, err := m.server.Check(p.CheckRequest{Urn: m.urn(), State: m.inputs, Inputs: props(inputs)})
	if err != nil {
		return "", err
	}
	if len(checked.Failures) > 0 {
		return "", failures(checked.Failures)
	}
	if m.id == "" {
		return create, m.create(checked.Inputs)
	}
	diff, err := m.server.Diff(p.DiffRequest{
		ID: m.id, Urn: m.urn(), State: m.state, OldInputs: m.inputs, Inputs: checked.Inputs,
	})
	if err != nil || !diff.HasChanges {
		m.inputs = checked.Inputs
		return same, err
	}
	if isReplace(diff) {
		return replace, m.replace(checked.Inputs, diff.DeleteBeforeReplace)
	}
	request := p.UpdateRequest{ID: m.id, Urn: m.urn(), State: m.state, OldInputs: m.inputs, Inputs: checked.Inputs}
	preview := request
	preview.DryRun = true
	if _, err := m.server.Update(preview); err != nil {
		return update, fmt.Errorf("preview: %w", err)
	}
	updated, err := m.server.Update(request)
	if err != nil {
		return update, err
	}
	m.state, m.inputs = updated.Properties, checked.Inputs
	return update, nil
}

func (m *managed) create(inputs property.Map) error {
	if _, err := m.server.Create(p.CreateRequest{Urn: m.urn(), Properties: inputs, DryRun: true}); err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	created, err := m.server.Create(p.CreateRequest{Urn: m.urn(), Properties: inputs})
	if err != nil {
		return err
	}
	m.id, m.state, m.inputs = created.ID, created.Properties, inputs
	return nil
}

func (m *managed) replace(inputs property.Map, deleteFirst bool) error {
	old := *m
	if deleteFirst {
		old.down()
	}
	if err := m.create(inputs); err != nil {
		return err
	}
	if !deleteFirst {
		old.down()
	}
	return nil
}

// refresh does what `pulumi refresh` does, and tells whether the resource still exists.
func (m *managed) refresh() bool {
	m.t.Helper()
	read, err := m.server.Read(p.ReadRequest{ID: m.id, Urn: m.urn(), Properties: m.state, Inputs: m.inputs})
	require.NoError(m.t, err)
	if read.ID == "" {
		m.id, m.state, m.inputs = "", property.Map{}, property.Map{}
		return false
	}
	m.state, m.inputs = read.Properties, read.Inputs
	return true
}

// down does what `pulumi destroy` does. Deleting twice must be as good as once.
func (m *managed) down() {
	m.t.Helper()
	for range 2 {
		require.NoError(m.t, m.server.Delete(p.DeleteRequest{ID: m.id, Urn: m.urn(), Properties: m.state}))
	}
}

func (m *managed) out(name string) property.Value { return m.state.Get(name) }

// checkFailures gives the failures of a check by property.
func (e *engine) checkFailures(kind string, inputs map[string]any) map[string]string {
	e.t.Helper()
	checked, err := e.server.Check(p.CheckRequest{Urn: e.resource(kind).urn(), Inputs: props(inputs)})
	require.NoError(e.t, err)
	found := map[string]string{}
	for _, failure := range checked.Failures {
		found[failure.Property] += failure.Reason
	}
	return found
}

func isReplace(diff p.DiffResponse) bool {
	for _, change := range diff.DetailedDiff {
		if change.Kind == p.AddReplace || change.Kind == p.UpdateReplace || change.Kind == p.DeleteReplace {
			return true
		}
	}
	return false
}

func failures(list []p.CheckFailure) error {
	var all []error
	for _, failure := range list {
		all = append(all, fmt.Errorf("%s: %s", failure.Property, failure.Reason))
	}
	return errors.Join(all...)
}

func props(inputs map[string]any) property.Map {
	return value(inputs).AsMap()
}

// value turns Go values into property values; values of the property package stay as they are.
func value(v any) property.Value {
	switch v := v.(type) {
	case property.Value:
		return v
	case string:
		return property.New(v)
	case bool:
		return property.New(v)
	case int:
		return property.New(float64(v))
	case []string:
		items := make([]property.Value, len(v))
		for i, item := range v {
			items[i] = property.New(item)
		}
		return property.New(items)
	case []map[string]any:
		items := make([]property.Value, len(v))
		for i, item := range v {
			items[i] = value(item)
		}
		return property.New(items)
	case map[string]string:
		items := map[string]property.Value{}
		for name, item := range v {
			items[name] = property.New(item)
		}
		return property.New(items)
	case map[string]any:
		items := map[string]property.Value{}
		for name, item := range v {
			items[name] = value(item)
		}
		return property.New(items)
	}
	panic(fmt.Sprintf("no property value for %T", v))
}

// shell is a process that runs a script.
func shell(script string) map[string]any {
	return map[string]any{"command": []string{"/bin/sh", "-c", script}}
}

// with gives inputs with more of them.
func with(inputs, more map[string]any) map[string]any {
	all := maps.Clone(inputs)
	maps.Copy(all, more)
	return all
}

// endpoint is a process that serves on a port, and is ready once the file exists.
func endpoint(t *testing.T, port int, ready string) map[string]any {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	address := net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
	return map[string]any{
		"command":     []string{self},
		"environment": map[string]string{serveVariable: address, readyVariable: ready},
		"readyUrl":    "http://" + address + "/ready",
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := newPortBook().choose(t.Context(), 0)
	require.NoError(t, err)
	return port
}

// tree lists what lies below a directory, relative to it.
func tree(t *testing.T, directory string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(directory, func(path string, _ os.DirEntry, err error) error {
		if path != directory && err == nil {
			found = append(found, strings.TrimPrefix(path, directory+"/"))
		}
		return nil
	})
	require.NoError(t, err)
	slices.Sort(found)
	return found
}

// The resources do everything that the engine may ask of them.
var (
	_ infer.CustomUpdate[DirectoryArgs, DirectoryState]   = (*Directory)(nil)
	_ infer.CustomUpdate[FileArgs, FileState]             = (*File)(nil)
	_ infer.CustomUpdate[ProcessArgs, ProcessState]       = (*Process)(nil)
	_ infer.CustomUpdate[SupervisorArgs, SupervisorState] = (*Supervisor)(nil)
	_ infer.CustomUpdate[ReadyArgs, ReadyState]           = (*Ready)(nil)
)
