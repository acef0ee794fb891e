// Package tests checks the house as a whole.
package tests

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/mlpathway/mlpathway"

// goPackage is what `go list -json` says of a package.
type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// list runs go list from the root of the project.
func list(t *testing.T, args ...string) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,Deps"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	require.NoError(t, err)
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if err == io.EOF {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

// cloudSDKs are the modules whose compilation takes minutes and gigabytes.
var cloudSDKs = []string{
	"github.com/pulumi/pulumi-aws/", "github.com/pulumi/pulumi-gcp/", "github.com/pulumi/pulumi-azure-native-sdk/",
	"github.com/pulumi/pulumi-kubernetes/",
}

// kubernetesProvider are the packages of the SDK of Kubernetes that cost a second and hold its provider.
var kubernetesProvider = []string{
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes",
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/utilities",
}

func hasPrefix(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}

// TestLocalBuildsNoCloudSDK: what `make up` compiles for a local stack.
func TestLocalBuildsNoCloudSDK(t *testing.T) {
	t.Parallel()
	packages := list(t, "-tags", "local", ".", "./components/local/...", "./training-image/...", "./inference-image/...")
	require.NotEmpty(t, packages)
	for _, p := range packages {
		for _, dep := range p.Deps {
			assert.False(t, hasPrefix(dep, cloudSDKs), "%s needs %s", p.ImportPath, dep)
		}
	}
}

// TestATagBuildsItsOwnSDK: a program for one cloud compiles the SDK of that cloud and of no other.
func TestATagBuildsItsOwnSDK(t *testing.T) {
	t.Parallel()
	packages := list(t, "-tags", "aws", ".")
	require.Len(t, packages, 1)
	linked := map[string]bool{}
	for _, dep := range packages[0].Deps {
		for _, sdk := range cloudSDKs {
			linked[sdk] = linked[sdk] || strings.HasPrefix(dep, sdk) && !slices.Contains(kubernetesProvider, dep)
		}
	}
	for _, sdk := range cloudSDKs {
		assert.Equal(t, sdk == "github.com/pulumi/pulumi-aws/", linked[sdk], sdk)
	}
}

// TestComponentsImportOnlyTheCoreSDK: the contract knows no platform.
func TestComponentsImportOnlyTheCoreSDK(t *testing.T) {
	t.Parallel()
	allowed := []string{"github.com/pulumi/pulumi/sdk/v3/", module + "/internal/schedule"}
	for _, p := range list(t, "./components") {
		for _, path := range p.Imports {
			standard := !strings.Contains(strings.Split(path, "/")[0], ".")
			assert.True(t, standard || hasPrefix(path, allowed), "%s imports %s", p.ImportPath, path)
		}
	}
}

// TestTargetsDoNotImportEachOther: only the cloud targets may use components/kubernetes.
func TestTargetsDoNotImportEachOther(t *testing.T) {
	t.Parallel()
	targets := []string{"local", "aws", "gcp", "azure", "kubernetes"}
	for _, p := range list(t, "./components/...") {
		own := targetOf(p.ImportPath)
		for _, path := range p.Imports {
			other := targetOf(path)
			if other == own || !slices.Contains(targets, other) {
				continue
			}
			assert.True(t, other == "kubernetes" && own != "local" && own != "", "%s imports %s", p.ImportPath, path)
		}
	}
}

func targetOf(path string) string {
	rest, ok := strings.CutPrefix(path, module+"/components/")
	if !ok {
		return ""
	}
	return strings.Split(rest, "/")[0]
}

// TestImagesImportNothingOfPulumi: an image is started with addresses and knows nothing of who started it.
func TestImagesImportNothingOfPulumi(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./training-image/...", "./inference-image/...", "./internal/...") {
		if hasPrefix(p.ImportPath, []string{module + "/internal/cli", module + "/internal/plan/planner"}) {
			continue // the command line plans stacks; no image has a part in it
		}
		for _, dep := range p.Deps {
			assert.False(t, strings.HasPrefix(dep, "github.com/pulumi/"), "%s needs %s", p.ImportPath, dep)
		}
	}
}

// TestPoliciesImportNoCloudSDK: policies match type tokens as texts, so that the pack is small and starts fast.
func TestPoliciesImportNoCloudSDK(t *testing.T) {
	t.Parallel()
	packages := list(t, "./policies/...")
	require.NotEmpty(t, packages)
	for _, p := range packages {
		for _, dep := range p.Deps {
			assert.False(t, hasPrefix(dep, cloudSDKs), "%s needs %s", p.ImportPath, dep)
		}
	}
}

// TestRulesImportNothingOfPulumi: rules are pure functions over a graph, whoever made it.
func TestRulesImportNothingOfPulumi(t *testing.T) {
	t.Parallel()
	packages := list(t, "./policies/rules/...")
	require.NotEmpty(t, packages)
	for _, p := range packages {
		for _, dep := range p.Deps {
			assert.False(t, strings.HasPrefix(dep, "github.com/pulumi/"), "%s needs %s", p.ImportPath, dep)
			assert.False(t, strings.HasPrefix(dep, module+"/components"), "%s needs %s", p.ImportPath, dep)
		}
	}
}

// TestServingNeedsNoCgo: the inference image is one static file.
func TestServingNeedsNoCgo(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./inference-image") {
		assert.NotContains(t, p.Deps, "github.com/duckdb/duckdb-go/v2")
		assert.NotContains(t, p.Deps, "github.com/mattn/go-sqlite3")
	}
}
