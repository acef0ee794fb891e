package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
)

// definitions are custom resource definitions in a folder of a module.
type definitions struct {
	// module is a path where a go.mod under tools pins the version, and path@version with a sum where only files are read.
	module, sum, folder string
	// names are the kinds that are wanted, as in keda.sh_<name>.yaml; all of them unless given.
	names []string
}

// published are the definitions that the objects of this project need: what its users install by charts.
var published = []definitions{
	{module: "sigs.k8s.io/jobset", folder: "config/components/crd/bases"},
	{module: "sigs.k8s.io/kueue", folder: "config/components/crd/bases"},
	{module: "github.com/kubeflow/trainer/v2", folder: "manifests/base/crds"},
	{module: "sigs.k8s.io/karpenter", folder: "pkg/apis/crds"},
	{
		module: "github.com/aws/karpenter-provider-aws@v1.6.3", sum: "h1:+qI/dw3gaEEWTubxwYJUj+QBuh5yUTdBk2GBB+CLxzY=",
		folder: "pkg/apis/crds", names: []string{"ec2nodeclasses"},
	}, {
		module: "github.com/kedacore/keda/v2@v2.20.1", sum: "h1:0Bb2zX/s+RSPtU2W+/Jk24A/aFl8MO79UuU0C4lA8ts=",
		folder: "config/crd/bases", names: []string{"scaledobjects", "scaledjobs", "triggerauthentications"},
	}, {
		module: "github.com/prometheus-operator/prometheus-operator@v0.93.0",
		sum:    "h1:AohlYJT+En8TmNpAcEUJ3GsaJTAqfEBwHmGTVpRm/Io=", folder: "example/prometheus-operator-crd",
		names: []string{"servicemonitors", "podmonitors", "prometheusrules"},
	}, {
		module: binaries.Argo, folder: "manifests/base/crds/full",
		names: []string{"cronworkflows", "workflowtemplates", "workfloweventbindings"},
	}, {
		module: "sigs.k8s.io/gateway-api@v1.4.0", sum: "h1:ZwlNM6zOHq0h3WUX2gfByPs2yAEsy/EenYJB78jpQfQ=",
		folder: "config/crd/standard", names: []string{"gateways", "httproutes", "referencegrants"},
	}, {
		module: "github.com/kubeflow/spark-operator/v2", folder: "config/crd/bases",
		names: []string{"sparkapplications", "scheduledsparkapplications"},
	},
}

// Published are the custom resource definitions of a project.
type Published struct {
	// Module and its version.
	Module string
	// Objects are the definitions.
	Objects []*unstructured.Unstructured
}

// Definitions reads the custom resource definitions of all projects whose objects this one declares.
func Definitions(ctx context.Context, cache *binaries.Cache) ([]Published, error) {
	all := make([]Published, 0, len(published))
	for _, d := range published {
		objects, err := d.read(ctx, cache)
		if err != nil {
			return nil, fmt.Errorf("reading the definitions of %s: %w", d.module, err)
		}
		name := d.module
		if d.sum == "" {
			if name, err = cache.Version(ctx, d.module); err != nil {
				return nil, err
			}
		}
		all = append(all, Published{Module: name, Objects: objects})
	}
	return all, nil
}

// InstallDefinitions installs the custom resource definitions of all projects whose objects this one declares, and
// waits until the server knows them. What an operator has installed already stays.
func (c *ControlPlane) InstallDefinitions(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(4)
	all, err := Definitions(ctx, c.cache)
	if err != nil {
		return err
	}
	for _, d := range all {
		for _, object := range d.Objects {
			group.Go(func() error { return c.define(ctx, object) })
		}
	}
	return group.Wait()
}

func (d definitions) read(ctx context.Context, cache *binaries.Cache) ([]*unstructured.Unstructured, error) {
	module, err := d.directory(ctx, cache)
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(module, d.folder, "*_*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	for _, path := range paths {
		_, name, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".yaml"), "_")
		if len(d.names) > 0 && !slices.Contains(d.names, name) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		objects, err := Decode(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, objects...)
	}
	if len(all) < max(1, len(d.names)) {
		return nil, fmt.Errorf("%s holds %d definitions", d.folder, len(all))
	}
	return all, nil
}

func (d definitions) directory(ctx context.Context, cache *binaries.Cache) (string, error) {
	if d.sum == "" {
		return cache.Module(ctx, d.module)
	}
	return binaries.Published(ctx, d.module, d.sum)
}

// define creates a definition and waits until it is established.
func (c *ControlPlane) define(ctx context.Context, object *unstructured.Unstructured) error {
	unstructured.RemoveNestedField(object.Object, "status")
	silence(object.Object["spec"])
	err := c.Create(ctx, object)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.Wait(ctx, object.GetName(), func(ctx context.Context) (bool, error) {
		found, err := c.Get(ctx, object.GetAPIVersion(), object.GetKind(), "", object.GetName())
		if err != nil {
			return false, err
		}
		return Condition(found, "Established") == "True", nil
	})
}

// silence takes the descriptions out of a schema: they are most of it, and the server reads them many times over.
func silence(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if _, ok := s["description"].(string); ok {
			delete(s, "description")
		}
		for _, each := range s {
			silence(each)
		}
	case []any:
		for _, each := range s {
			silence(each)
		}
	}
}

// Condition is the status of a condition of an object: "True", "False", "Unknown", or "" where it has none of the name.
func Condition(object *unstructured.Unstructured, name string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, each := range conditions {
		if condition, ok := each.(map[string]any); ok && condition["type"] == name {
			status, _ := condition["status"].(string)
			return status
		}
	}
	return ""
}
