package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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
// it makes the object of a step that is one and waits for its end, or it reports that the step's program ended well. It
// returns what the container wrote.
func (c *ControlPlane) RunStep(ctx context.Context, pod *unstructured.Unstructured, account string) (string, error) {
	own, err := argoContainer(pod)
	if err != nil {
		return "", err
	}
	env, err := environment(pod, own)
	if err != nil {
		return "", err
	}
	token, err := c.accountToken(ctx, pod.GetNamespace(), account)
	if err != nil {
		return "", err
	}
	config, err := c.kubeconfig(account, token)
	if err != nil {
		return "", err
	}
	// The container has its files under fixed paths. A mount namespace of its own gives it them without touching the
	// machine's.
	const script = `config=$(cat "$KUBECONFIG") && mount -t tmpfs none /tmp && mount -t tmpfs none /run &&
		mkdir -p /run/argo/ctr/main && printf %s "$ARGO_TEMPLATE" >/run/argo/template &&
		printf 0 >/run/argo/ctr/main/exitcode && printf %s "$config" >/run/argo/config &&
		KUBECONFIG=/run/argo/config exec "$0" "$@"`
	args := append([]string{"--mount", "sh", "-c", script, c.cache.Path(binaries.ArgoExec)}, own.args...)
	cmd := exec.CommandContext(ctx, "unshare", append(args, "--namespace="+pod.GetNamespace())...)
	cmd.Env = append(append(os.Environ(), env...), "KUBECONFIG="+config)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("argoexec %s: %w: %s", strings.Join(own.args, " "), err, out)
	}
	return string(out), nil
}

// argoPart is the container of a pod in which Argo's own program runs, with its arguments.
type argoPart struct {
	container map[string]any
	args      []string
}

// argoContainer finds the container that waits for the step's program, or that is the step.
func argoContainer(pod *unstructured.Unstructured) (argoPart, error) {
	all, _, _ := unstructured.NestedSlice(pod.Object, "spec", "containers")
	for _, name := range []string{"wait", "main"} {
		for _, each := range all {
			container, _ := each.(map[string]any)
			if container["name"] != name {
				continue
			}
			command, _, _ := unstructured.NestedStringSlice(container, "command")
			args, _, _ := unstructured.NestedStringSlice(container, "args")
			whole := append(command, args...)
			for i := len(whole) - 1; i >= 0; i-- { // it may be started by itself
				if filepath.Base(whole[i]) == binaries.ArgoExec {
					return argoPart{container, whole[i+1:]}, nil
				}
			}
		}
	}
	return argoPart{}, errors.New("the pod has no container of Argo")
}

// environment are the variables of the container, and the template, which the pod's first container passes on.
func environment(pod *unstructured.Unstructured, own argoPart) ([]string, error) {
	var all []string
	first, _, _ := unstructured.NestedSlice(pod.Object, "spec", "initContainers")
	for _, each := range append(first, own.container) {
		list, _, _ := unstructured.NestedSlice(each.(map[string]any), "env")
		for _, each := range list {
			variable := each.(map[string]any)
			value, _ := variable["value"].(string)
			if path, ok, _ := unstructured.NestedString(variable, "valueFrom", "fieldRef", "fieldPath"); ok {
				var found bool
				value, found, _ = unstructured.NestedString(pod.Object, strings.Split(path, ".")...)
				if !found {
					return nil, fmt.Errorf("variable %v: the pod has no %s", variable["name"], path)
				}
			}
			all = append(all, fmt.Sprintf("%v=%s", variable["name"], value))
		}
	}
	return all, nil
}
