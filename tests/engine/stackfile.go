package engine

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// File is a stack file of the project.
type File struct {
	// Name of the stack.
	Name string
	// Target and Environment that it asks for.
	Target, Environment string

	source string // the working copy
	config map[string]any
}

// Files reads every stack file under stacks/.
func Files(t *testing.T) []*File {
	t.Helper()
	source, err := Source()
	require.NoError(t, err)
	paths, err := filepath.Glob(filepath.Join(source, "stacks", "Pulumi.*.yaml"))
	require.NoError(t, err)
	var files []*File
	for _, path := range paths {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "Pulumi."), ".yaml")
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		var content struct {
			Config map[string]any `yaml:"config"`
		}
		require.NoError(t, yaml.Unmarshal(data, &content), path)
		files = append(files, &File{
			Name: name, source: source, config: content.Config,
			Target:      fmt.Sprint(content.Config[Project+":target"]),
			Environment: fmt.Sprint(content.Config[Project+":environment"]),
		})
	}
	return files
}

// Stack makes the stack of the file in a workspace, for a team, with keys of the configuration set otherwise. The
// program is the project's own, built for the target of the file.
func (f *File) Stack(t *testing.T, w *Workspace, team string, set map[string]any) *Stack {
	t.Helper()
	w.addProject(t, f.source)
	name := f.Name
	if team != "" {
		name = team + "-" + f.Name
	}
	f.write(t, w, name, team, set)
	return w.Stack(t, name, Binary(f.Binary(t), w.Root), nil)
}

// Set changes keys of the configuration of a stack that was made from the file.
func (f *File) Set(t *testing.T, s *Stack, set map[string]any) {
	t.Helper()
	f.write(t, s.Workspace, s.Name, strings.TrimSuffix(strings.TrimSuffix(s.Name, f.Name), "-"), set)
}

// write writes the stack file into the workspace.
func (f *File) write(t *testing.T, w *Workspace, name, team string, set map[string]any) {
	t.Helper()
	config := maps.Clone(f.config)
	if team != "" {
		config[Project+":team"] = team
	}
	for key, value := range set {
		config[Project+":"+key] = value
	}
	content := map[string]any{"config": config}
	if before, err := os.ReadFile(w.stackFile(name)); err == nil {
		var old map[string]any
		require.NoError(t, yaml.Unmarshal(before, &old))
		for _, key := range []string{"encryptionsalt", "secretsprovider"} { // Pulumi's own
			if value, ok := old[key]; ok {
				content[key] = value
			}
		}
	}
	data, err := yaml.Marshal(content)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.stackFile(name), data, 0o600))
}

// addProject brings what programs read into the workspace, once.
func (w *Workspace) addProject(t *testing.T, source string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(w.Root, "examples")); err == nil {
		return
	}
	require.NoError(t, os.CopyFS(filepath.Join(w.Root, "examples"), os.DirFS(filepath.Join(source, "examples"))))
	require.NoError(t, os.Symlink(filepath.Join(source, "bin"), filepath.Join(w.Root, "bin")))
}

// Binary builds the project's program for the target of the file.
func (f *File) Binary(t *testing.T) string {
	t.Helper()
	path, err := Build(t, filepath.Join(cacheDir(t, f.source), "mlpathway-"+f.Target), ".", f.Target)
	require.NoError(t, err)
	return path
}

// Case takes the stack of the file through the scenarios.
func (f *File) Case() Case {
	changes := func(set map[string]any) func(*testing.T, *Stack) {
		return func(t *testing.T, s *Stack) {
			t.Helper()
			f.Set(t, s, set)
		}
	}
	c := Case{
		Make: func(t *testing.T, w *Workspace, team string) *Stack {
			t.Helper()
			return f.Stack(t, w, team, nil)
		},
		InPlace:   changes(map[string]any{"labels": map[string]any{"changed": "yes"}}),
		Replace:   f.release,
		Protected: f.Environment == "prod" && f.Target != "local",
	}
	switch f.Target {
	case "aws":
		c.Join = f.joinAccount
	case "kubernetes":
		// Of what the stack makes, only a disk holds data; buckets are the store's owner's.
		settings, _ := f.config[Project+":kubernetes"].(map[string]any)
		lake, _ := settings["lake"].(map[string]any)
		c.Protected = c.Protected && strings.HasPrefix(fmt.Sprint(lake["uri"]), "file:")
		c.Join = f.joinCluster
	case "local":
		// The stand-in knows no types of the project's own provider, so that none of them is ever replaced; the real one
		// is tested beside it.
		c.Providers = []string{Project}
		c.InPlace, c.Replace = changes(map[string]any{"batch": map[string]any{"schedule": "0 5 * * *"}}), nil
	}
	return c
}

// release gives a stack new images, and a problem whose gate is higher.
func (f *File) release(t *testing.T, s *Stack) {
	t.Helper()
	f.Set(t, s, map[string]any{"images": f.newImages()})
	path := filepath.Join(s.Workspace.Root, fmt.Sprint(f.config[Project+":pipeline"]))
	definition, err := os.ReadFile(path)
	require.NoError(t, err)
	higher := strings.Replace(string(definition), "threshold: 0.93", "threshold: 0.94", 1)
	require.NotEqual(t, string(definition), higher, "%s has no such gate", path)
	require.NoError(t, os.WriteFile(path, []byte(higher), 0o600))
	s.Program = Binary(f.Binary(t), s.Workspace.Root) // it reads the file
}

// joinAccount gives a second team's stack what an account of AWS has only once, as docs/aws.md says: no detector of its
// own, and the first team's provider for GitHub.
func (f *File) joinAccount(t *testing.T, first, second *Stack) {
	t.Helper()
	state, err := first.State()
	require.NoError(t, err)
	set := map[string]any{"security": f.with("security", "threatDetection", false)}
	for _, r := range state.Custom() {
		if r.Type == "aws:iam/openIdConnectProvider:OpenIdConnectProvider" {
			set["aws"] = f.with("aws", "githubProvider", string(r.ID))
		}
	}
	f.Set(t, second, set)
}

// joinCluster gives a second team's stack the operators that the first team's stack has installed: a cluster has each
// once.
func (f *File) joinCluster(t *testing.T, first, second *Stack) {
	t.Helper()
	state, err := first.State()
	require.NoError(t, err)
	settings := f.with("kubernetes", "installOperators", false)
	given, _ := settings["operators"].([]any)
	operators := slices.Clone(given)
	for _, r := range state.Custom() {
		if r.Type == "kubernetes:helm.sh/v3:Release" {
			operators = append(operators, r.Inputs["name"])
		}
	}
	settings["operators"] = operators
	f.Set(t, second, map[string]any{"kubernetes": settings})
}

// with is an object of the configuration with one key set otherwise.
func (f *File) with(object, key string, value any) map[string]any {
	changed := map[string]any{}
	if given, ok := f.config[Project+":"+object].(map[string]any); ok {
		maps.Copy(changed, given)
	}
	changed[key] = value
	return changed
}

// newImages are the images of the file with other digests: a release.
func (f *File) newImages() map[string]any {
	images := map[string]any{}
	given, _ := f.config[Project+":images"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		reference, _, _ := strings.Cut(fmt.Sprint(given[name]), "@")
		images[name] = reference + "@sha256:" + strings.Repeat("2", 64)
	}
	return images
}
