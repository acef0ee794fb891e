package controlplane

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// manifests are the published objects of an operator, in the order in which they are applied. The controller itself
// runs as a process on loopback, so that its Deployment is left out and its webhooks are called by URL.
type manifests struct {
	definitions, base, webhooks []*unstructured.Unstructured
}

// render builds a kustomization of a module. without names resources that it would fetch from the network.
func render(module, folder, without, scratch string) ([]*unstructured.Unstructured, error) {
	if without != "" {
		copied := filepath.Join(scratch, "manifests")
		top, _, _ := strings.Cut(folder, "/")
		if err := os.CopyFS(filepath.Join(copied, top), os.DirFS(filepath.Join(module, top))); err != nil &&
			!errors.Is(err, os.ErrExist) {
			return nil, err
		}
		path := filepath.Join(copied, folder, "kustomization.yaml")
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var kept []string
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, without) {
				kept = append(kept, line)
			}
		}
		if err := os.Chmod(path, 0o600); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(strings.Join(kept, "")), 0o600); err != nil {
			return nil, err
		}
		module = copied
	}
	opts := krusty.MakeDefaultOptions()
	opts.Reorder = krusty.ReorderOptionLegacy // namespaces and accounts before what stands in and on them
	built, err := krusty.MakeKustomizer(opts).Run(filesys.MakeFsOnDisk(), filepath.Join(module, folder))
	if err != nil {
		return nil, err
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, err
	}
	return Decode(text)
}

// split sorts the objects of an operator whose webhooks listen on port.
func (c *ControlPlane) split(objects []*unstructured.Unstructured, port int) (*manifests, error) {
	m := &manifests{}
	for _, object := range objects {
		switch object.GetKind() {
		case "Deployment", "APIService":
		case "CustomResourceDefinition":
			if err := c.byURL(object.Object, port, "spec", "conversion", "webhook", "clientConfig"); err != nil {
				return nil, err
			}
			m.definitions = append(m.definitions, object)
		case "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration":
			hooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
			if err != nil {
				return nil, err
			}
			for _, hook := range hooks {
				if err := c.byURL(hook.(map[string]any), port, "clientConfig"); err != nil {
					return nil, err
				}
				hook.(map[string]any)["timeoutSeconds"] = int64(30) // the most there is: the machine may be busy
			}
			object.Object["webhooks"] = hooks
			m.webhooks = append(m.webhooks, object)
		default:
			m.base = append(m.base, object)
		}
	}
	return m, nil
}

// byURL makes a webhook that is called through a Service one that is called on loopback.
func (c *ControlPlane) byURL(object map[string]any, port int, fields ...string) error {
	config, found, err := unstructured.NestedMap(object, fields...)
	if err != nil || !found {
		return err
	}
	path, _, err := unstructured.NestedString(config, "service", "path")
	if err != nil {
		return err
	}
	return unstructured.SetNestedMap(object, map[string]any{
		"url":      fmt.Sprintf("https://%s%s", loopback(port), path),
		"caBundle": base64.StdEncoding.EncodeToString(c.pki.authority()),
	}, fields...)
}

// applyAll applies objects in their order.
func (c *ControlPlane) applyAll(ctx context.Context, objects []*unstructured.Unstructured) error {
	for _, object := range objects {
		if err := c.Apply(ctx, object); err != nil {
			return err
		}
	}
	return nil
}
