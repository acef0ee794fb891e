package kubernetes

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/argo"
	"github.com/mlpathway/mlpathway/components/kubernetes/jobset"
	"github.com/mlpathway/mlpathway/components/kubernetes/trainer"
	"github.com/mlpathway/mlpathway/internal/mapping"
)

// The templates of a workflow besides its steps.
const (
	allSteps     = "run"
	approvalStep = "approve"
	registerStep = "register"
	tuneStep     = "tune"
	// featuresCommand is the command of the step that makes features.
	featuresCommand = "features"
)

// trainingProgram is the entry point of the training image. Argo starts the program of a step itself; where none is
// named its controller asks the registry, which it may not reach.
const trainingProgram = "/usr/local/bin/training-image"

// argoContainers keeps the containers that Argo adds to a step from taking their node: the namespace would refuse the
// pod. In those of a step that makes an object Argo does so itself. It writes below their root, which stays open.
const argoContainers = `{"initContainers":[{"name":"init","securityContext":` + least + `}],` +
	`"containers":[{"name":"wait","securityContext":` + least + `}]}`

const least = `{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}`

// stepMachine is what a step gets that is no training job.
var stepMachine = components.Machine{CPUs: 1, MemoryMiB: 4096}

// workflow describes the runs: the steps one after the other, one run at a time.
func (p *pipeline) workflow() (argo.Workflow, error) {
	pods := p.stepPod(components.Step{Name: allSteps, Args: []string{allSteps}})
	w := argo.Workflow{
		Entrypoint: allSteps, ServiceAccountName: p.Component, AutomountServiceAccountToken: new(false),
		Executor:        &argo.Executor{ServiceAccountName: p.Part("executor")},
		SecurityContext: unprivileged(), PodMetadata: &api.PodMetadata{Labels: p.podLabels("step")},
		ImagePullSecrets: pods.Spec.ImagePullSecrets, Volumes: pods.Spec.Volumes,
		ActiveDeadlineSeconds: p.args.TimeoutMinutes * 60,
		Synchronization:       &argo.Synchronization{Mutexes: []api.NameRef{{Name: p.Component}}},
		TTLStrategy:           &argo.TTL{SecondsAfterCompletion: 7 * keepFinished},
		PodGC:                 &argo.PodGC{Strategy: "OnPodSuccess"},
	}
	run := argo.Template{Name: allSteps}
	for _, step := range p.args.Steps {
		if step.Name == registerStep && p.args.Approval {
			run.Steps = append(run.Steps, []argo.Step{{Name: approvalStep, Template: approvalStep}})
			w.Templates = append(w.Templates, argo.Template{Name: approvalStep, Suspend: &argo.Suspend{}})
		}
		if step.Training && p.searches() {
			run.Steps = append(run.Steps, []argo.Step{{Name: tuneStep, Template: tuneStep}})
			w.Templates = append(w.Templates, p.trainingStep(tuneStep, 0))
		}
		if p.onSpark(step) {
			first, err := p.sparkStep()
			if err != nil {
				return w, err
			}
			run.Steps = append(run.Steps, []argo.Step{{Name: engineStep, Template: engineStep}})
			w.Templates = append(w.Templates, first)
		}
		run.Steps = append(run.Steps, []argo.Step{{Name: step.Name, Template: step.Name}})
		w.Templates = append(w.Templates, p.step(step))
		if o := p.onlineStore(); o != nil && step.Args[0] == featuresCommand {
			fill, volumes := p.fill(o)
			run.Steps = append(run.Steps, []argo.Step{{Name: onlineStep, Template: onlineStep}})
			w.Templates, w.Volumes = append(w.Templates, fill), addVolumes(w.Volumes, volumes)
		}
	}
	w.Templates = append([]argo.Template{run}, w.Templates...)
	return w, nil
}

// step is one step: a job of the Training layer, or a pod.
func (p *pipeline) step(step components.Step) argo.Template {
	if step.Training {
		return p.trainingStep(step.Name, 1)
	}
	container := p.stepPod(step).Spec.Containers[0]
	container.Name = "" // Argo has one of its own
	container.Command = []string{trainingProgram}
	return argo.Template{
		Name: step.Name, Container: &container, PodSpecPatch: argoContainers, RetryStrategy: p.again(),
	}
}

// again says when a step is tried again: not where it was used wrongly.
func (p *pipeline) again() *argo.Retry {
	return &argo.Retry{
		Limit: fmt.Sprint(*p.args.Retries), RetryPolicy: "Always", Backoff: argo.Backoff{Duration: "10s", Factor: "2"},
		Expression: fmt.Sprintf(`lastRetry.exitCode != "%d"`, misuseExit),
	}
}

// onlineStore is the store that the stack has; nil for none.
func (p *pipeline) onlineStore() *online {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.store
}

func (p *pipeline) stepPod(step components.Step) api.PodTemplate {
	environment := p.environment()
	if p.onSpark(step) {
		environment["MLPATHWAY_RESULT"] = p.sparkResult()
	}
	return p.pod(workload{
		part: step.Name, account: p.Component, image: p.args.Image, args: step.Args, machine: stepMachine,
		environment: environment, secret: p.secret, files: []mount{{uri: p.definition}}, scratchGiB: 10,
	})
}

// searches reports whether the training layer has a search for parameters.
func (p *pipeline) searches() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tuned
}

// trainingStep makes a job of the template of the Training layer and waits until it ends. item says which, where the
// template is a list.
func (p *pipeline) trainingStep(name string, item int) argo.Template {
	environment := p.environment()
	manifest := pulumi.All(p.args.Training, environment.ToStringMapOutput(), p.definition).ApplyT(
		func(all []any) (string, error) {
			return trainingManifest(all[0].(string), runOf{
				name: "{{workflow.name}}-" + name, item: item, environment: all[1].(map[string]string), definition: all[2].(string),
			})
		}).(pulumi.StringOutput)
	resource := &argo.Resource{
		Action: "create", Manifest: manifest, SetOwnerReference: true,
		SuccessCondition: "status.terminalState == Completed", FailureCondition: "status.terminalState == Failed",
	}
	if p.settings.Trainer == asTrainJob && name != tuneStep {
		resource.SuccessCondition = "status.jobsStatus.0.succeeded == 1"
		resource.FailureCondition = "status.conditions.0.type == Failed, status.conditions.1.type == Failed"
	}
	return argo.Template{Name: name, Resource: resource}
}

// runOf is what a run adds to the template of a training job.
type runOf struct {
	name        string
	item        int // of a list
	environment map[string]string
	definition  string
}

// trainingManifest writes the job of one run. It is pure. An empty template is one of no layer: it is left as it is.
func trainingManifest(template string, run runOf) (string, error) {
	var job map[string]any
	if err := json.Unmarshal([]byte(template), &job); err != nil {
		return "", fmt.Errorf("training: want the Template output of a Training of this target: %w", err)
	}
	if items := list(job, "items"); job["kind"] == listKind && run.item < len(items) {
		job = items[run.item]
	}
	folder, err := folderOf(run.definition)
	if err != nil {
		return "", err
	}
	metadata := mapping.Within(job, "metadata")
	delete(metadata, "generateName")
	metadata["name"] = run.name
	volume := map[string]any{"name": "definition", "configMap": map[string]any{"name": path.Base(folder)}}
	mounted := map[string]any{"name": "definition", "mountPath": folder, "readOnly": true}
	switch job["kind"] {
	case jobset.Kind:
		for _, replicated := range list(mapping.Within(job, "spec"), "replicatedJobs") {
			pod := mapping.Within(replicated, "template", "spec", "template", "spec")
			add(pod, "volumes", volume)
			for _, container := range list(pod, "containers") {
				add(container, "volumeMounts", mounted)
				add(container, "env", variablesOf(run.environment)...)
			}
		}
	case trainer.JobKind:
		add(mapping.Within(job, "spec", "trainer"), "env", variablesOf(run.environment)...)
		mapping.Within(job, "spec")["runtimePatches"] = []any{patch(volume, mounted)}
	}
	data, err := json.Marshal(job)
	return string(data), err
}

// patch adds a volume to the pods of a TrainJob's runtime.
func patch(volume, mounted map[string]any) map[string]any {
	pod := map[string]any{
		"volumes":    []any{volume},
		"containers": []any{map[string]any{"name": trainer.Node, "volumeMounts": []any{mounted}}},
	}
	job := map[string]any{"name": trainer.Node, "template": map[string]any{
		"spec": map[string]any{"template": map[string]any{"spec": pod}},
	}}
	return map[string]any{"manager": "mlpathway.dev/pipeline", "trainingRuntimeSpec": map[string]any{
		"template": map[string]any{"spec": map[string]any{"replicatedJobs": []any{job}}},
	}}
}

// list gives the mappings of a list.
func list(m map[string]any, key string) []map[string]any {
	items, _ := m[key].([]any)
	var all []map[string]any
	for _, item := range items {
		if found, ok := item.(map[string]any); ok {
			all = append(all, found)
		}
	}
	return all
}

func add(m map[string]any, key string, items ...any) {
	before, _ := m[key].([]any)
	m[key] = append(before, items...)
}

// variablesOf are variables in a fixed order.
func variablesOf(environment map[string]string) []any {
	var all []any
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		all = append(all, map[string]any{"name": name, "value": environment[name]})
	}
	return all
}
