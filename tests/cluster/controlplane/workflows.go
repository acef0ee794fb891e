package controlplane

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
	"github.com/mlpathway/mlpathway/tests/cluster/netns"
)

// argoNamespace is where Argo Workflows lives.
const argoNamespace = "argo"

// StartWorkflows installs Argo Workflows and starts its controller, with the rights of its own account. It listens on
// fixed ports of all addresses, so that it gets a network of its own, out of which the API server alone is reached.
func (c *ControlPlane) StartWorkflows(ctx context.Context) error {
	module, err := c.cache.Module(ctx, binaries.Argo)
	if err != nil {
		return err
	}
	kinds, err := definitions{module: binaries.Argo, folder: "manifests/base/crds/full"}.read(ctx, c.cache)
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		if err := c.define(ctx, kind); err != nil {
			return err
		}
	}
	objects, err := render(module, "manifests/cluster-install-no-crds", "", "")
	if err != nil {
		return err
	}
	parts, err := c.split(objects, 0)
	if err != nil {
		return err
	}
	namespace := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": argoNamespace},
	}}
	if err := c.applyAll(ctx, append([]*unstructured.Unstructured{namespace}, parts.base...)); err != nil {
		return err
	}
	return c.runWorkflows(ctx)
}

func (c *ControlPlane) runWorkflows(ctx context.Context) error {
	token, err := c.accountToken(ctx, argoNamespace, "argo")
	if err != nil {
		return err
	}
	config, err := c.kubeconfig("argo", token)
	if err != nil {
		return err
	}
	network, err := netns.New()
	if err != nil {
		return err
	}
	c.closers = append(c.closers, network.Close)
	if err := c.admit(ctx, network); err != nil {
		return err
	}
	p, err := c.procs.start(binaries.Workflows, "nsenter",
		[]string{"KUBECONFIG=" + config, "LEADER_ELECTION_DISABLE=true"}, "--net="+network.Path,
		c.cache.Path(binaries.Workflows), "--namespace="+argoNamespace, "--executor-image=registry.test/argoexec:1",
		"--qps=300", "--burst=500")
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: reply, Transport: &http.Transport{DialContext: network.Dial}}
	return p.ready(ctx, client, "http://"+loopback(6060)+"/healthz")
}

// admit lets what is in a network reach the API server, under the server's own address.
func (c *ControlPlane) admit(ctx context.Context, network *netns.Namespace) error {
	address := strings.TrimPrefix(c.server, "https://")
	listener, err := network.Listen(ctx, address)
	if err != nil {
		return err
	}
	c.closers = append(c.closers, func() { _ = listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go forward(from, address)
		}
	}()
	return nil
}

// forward carries a connection on to an address, until either side closes it.
func forward(from net.Conn, address string) {
	defer from.Close()
	to, err := net.Dial("tcp", address)
	if err != nil {
		return // who asked sees a closed connection
	}
	defer to.Close()
	go func() {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	}()
	_, _ = io.Copy(from, to)
}

// RunStep does what Argo's own container does in the pod of a step, with the rights of the account that it has there:
// it makes the object of a step that is one and waits for its end, and it reports that the step ended well.
func (c *ControlPlane) RunStep(ctx context.Context, pod *unstructured.Unstructured, account string) error {
	client, err := c.AccountClient(ctx, pod.GetNamespace(), account)
	if err != nil {
		return err
	}
	result := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult", "metadata": map[string]any{
			"name": pod.GetAnnotations()["workflows.argoproj.io/node-id"], "namespace": pod.GetNamespace(),
			"labels": map[string]any{
				"workflows.argoproj.io/workflow": pod.GetLabels()["workflows.argoproj.io/workflow"], completed: "false",
			},
		},
	}}
	if err := client.Create(ctx, result); err != nil {
		return err
	}
	var template struct {
		Resource *resourceStep `json:"resource"`
	}
	if err := json.Unmarshal([]byte(templateOf(pod)), &template); err != nil {
		return fmt.Errorf("the template of the step: %w", err)
	}
	if template.Resource != nil {
		if err := template.Resource.run(ctx, client); err != nil {
			return err
		}
	}
	return client.Patch(ctx, result, "", fmt.Appendf(nil, `{"metadata": {"labels": {%q: "true"}}}`, completed))
}

// completed is the label of a report that is whole.
const completed = "workflows.argoproj.io/report-outputs-completed"

// templateOf is the template of a step, which Argo's controller gives to the pod.
func templateOf(pod *unstructured.Unstructured) string {
	for _, part := range []string{"initContainers", "containers"} {
		all, _, _ := unstructured.NestedSlice(pod.Object, "spec", part)
		for _, each := range all {
			list, _, _ := unstructured.NestedSlice(each.(map[string]any), "env")
			for _, each := range list {
				if variable := each.(map[string]any); variable["name"] == "ARGO_TEMPLATE" {
					return fmt.Sprint(variable["value"])
				}
			}
		}
	}
	return ""
}

// resourceStep is a step that makes an object.
type resourceStep struct {
	Manifest         string `json:"manifest"`
	SuccessCondition string `json:"successCondition"`
	FailureCondition string `json:"failureCondition"`
}

// run makes the object and waits until it meets a condition.
func (r *resourceStep) run(ctx context.Context, client *Client) error {
	objects, err := Decode([]byte(r.Manifest))
	if err != nil || len(objects) != 1 {
		return fmt.Errorf("the manifest of the step holds %d objects: %w", len(objects), err)
	}
	made := objects[0]
	if err := client.Create(ctx, made); err != nil {
		return err
	}
	failed := false
	err = client.Wait(ctx, made.GetKind()+" "+made.GetName()+" to end", func(ctx context.Context) (bool, error) {
		now, err := client.Get(ctx, made.GetAPIVersion(), made.GetKind(), made.GetNamespace(), made.GetName())
		if err != nil {
			return false, err
		}
		some, _, err := meets(now, r.FailureCondition) // any of them
		if failed = some > 0; failed || err != nil {
			return failed, err
		}
		some, all, err := meets(now, r.SuccessCondition)
		return some == all, err
	})
	if failed {
		return fmt.Errorf("%s %s: %s", made.GetKind(), made.GetName(), r.FailureCondition)
	}
	return err
}

// meets counts how many of the comparisons of a condition of Argo hold for an object. They have the form of selectors
// of labels.
func meets(object *unstructured.Unstructured, condition string) (some, all int, err error) {
	selector, err := labels.Parse(condition)
	if err != nil {
		return 0, 0, err
	}
	wanted, _ := selector.Requirements()
	for _, each := range wanted {
		if value := at(object.Object, strings.Split(each.Key(), ".")); value != nil &&
			each.Matches(labels.Set{each.Key(): fmt.Sprint(value)}) {
			some++
		}
	}
	return some, len(wanted), nil
}

// at is what lies at a path of an object; a number is a place in a list.
func at(value any, path []string) any {
	for _, step := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}
