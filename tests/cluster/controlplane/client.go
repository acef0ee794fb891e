package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// fieldManager is the name under which this package writes.
const fieldManager = "mlpathway-tests"

// Client works on objects of any kind.
type Client struct {
	Config  *rest.Config
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

func newClient(config *rest.Config) (*Client, error) {
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(found))
	return &Client{Config: config, dynamic: objects, mapper: mapper}, nil
}

// Resource is the part of the API that holds objects of a kind; namespace is "" for those of the whole cluster.
func (c *Client) Resource(apiVersion, kind, namespace string) (dynamic.ResourceInterface, error) {
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if meta.IsNoMatchError(err) { // the kind may have come since we looked
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("the server knows no %s %s: %w", apiVersion, kind, err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return c.dynamic.Resource(mapping.Resource), nil
	}
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return c.dynamic.Resource(mapping.Resource).Namespace(namespace), nil
}

// DryRun asks the server to judge an object as if it were created: strict about fields, with all admission.
func (c *Client) DryRun(ctx context.Context, object *unstructured.Unstructured) error {
	return c.create(ctx, object, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict, FieldManager: fieldManager,
	})
}

// Create creates an object, strict about fields.
func (c *Client) Create(ctx context.Context, object *unstructured.Unstructured) error {
	return c.create(ctx, object, metav1.CreateOptions{
		FieldValidation: metav1.FieldValidationStrict, FieldManager: fieldManager,
	})
}

func (c *Client) create(ctx context.Context, object *unstructured.Unstructured, opts metav1.CreateOptions) error {
	in, err := c.Resource(object.GetAPIVersion(), object.GetKind(), object.GetNamespace())
	if err != nil {
		return err
	}
	if _, err := in.Create(ctx, object, opts); err != nil {
		return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// Apply makes an object what it is given as, on the server's side.
func (c *Client) Apply(ctx context.Context, object *unstructured.Unstructured) error {
	in, err := c.Resource(object.GetAPIVersion(), object.GetKind(), object.GetNamespace())
	if err != nil {
		return err
	}
	_, err = in.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// Get reads an object.
func (c *Client) Get(
	ctx context.Context, apiVersion, kind, namespace, name string,
) (*unstructured.Unstructured, error) {
	in, err := c.Resource(apiVersion, kind, namespace)
	if err != nil {
		return nil, err
	}
	return in.Get(ctx, name, metav1.GetOptions{})
}

// Exists tells whether there is an object.
func (c *Client) Exists(ctx context.Context, apiVersion, kind, namespace, name string) (bool, error) {
	_, err := c.Get(ctx, apiVersion, kind, namespace, name)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// List reads the objects of a kind that have labels, such as "job-name=train".
func (c *Client) List(
	ctx context.Context, apiVersion, kind, namespace, labels string,
) ([]unstructured.Unstructured, error) {
	in, err := c.Resource(apiVersion, kind, namespace)
	if err != nil {
		return nil, err
	}
	list, err := in.List(ctx, metav1.ListOptions{LabelSelector: labels})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// Patch merges a change into an object; subresource is "" or such as "status".
func (c *Client) Patch(
	ctx context.Context, object *unstructured.Unstructured, subresource string, change []byte,
) error {
	in, err := c.Resource(object.GetAPIVersion(), object.GetKind(), object.GetNamespace())
	if err != nil {
		return err
	}
	var under []string
	if subresource != "" {
		under = []string{subresource}
	}
	_, err = in.Patch(ctx, object.GetName(), types.MergePatchType, change, metav1.PatchOptions{}, under...)
	return err
}

// JSONPatch changes an object by the operations of a JSON patch.
func (c *Client) JSONPatch(ctx context.Context, object *unstructured.Unstructured, operations []byte) error {
	in, err := c.Resource(object.GetAPIVersion(), object.GetKind(), object.GetNamespace())
	if err != nil {
		return err
	}
	_, err = in.Patch(ctx, object.GetName(), types.JSONPatchType, operations, metav1.PatchOptions{})
	return err
}

// Action is something that an account may be allowed.
type Action struct {
	// Verb such as get.
	Verb string
	// Group of the API; "" for the oldest one.
	Group string
	// Resource such as pods, with its subresource as in pods/log.
	Resource string
	// Namespace, or "" for the whole cluster.
	Namespace string
	// Name of one object, or "" for all.
	Name string
}

// CanI asks the server, as kubectl auth can-i does, whether this client may do something.
func (c *Client) CanI(ctx context.Context, a Action) (bool, error) {
	in, err := c.Resource("authorization.k8s.io/v1", "SelfSubjectAccessReview", "")
	if err != nil {
		return false, err
	}
	name, sub, _ := strings.Cut(a.Resource, "/")
	answer, err := in.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]any{
			"verb": a.Verb, "group": a.Group, "resource": name, "subresource": sub, "namespace": a.Namespace, "name": a.Name,
		}},
	}}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	allowed, _, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	return allowed, err
}

// Delete deletes an object and what it owns. One that is not there is no error.
func (c *Client) Delete(ctx context.Context, object *unstructured.Unstructured) error {
	in, err := c.Resource(object.GetAPIVersion(), object.GetKind(), object.GetNamespace())
	if err != nil {
		return err
	}
	background := metav1.DeletePropagationBackground
	err = in.Delete(ctx, object.GetName(), metav1.DeleteOptions{PropagationPolicy: &background})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// ErrNotYet means that what was waited for did not come in time.
var ErrNotYet = errors.New("it did not happen in time")

// Wait asks again and again until the answer is yes or ctx is over. An error of the question ends the wait only then,
// since a control plane that starts answers with many.
func (c *Client) Wait(ctx context.Context, what string, question func(context.Context) (bool, error)) error {
	var last error
	for {
		yes, err := question(ctx)
		if yes {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, errors.Join(ErrNotYet, last))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Decode reads the objects of a YAML or JSON stream.
func Decode(text []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			whole(object.Object)
			objects = append(objects, object)
		}
	}
}

// whole makes numbers without a fraction whole, as the clients of the API have them.
func whole(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, each := range v {
			v[key] = whole(each)
		}
	case []any:
		for i, each := range v {
			v[i] = whole(each)
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return value
}
