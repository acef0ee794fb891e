package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

// minutely is the example's pipeline with a run each minute.
func minutely(t *testing.T) changes {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("../../examples/tumour")))
	path := filepath.Join(dir, "pipeline.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	const schedules = "\nschedules:"
	require.Contains(t, string(text), schedules)
	changed := strings.Replace(string(text), schedules, "\nschedules:\n  train: \"* * * * *\"\n  #", 1)
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	relative, err := filepath.Rel(root, path)
	require.NoError(t, err)
	return changes{"pipeline": set(relative)}
}

// steps are those of the stack's pipeline, in the order in which they are written.
func (p *platform) steps() []string {
	p.t.Helper()
	templates, _, err := unstructured.NestedSlice(p.the("WorkflowTemplate", "pipeline").Object, "spec", "templates")
	require.NoError(p.t, err)
	var names []string
	groups, _, err := unstructured.NestedSlice(templates[0].(map[string]any), "steps")
	require.NoError(p.t, err)
	for _, group := range groups {
		for _, step := range group.([]any) {
			names = append(names, step.(map[string]any)["name"].(string))
		}
	}
	require.Contains(p.t, names, "train")
	return names
}

// step waits until the pod of a step of a run runs, and sees that no pod of another step does.
func (p *platform) step(run, step string) pod {
	p.t.Helper()
	var found pod
	p.until(run+"'s step "+step, func(ctx context.Context) (bool, error) {
		all, err := p.pods(ctx, p.namespace, "workflows.argoproj.io/workflow="+run)
		if err != nil {
			return false, err
		}
		var running []string
		for _, each := range all {
			if each.phase == "Succeeded" || each.phase == "Failed" {
				continue
			}
			running = append(running, each.GetAnnotations()["workflows.argoproj.io/node-name"]+" "+each.phase)
			if found = each; each.phase != "Running" {
				return false, fmt.Errorf("%s: %s %s", running, each.reason, each.message)
			}
		}
		if len(running) == 1 && strings.Contains(running[0], "]."+step) {
			return true, nil
		}
		return false, fmt.Errorf("what runs is %q: %w", running, p.told(ctx, run))
	})
	return found
}

// told is what Argo says of a run.
func (p *platform) told(ctx context.Context, run string) error {
	workflow, err := p.Get(ctx, "argoproj.io/v1alpha1", "Workflow", p.namespace, run)
	if err != nil {
		return err
	}
	phase, _, _ := unstructured.NestedString(workflow.Object, "status", "phase")
	message, _, _ := unstructured.NestedString(workflow.Object, "status", "message")
	return errors.New(phase + ": " + message)
}

// began waits until the clock has started a run, and returns its name.
func (p *platform) began() string {
	p.t.Helper()
	var name string
	p.until("the clock to start a run", func(ctx context.Context) (bool, error) {
		found, err := p.List(ctx, "argoproj.io/v1alpha1", "Workflow", p.namespace,
			"workflows.argoproj.io/cron-workflow=pipeline")
		if err != nil || len(found) == 0 {
			return false, err
		}
		name = found[0].GetName()
		return true, nil
	})
	return name
}

// waitsFor sees that a run waits for another one.
func (p *platform) waitsFor(run *unstructured.Unstructured) {
	p.t.Helper()
	p.until(run.GetName()+" to wait", func(ctx context.Context) (bool, error) {
		err := p.told(ctx, run.GetName())
		return strings.HasPrefix(err.Error(), "Pending: Waiting for "), err
	})
	found, err := p.pods(p.during(), p.namespace, "workflows.argoproj.io/workflow="+run.GetName())
	require.NoError(p.t, err)
	assert.Empty(p.t, found)
}

// TestPipeline runs the pipeline of the shared cluster on Argo's controller: the clock starts it; the steps come one
// after the other, in pods that the namespace takes; one that fails is tried again; the training step makes its job,
// which goes through the queue, and each step is reported, with no more rights than its account has; another run waits
// until this one is over.
func TestPipeline(t *testing.T) {
	t.Parallel()
	s := open(t)
	require.NoError(t, s.StartWorkflows(s.during()))
	p := s.deploy(shareStack, minutely(t), nil)
	p.machines(2)
	account, _, err := unstructured.NestedString(p.the("WorkflowTemplate", "pipeline").Object, "spec", "executor",
		"serviceAccountName")
	require.NoError(t, err)
	run := p.began()
	steps := p.steps()
	first := p.step(run, steps[0])
	next := s.make(fmt.Sprintf(`{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
		"metadata": {"name": "next", "namespace": %q}, "spec": {"workflowTemplateRef": {"name": "pipeline"}}}`, p.namespace))
	p.waitsFor(next)
	s.end(controlplane.Fails, first)
	s.until("the step to fail", func(ctx context.Context) (bool, error) {
		found, err := s.read(ctx, &first.Unstructured)
		if err != nil {
			return false, err
		}
		phase, _, _ := unstructured.NestedString(found.Object, "status", "phase")
		return phase == "Failed", nil
	})

	for _, step := range steps {
		now := p.step(run, step)
		ctx := s.during()
		reported := make(chan error, 1)
		go func() { reported <- s.RunStep(ctx, &now.Unstructured, account) }()
		if step == "train" {
			workers := s.running(p.namespace, "jobset.sigs.k8s.io/jobset-name="+run+"-train", 2)
			s.end(controlplane.Succeeds, workers...)
		}
		require.NoError(t, <-reported, step)
		s.end(controlplane.Succeeds, now)
	}
	s.until("the run to succeed", func(ctx context.Context) (bool, error) {
		err := p.told(ctx, run)
		return strings.HasPrefix(err.Error(), "Succeeded: "), err
	})
	p.step(next.GetName(), steps[0])
}
