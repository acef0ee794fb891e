package kubernetes

import (
	"maps"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/jobset"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// Training describes a JobSet, or a TrainJob with its runtime; the pipeline makes one of it for each run, and a person
// can: `kubectl get configmap training -o jsonpath={.data.job} | kubectl create -f -`.
func (t *Target) Training(
	ctx *pulumi.Context, name string, args *components.TrainingArgs, opts ...pulumi.ResourceOption,
) (*components.TrainingOutputs, error) {
	j := &training{layer: t.layer(ctx, components.TrainingLayer, name, opts), args: args}
	needs := []string{charts.JobSet}
	if t.settings.Trainer == asTrainJob {
		needs = append(needs, charts.Trainer)
	}
	if j.args.Queue != nil || t.waits() {
		needs = append(needs, charts.Kueue)
	}
	if err := j.need(needs...); err != nil {
		return nil, err
	}
	identity, err := j.account()
	if err != nil {
		return nil, err
	}
	if err := j.policy("workers", amongWorkers(j.selector(workersPart))); err != nil {
		return nil, err
	}
	template, err := j.template()
	if err != nil {
		return nil, err
	}
	_, err = j.object("v1", "ConfigMap", nil, map[string]any{"data": pulumi.StringMap{"job": template}})
	return &components.TrainingOutputs{Template: template, Identity: identity}, err
}

// workersPart are the pods that train.
const workersPart = "workers"

// coordinatorPort is where rank 0 waits for the others.
const coordinatorPort = 29500

// training is what is made of a training job so far.
type training struct {
	*layer
	args *components.TrainingArgs
}

// amongWorkers lets the pods of a job talk to each other on all ports, and to nobody else.
func amongWorkers(selector map[string]string) api.NetworkPolicy {
	workers := []api.Peer{{PodSelector: &api.Selector{MatchLabels: selector}}}
	return api.NetworkPolicy{
		PodSelector: api.Selector{MatchLabels: selector}, PolicyTypes: []string{"Ingress", "Egress"},
		Ingress: []api.Ingress{{From: workers}}, Egress: []api.Egress{{To: workers}},
	}
}

// template writes the job as JSON. Whoever makes a job of it gives it a name.
func (j *training) template() (pulumi.StringOutput, error) {
	if j.settings.Trainer == asTrainJob {
		return j.trainJob()
	}
	return j.write(j.manifest(jobset.APIVersion, jobset.Kind, trainingPriority, j.jobSet(j.args.Nodes, j.args.Args))), nil
}

// write gives the job as JSON; with a search before it as a list of both.
func (j *training) write(job pulumi.Map) pulumi.StringOutput {
	if j.args.Tuning == nil {
		return pulumi.JSONMarshal(job)
	}
	j.mu.Lock()
	j.tuned = true
	j.mu.Unlock()
	// Each rank of a search takes its share of the trials, and they tell each other by the lake what they found.
	search := j.manifest(jobset.APIVersion, jobset.Kind, tuningPriority, j.jobSet(j.args.Tuning.Parallel, tuneArgs))
	return pulumi.JSONMarshal(pulumi.Map{
		"apiVersion": pulumi.String("v1"), "kind": pulumi.String(listKind), "items": pulumi.Array{search, job},
	})
}

// listKind is the kind of a list of objects.
const listKind = "List"

// tuneArgs start a search; strategy and space stand in pipeline.yaml.
var tuneArgs = []string{"tune"}

// manifest is an object as a step of a pipeline makes it.
func (j *training) manifest(apiVersion, kind, priority string, spec any) pulumi.Map {
	labels := pulumi.ToStringMap(j.podLabels("job"))
	maps.Copy(labels, pulumi.ToStringMap(j.queueLabels(priority)))
	if j.args.Queue != nil {
		labels[queueLabel] = j.args.Queue
	}
	return pulumi.Map{
		"apiVersion": pulumi.String(apiVersion), "kind": pulumi.String(kind), "spec": object.Input(spec),
		"metadata": pulumi.Map{
			"generateName": pulumi.String(j.Component + "-"), "namespace": pulumi.String(j.namespace), "labels": labels,
		},
	}
}

// restarts is how often a job starts again as a whole: often where its machines are taken away, for then it goes on
// from its checkpoint.
func (j *training) restarts() int {
	if *j.args.Spot {
		return 20
	}
	return 2
}

// jobSet describes the workers: one Indexed Job, whose pods find rank 0 by its name.
func (j *training) jobSet(ranks int, args []string) jobset.Spec {
	w := j.worker(jobSetEnvironment(ranks, workersPart))
	w.args = args
	return j.set(workersPart, j.job(ranks, j.pod(w)))
}

func (j *training) set(name string, job api.Job) jobset.Spec {
	return jobset.Spec{
		ReplicatedJobs: []jobset.ReplicatedJob{{
			Name: name, Replicas: 1, Template: api.JobTemplate{Metadata: api.PodMetadata{Labels: j.podLabels(name)}, Spec: job},
		}},
		Network:       jobset.Network{EnableDNSHostnames: true, PublishNotReadyAddresses: true},
		SuccessPolicy: jobset.SuccessPolicy{Operator: "All"},
		FailurePolicy: jobset.FailurePolicy{
			MaxRestarts: j.restarts(), RestartStrategy: "BlockingRecreate", Rules: []jobset.FailureRule{{
				Name: "misuse", Action: "FailJobSet", OnJobFailureReasons: []string{"PodFailurePolicy"},
			}},
		},
		TTLSecondsAfterFinished: keepFinished,
	}
}

// keepFinished is how long a finished job stays to be looked at.
const keepFinished = 24 * 3600

// job describes pods with numbers from 0 on. A pod that fails fails the job, which starts again as a whole; one that
// was started wrongly would fail for ever.
func (j *training) job(ranks int, template api.PodTemplate) api.Job {
	return api.Job{
		Parallelism: ranks, Completions: ranks, CompletionMode: "Indexed", BackoffLimit: 0,
		ActiveDeadlineSeconds: j.args.MaxRuntimeMinutes * 60, Template: template,
		PodFailurePolicy: &api.PodFailurePolicy{Rules: []api.FailureRule{{
			Action: "FailJob", OnExitCodes: &api.OnExitCodes{Operator: "In", Values: []int{misuseExit}},
		}}},
	}
}

// misuseExit is the exit code of the images for wrong usage.
const misuseExit = 2

// jobSetEnvironment tells the ranks of a JobSet where rank 0 is. The rank itself is JOB_COMPLETION_INDEX, which an
// Indexed Job sets.
func jobSetEnvironment(nodes int, job string) pulumi.StringMap {
	if nodes < 2 {
		return pulumi.StringMap{}
	}
	return pulumi.StringMap{
		"MASTER_ADDR": pulumi.String("$(JOBSET_NAME)-" + job + "-0-0.$(JOBSET_NAME)"),
		"MASTER_PORT": pulumi.String(strconv.Itoa(coordinatorPort)),
		"WORLD_SIZE":  pulumi.String(strconv.Itoa(nodes)),
	}
}

// worker describes one rank.
func (j *training) worker(ranks pulumi.StringMap) workload {
	environment := pulumi.ToStringMap(j.args.Environment)
	maps.Copy(environment, ranks)
	if j.args.Checkpoint != nil {
		environment["MLPATHWAY_CHECKPOINTS"] = j.args.Checkpoint
	}
	if j.args.Distribution != "" {
		environment["MLPATHWAY_DISTRIBUTION"] = pulumi.String(string(j.args.Distribution))
	}
	return workload{
		part: workersPart, account: j.Component, image: j.args.Image, args: j.args.Args, machine: j.args.Machine,
		environment: environment, spot: j.args.Spot, nodes: j.args.Nodes, scratchGiB: trainingScratchGiB,
		restart: "Never", graceSeconds: checkpointSeconds,
	}
}

const (
	// trainingScratchGiB is what a rank may write beside the lake.
	trainingScratchGiB = 20
	// checkpointSeconds is the time to save what a rank has: clouds give 30 seconds to two minutes of notice.
	checkpointSeconds = 100
)

// pod adds to the pods of a job what only training needs.
func (j *training) pod(w workload) api.PodTemplate {
	template := j.layer.pod(w)
	annotations := map[string]string{}
	if !*j.args.Spot { // an interruptible machine goes anyhow, and a job on it knows how to go on
		annotations["karpenter.sh/do-not-disrupt"] = "true"
	}
	if levels := j.settings.Nodes.Topology; len(levels) > 0 && j.args.Nodes > 1 {
		annotations["kueue.x-k8s.io/podset-preferred-topology"] = levels[0]
	}
	template.Metadata.Annotations = annotations
	if _, ok := w.environment["MASTER_ADDR"]; ok && j.settings.Trainer == asJobSet {
		name := api.EnvVar{Name: "JOBSET_NAME", ValueFrom: &api.EnvSource{
			FieldRef: &api.FieldRef{FieldPath: "metadata.annotations['jobset.sigs.k8s.io/jobset-name']"},
		}}
		c := &template.Spec.Containers[0]
		c.Env = append([]api.EnvVar{name}, c.Env...) // before what refers to it
	}
	return template
}
