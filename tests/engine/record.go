package engine

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// States is where the states of the releases lie, from the root of the project: <version>/<stack>.json.
const States = "tests/testdata/state"

// Recording is a state that is kept: without times, paths, random ids and secrets, so that recording the same stack
// again gives the same file.
type Recording struct {
	Resources []apitype.ResourceV3 `json:"resources"`
}

// recordedRoot stands for the directory of the project in a recording.
const recordedRoot = "/recorded/project"

// Record makes a recording of a state.
func (s *Stack) Record(state *State) ([]byte, error) {
	resources := slices.Clone(state.Resources)
	ids := map[string]string{}
	for i := range resources {
		r := &resources[i]
		r.Created, r.Modified, r.SourcePosition, r.StackTrace = nil, nil, "", nil
		r.Inputs, r.Outputs = hideAll(r.Inputs), hideAll(r.Outputs)
		r.Dependencies = slices.Sorted(slices.Values(r.Dependencies))
		r.PropertyDependencies = maps.Clone(r.PropertyDependencies)
		for key, urns := range r.PropertyDependencies {
			r.PropertyDependencies[key] = slices.Sorted(slices.Values(urns))
		}
		if strings.HasPrefix(string(r.Type), "pulumi:providers:") {
			sum := sha256.Sum256([]byte(r.URN))
			ids[string(r.ID)] = fmt.Sprintf("%x-0000-0000-0000-000000000000", sum[:4])
		}
	}
	order(resources)
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(Recording{Resources: resources}); err != nil {
		return nil, err
	}
	text := strings.ReplaceAll(b.String(), s.Workspace.Root, recordedRoot)
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		text = strings.ReplaceAll(text, id, ids[id])
	}
	return []byte(text), nil
}

// order sorts resources: what others need comes first, and what need not wait for each other goes by name.
func order(resources []apitype.ResourceV3) {
	byURN, level := map[resource.URN]apitype.ResourceV3{}, map[resource.URN]int{}
	for _, r := range resources {
		byURN[r.URN] = r
	}
	var levelOf func(resource.URN) int
	levelOf = func(urn resource.URN) int {
		r, ok := byURN[urn]
		if known, seen := level[urn]; seen || !ok {
			return known
		}
		highest := 0
		needs := append(slices.Clone(r.Dependencies), r.Parent, resource.URN(providerURN(r.Provider)))
		for _, needed := range needs {
			highest = max(highest, levelOf(needed)+1)
		}
		level[urn] = highest
		return highest
	}
	slices.SortStableFunc(resources, func(a, b apitype.ResourceV3) int {
		return cmp.Or(levelOf(a.URN)-levelOf(b.URN), strings.Compare(string(a.URN), string(b.URN)))
	})
}

// providerURN takes the id off a reference to a provider.
func providerURN(reference string) string {
	if i := strings.LastIndex(reference, "::"); i >= 0 {
		return reference[:i]
	}
	return ""
}

// hidden stands for every secret in a recording.
const hidden = "recorded"

func hideAll(properties map[string]any) map[string]any {
	if properties == nil {
		return nil
	}
	return ciphertexts(properties, func(string) string { return hidden }).(map[string]any)
}

// ciphertexts copies a value with every ciphertext in it replaced.
func ciphertexts(value any, replace func(string) string) any {
	switch v := value.(type) {
	case map[string]any:
		clear := map[string]any{}
		for key, item := range v {
			text, ok := item.(string)
			if ok && key == "ciphertext" && v[resource.SigKey] != nil {
				clear[key] = replace(text)
				continue
			}
			clear[key] = ciphertexts(item, replace)
		}
		return clear
	case []any:
		all := make([]any, len(v))
		for i, item := range v {
			all[i] = ciphertexts(item, replace)
		}
		return all
	default:
		return value
	}
}

// Load gives the stack the state of a recording, as if a release of then had brought it up.
func (s *Stack) Load(t *testing.T, recording []byte) {
	t.Helper()
	var r Recording
	text := strings.ReplaceAll(string(recording), recordedRoot, s.Workspace.Root)
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	var file struct {
		Salt string `yaml:"encryptionsalt"`
	}
	data, err := os.ReadFile(s.Workspace.stackFile(s.Name))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(data, &file))
	crypter, err := crypterFor(file.Salt)
	require.NoError(t, err)
	encrypted, err := crypter.EncryptValue(t.Context(), `"`+hidden+`"`)
	require.NoError(t, err)
	for i := range r.Resources {
		for _, properties := range []*map[string]any{&r.Resources[i].Inputs, &r.Resources[i].Outputs} {
			if *properties != nil {
				*properties = ciphertexts(*properties, func(string) string { return encrypted }).(map[string]any)
			}
		}
	}
	salt, err := json.Marshal(map[string]string{"salt": file.Salt})
	require.NoError(t, err)
	checkpoint, err := json.Marshal(apitype.CheckpointV3{
		Stack: "organization/" + tokens.QName(Project) + "/" + tokens.QName(s.Name),
		Latest: &apitype.DeploymentV3{
			Resources: r.Resources, SecretsProviders: &apitype.SecretsProvidersV1{Type: "passphrase", State: salt},
		},
	})
	require.NoError(t, err)
	state, err := json.Marshal(apitype.VersionedCheckpoint{Version: 3, Checkpoint: checkpoint})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.statePath(), state, 0o600))
}

// Node is what is public of a resource: its name and type, and its place in the tree.
type Node struct {
	URN    string `json:"urn"`
	Type   string `json:"type"`
	Parent string `json:"parent"`
}

// Breaks compares two graphs and lists what breaks every stack that exists: a resource that is gone, or has another
// type or parent. A new one breaks nothing.
func Breaks(before, after []Node) []string {
	now := map[string]Node{}
	for _, n := range after {
		now[n.URN] = n
	}
	var breaks []string
	for _, old := range before {
		switch n, ok := now[old.URN]; {
		case !ok:
			breaks = append(breaks, old.URN+" is gone: it was renamed, moved or removed")
		case n.Type != old.Type:
			breaks = append(breaks, fmt.Sprintf("%s was of type %s and is of type %s", old.URN, old.Type, n.Type))
		case n.Parent != old.Parent:
			breaks = append(breaks, fmt.Sprintf("%s was under %q and is under %q", old.URN, old.Parent, n.Parent))
		}
	}
	return breaks
}

// Nodes reads the public part of a golden graph or of a recording.
func Nodes(data []byte) ([]Node, error) {
	var nodes []Node
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		return nodes, json.Unmarshal(data, &nodes)
	}
	var r struct {
		Resources []Node `json:"resources"`
	}
	err := json.Unmarshal(data, &r)
	return r.Resources, err
}
