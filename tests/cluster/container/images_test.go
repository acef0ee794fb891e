//go:build linux

package container_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/tests/cluster/container"
	"github.com/mlpathway/mlpathway/tests/cluster/graph"
)

const (
	root = "../../.."
	// patience is how long a test waits for what must happen. Nothing is measured with it.
	patience = 5 * time.Minute
)

// kubelet runs the pods of a stack as containers on this machine.
type kubelet struct {
	t       *testing.T
	objects []graph.Object
	engine  *container.Engine
	images  map[string]container.Image
	around  container.Around
	// lake is the folder behind the disk of the lake.
	lake string
}

// newKubelet finds the images and makes the objects of onprem-dev, which trains on two nodes.
func newKubelet(t *testing.T) *kubelet {
	t.Helper()
	k := &kubelet{t: t, lake: t.TempDir()}
	var err error
	k.objects, err = graph.Of(root, "onprem-dev", map[string]string{
		"mlpathway:training": `{"machine": {"cpus": 1, "memoryMiB": 2048}, "spot": false, "nodes": 2}`,
	})
	require.NoError(t, err)
	k.engine = open(t)
	k.images = images(t)
	k.around = container.Around{Files: map[string]map[string]string{}, Claims: map[string]string{"lake": k.lake}}
	for kind, field := range map[string]string{"ConfigMap": "data", "Secret": "stringData"} {
		for _, o := range graph.Kind(k.objects, kind) {
			k.around.Files[o.GetName()], _, err = unstructured.NestedStringMap(o.Object, field)
			require.NoError(t, err)
		}
	}
	return k
}

// images are the built programs alone, with what they load, or where MLPATHWAY_PODS says images what the Dockerfiles
// make: make test-cluster builds them.
func images(t *testing.T) map[string]container.Image {
	t.Helper()
	if os.Getenv("MLPATHWAY_PODS") == "images" {
		return map[string]container.Image{
			"training-image":  {Name: "localhost/mlpathway/training"},
			"inference-image": {Name: "localhost/mlpathway/inference"},
		}
	}
	all := map[string]container.Image{}
	for entrypoint, libraries := range map[string][]string{
		"/usr/local/bin/training-image": xgboost(t), "/inference-image": nil,
	} {
		name := filepath.Base(entrypoint)
		image, err := container.Files(t.Context(), filepath.Join(t.TempDir(), name), filepath.Join(root, "bin", name),
			entrypoint, libraries...)
		require.NoError(t, err, "make programs builds it")
		all[name] = image
	}
	return all
}

// xgboost finds the library that training loads, and what lies beside it.
func xgboost(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "bin/lib/*.so*"))
	require.NoError(t, err)
	if len(found) > 0 {
		return found
	}
	out, err := exec.CommandContext(t.Context(), "ldconfig", "-p").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		_, path, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if ok && strings.HasPrefix(filepath.Base(path), "libxgboost.so") {
			return []string{path}
		}
	}
	require.Fail(t, "XGBoost is not installed: make setup")
	return nil
}

func (k *kubelet) during() context.Context {
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	k.t.Cleanup(cancel)
	return ctx
}

// pods are those that would be made of the objects of a kind, and run a command of an image.
func (k *kubelet) pods(kind, command string) *unstructured.Unstructured {
	k.t.Helper()
	for _, o := range graph.Kind(k.objects, kind) {
		for _, p := range graph.Pods(o.Unstructured) {
			containers, _, _ := unstructured.NestedSlice(p.Object, "spec", "containers")
			args, _, _ := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
			if len(args) > 0 && args[0] == command {
				return p
			}
		}
	}
	require.Fail(k.t, "no "+kind+" runs "+command)
	return nil
}

// start starts the container of a pod.
func (k *kubelet) start(p *unstructured.Unstructured, image string) string {
	k.t.Helper()
	name, err := k.engine.Start(k.during(), p.Object, k.images[image], k.around)
	require.NoError(k.t, err)
	return name
}

// ends waits until a container ends, and wants it to end well. It returns what it wrote.
func (k *kubelet) ends(name string) string {
	k.t.Helper()
	code, output, err := k.engine.Wait(k.during(), name)
	require.NoError(k.t, err)
	require.Zero(k.t, code, "%s:\n%s", name, output)
	k.t.Logf("%s:\n%s", name, output)
	return output
}

// probe asks a container what a probe of its pod asks, until it answers that all is well.
func (k *kubelet) probe(p *unstructured.Unstructured, name string) (base string) {
	k.t.Helper()
	containers, _, err := unstructured.NestedSlice(p.Object, "spec", "containers")
	require.NoError(k.t, err)
	c := containers[0].(map[string]any)
	path, found, _ := unstructured.NestedString(c, name, "httpGet", "path")
	require.True(k.t, found, "there is no %s", name)
	ports, _, _ := unstructured.NestedSlice(c, "ports")
	number, _, _ := unstructured.NestedInt64(ports[0].(map[string]any), "containerPort")
	base = fmt.Sprintf("http://127.0.0.1:%d", number)
	require.Eventually(k.t, func() bool {
		status, _, err := k.ask(http.MethodGet, base+path, nil)
		return err == nil && status == http.StatusOK
	}, patience, 50*time.Millisecond, name)
	return base
}

// ask asks a container over HTTP.
func (k *kubelet) ask(method, url string, body []byte) (int, string, error) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: k.engine.Dial, DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(k.t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// TestImages runs the images as the pods of a stack would run them, from raw data to predictions: the steps of the
// pipeline, the training step with its two ranks, the endpoint with its probes, and the batch. User, closed root,
// capabilities, memory, variables and mounts are those of the objects.
func TestImages(t *testing.T) {
	t.Parallel()
	k := newKubelet(t)
	data, err := os.ReadFile(filepath.Join(root, "examples/tumour/breast_cancer.csv"))
	require.NoError(t, err)
	// A kubelet opens a disk for the pod's group; whoever brings the data makes its folder.
	raw := filepath.Join(k.lake, string(components.Raw))
	require.NoError(t, os.Mkdir(raw, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(raw, "breast_cancer.csv"), data, 0o644))
	require.NoError(t, os.Chown(k.lake, 0, 65532))
	require.NoError(t, os.Chmod(k.lake, 0o775|os.ModeSetgid))
	workflow := graph.Kind(k.objects, "WorkflowTemplate")[0]
	steps := graph.Pods(workflow.Unstructured)
	for _, step := range []string{"etl", "features", "train", "evaluate", "register"} {
		if step == "train" {
			k.train(workflow)
			continue
		}
		require.Contains(t, steps, step)
		k.ends(k.start(steps[step], "training-image"))
	}
	k.serve()
	k.ends(k.start(k.pods("CronJob", "batch"), "inference-image"))
	found := errors.New("no predictions")
	results := filepath.Join(k.lake, "results")
	require.NoError(t, filepath.WalkDir(results, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.Contains(path, "batch") {
			found = nil
		}
		return err
	}))
	require.NoError(t, found)
}

// train runs both ranks of the training step at a time.
func (k *kubelet) train(workflow graph.Object) {
	k.t.Helper()
	made, err := workflow.Manifests("run")
	require.NoError(k.t, err)
	require.Len(k.t, made, 1)
	for job, template := range graph.Pods(made[0]) {
		ranks := k.ranks(made[0], job, template)
		require.Len(k.t, ranks, 2)
		var names []string
		for _, r := range ranks {
			names = append(names, k.start(r, "training-image"))
		}
		for rank, name := range names {
			assert.Contains(k.t, k.ends(name), fmt.Sprintf("rank %d of 2", rank))
		}
	}
}

// ranks are the pods that the controllers of JobSet and Job make: with the number as an annotation that a variable
// shows, and a name under which the others find them. TestSpotNode sees the real ones.
func (k *kubelet) ranks(
	set *unstructured.Unstructured, job string, template *unstructured.Unstructured,
) []*unstructured.Unstructured {
	k.t.Helper()
	jobs, _, err := unstructured.NestedSlice(set.Object, "spec", "replicatedJobs")
	require.NoError(k.t, err)
	completions, _, err := unstructured.NestedInt64(jobs[0].(map[string]any), "template", "spec", "completions")
	require.NoError(k.t, err)
	var all []*unstructured.Unstructured
	for rank := range int(completions) {
		pod := template.DeepCopy()
		host := fmt.Sprintf("%s-%s-0-%d", set.GetName(), job, rank)
		pod.SetName(host)
		annotations := pod.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations["batch.kubernetes.io/job-completion-index"] = strconv.Itoa(rank)
		annotations["jobset.sigs.k8s.io/jobset-name"] = set.GetName()
		pod.SetAnnotations(annotations)
		containers, _, err := unstructured.NestedSlice(pod.Object, "spec", "containers")
		require.NoError(k.t, err)
		first := containers[0].(map[string]any)
		env, _ := first["env"].([]any)
		first["env"] = append(env, map[string]any{"name": "JOB_COMPLETION_INDEX", "valueFrom": map[string]any{
			"fieldRef": map[string]any{"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"},
		}})
		require.NoError(k.t, unstructured.SetNestedSlice(pod.Object, containers, "spec", "containers"))
		k.around.Hosts = append(k.around.Hosts, host+"."+set.GetName())
		all = append(all, pod)
	}
	return all
}

// serve runs the endpoint until it drained.
func (k *kubelet) serve() {
	k.t.Helper()
	served := k.pods("Deployment", "serve")
	name := k.start(served, "inference-image")
	k.probe(served, "startupProbe")
	k.probe(served, "livenessProbe")
	base := k.probe(served, "readinessProbe")
	for question, want := range map[string]string{
		"{{.Config.User}}": "65532:65532", "{{.HostConfig.ReadonlyRootfs}}": "true", "{{.EffectiveCaps}}": "[]",
	} {
		got, err := k.engine.Inspect(k.during(), name, question)
		require.NoError(k.t, err)
		assert.Equal(k.t, want, got, question)
	}
	question, err := os.ReadFile(filepath.Join(root, "examples/tumour/request.json"))
	require.NoError(k.t, err)
	status, body, err := k.ask(http.MethodPost, base+"/predict", question)
	require.NoError(k.t, err)
	assert.Equal(k.t, http.StatusOK, status, body)
	var answer map[string]any
	require.NoError(k.t, json.Unmarshal([]byte(body), &answer), body)
	k.t.Log(body)
	grace, _, _ := unstructured.NestedInt64(served.Object, "spec", "terminationGracePeriodSeconds")
	require.NoError(k.t, k.engine.Stop(k.during(), name, grace))
	k.ends(name)
}
