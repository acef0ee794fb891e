package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
)

// Annotations of pods that steer what kwok plays.
const (
	// ReadyAfter is how long the containers take to become ready, such as 2s. At once where it is not given.
	ReadyAfter = "mlpathway.dev/ready-after"
	// Ends is how the containers of a pod end, as soon as it is set: Succeeds or Fails. Until then they run.
	Ends = "mlpathway.dev/ends"
)

// Values of the annotation Ends.
const (
	Succeeds = "succeeds"
	Fails    = "fails"
)

// stages are what kwok does to nodes and pods, in its own words: nodes become ready and stay so; pods are ready, or
// end, when an annotation says so, so that a test and not a clock decides. A pod that is deleted fails first, as a
// kubelet has it: a Job with a policy for failures holds on to its pods until then.
func stages(module string) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for _, name := range []string{
		"node/fast/node-initialize.yaml", "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
		"pod/fast/pod-ready.yaml", "pod/fast/pod-complete.yaml", "pod/fast/pod-delete.yaml",
	} {
		text, err := os.ReadFile(filepath.Join(module, "kustomize", "stage", name))
		if err != nil {
			return nil, err
		}
		read, err := Decode(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, read...)
	}
	for _, stage := range all {
		switch stage.GetName() {
		case "pod-ready":
			if err := unstructured.SetNestedMap(stage.Object, map[string]any{
				"durationMilliseconds": int64(0), "durationFrom": map[string]any{"expressionFrom": annotation(ReadyAfter)},
			}, "spec", "delay"); err != nil {
				return nil, err
			}
		case "pod-delete":
			err := when(stage, map[string]any{
				"key": ".status.phase", "operator": "In", "values": []any{"Pending", "Succeeded", "Failed"},
			})
			if err != nil {
				return nil, err
			}
		case "pod-complete":
			failed := stage.DeepCopy()
			failed.SetName("pod-fail")
			stopped, err := stop(stage)
			if err != nil {
				return nil, err
			}
			all = append(all, stopped)
			if err := endsWith(stage, Succeeds, func(text string) string { return text }); err != nil {
				return nil, err
			}
			if err := endsWith(failed, Fails, fails("1")); err != nil {
				return nil, err
			}
			all = append(all, failed)
		}
	}
	return all, nil
}

// annotation is the expression with which kwok reads one.
func annotation(name string) string { return fmt.Sprintf(".metadata.annotations[%q]", name) }

// fails makes a stage that ends a pod well end it with a code.
func fails(code string) func(string) string {
	return strings.NewReplacer("phase: Succeeded", "phase: Failed", "exitCode: 0", "exitCode: "+code,
		"reason: Completed", "reason: Error").Replace
}

// stop makes of the stage that completes pods one that ends those that are deleted while they run, by SIGTERM.
func stop(complete *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	stage := complete.DeepCopy()
	stage.SetName("pod-stop")
	conditions := []any{
		map[string]any{"key": ".metadata.deletionTimestamp", "operator": "Exists"},
		map[string]any{"key": ".status.phase", "operator": "In", "values": []any{"Running"}},
	}
	if err := unstructured.SetNestedSlice(stage.Object, conditions, "spec", "selector", "matchExpressions"); err != nil {
		return nil, err
	}
	return stage, leaves(stage, fails("143"))
}

// endsWith makes a stage wait for an annotation, and changes how it leaves the pod.
func endsWith(stage *unstructured.Unstructured, value string, change func(string) string) error {
	conditions := []any{
		map[string]any{"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
		map[string]any{"key": ".status.phase", "operator": "In", "values": []any{"Running"}},
		map[string]any{"key": annotation(Ends), "operator": "In", "values": []any{value}},
	}
	if err := unstructured.SetNestedSlice(stage.Object, conditions, "spec", "selector", "matchExpressions"); err != nil {
		return err
	}
	return leaves(stage, change)
}

// when adds a condition to a stage.
func when(stage *unstructured.Unstructured, condition map[string]any) error {
	conditions, _, err := unstructured.NestedSlice(stage.Object, "spec", "selector", "matchExpressions")
	if err != nil {
		return err
	}
	return unstructured.SetNestedSlice(stage.Object, append(conditions, condition), "spec", "selector", "matchExpressions")
}

// leaves changes how a stage leaves the pod.
func leaves(stage *unstructured.Unstructured, change func(string) string) error {
	text, _, err := unstructured.NestedString(stage.Object, "spec", "next", "statusTemplate")
	if err != nil {
		return err
	}
	return unstructured.SetNestedField(stage.Object, change(text), "spec", "next", "statusTemplate")
}

func (c *ControlPlane) startKwok(ctx context.Context, port int) error {
	module, err := c.cache.Module(ctx, "sigs.k8s.io/kwok")
	if err != nil {
		return err
	}
	played, err := stages(module)
	if err != nil {
		return err
	}
	var all bytes.Buffer
	for _, stage := range played {
		text, err := json.Marshal(stage.Object)
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "---\n%s\n", text)
	}
	if err := os.WriteFile(filepath.Join(c.opts.Dir, "kwok.yaml"), all.Bytes(), 0o600); err != nil {
		return err
	}
	config, err := c.kubeconfig("kwok", c.tokens["kwok"])
	if err != nil {
		return err
	}
	address := loopback(port)
	kwok, err := c.procs.start(binaries.Kwok, c.cache.Path(binaries.Kwok), nil, "--kubeconfig="+config,
		"--config=kwok.yaml", "--manage-all-nodes=true", "--node-lease-duration-seconds=0", "--cidr=10.128.0.0/9",
		"--node-ip=10.64.0.1", "--server-address="+address)
	if err != nil {
		return err
	}
	return kwok.ready(ctx, plain, "http://"+address+"/healthz")
}
