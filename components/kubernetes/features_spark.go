package kubernetes

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/argo"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
	"github.com/mlpathway/mlpathway/components/kubernetes/spark"
)

// sparkScript runs the SQL of a feature view on Spark.
//
//go:embed features.py
var sparkScript string

// The keys of the engine's ConfigMap, the parts of an application, and whom Spark's images run as.
const (
	scriptKey    = "features.py"
	driverPart   = "driver"
	executorPart = "executor"
	sparkUser    = 185
	// enginePrefix is where the engine leaves results, below the features zone.
	enginePrefix = "engine"
)

// engine is the batch engine of a stack: what a pipeline needs to make applications of the Spark operator.
type engine struct {
	*layer
	args   *components.FeaturesArgs
	script string // the address of the script; the SQL of a view lies beside it
}

// queryFile is the key of the SQL of a view.
func queryFile(view string) string { return view + ".sql" }

// newEngine makes what applications need: the script with the SQL, and the ways of the network. There is no engine that
// waits: each run is an application of its own. Errors: ErrRequired for an image, ErrConflict for a lake on a disk,
// ErrUnsupported for a store that Spark does not find under the address.
func (l *layer) newEngine(args *components.FeaturesArgs) (*engine, error) {
	e := &engine{layer: l, args: args}
	if err := e.check(); err != nil {
		return nil, err
	}
	files := map[string]string{scriptKey: sparkScript}
	sum := sha256.New()
	fmt.Fprintln(sum, sparkScript)
	for _, view := range args.Views {
		query := view.SQL
		if query == "" {
			query = "SELECT * FROM curated"
		}
		files[queryFile(view.Name)] = query
		fmt.Fprintln(sum, view.Name, query)
	}
	name := l.Part("engine", hex.EncodeToString(sum.Sum(nil))[:8]) // what runs keeps what it began with
	_, err := l.named("v1", "ConfigMap", []string{"engine"}, object.Metadata{Name: name}, map[string]any{"data": files})
	if err != nil {
		return nil, err
	}
	e.script = fileURI(name, scriptKey)
	workers := map[string]string{instanceLabel: l.Component}
	if err := l.policy("workers", amongWorkers(workers)); err != nil {
		return nil, err
	}
	return e, l.policy("api", api.NetworkPolicy{
		PodSelector: api.Selector{MatchLabels: l.selector(driverPart)}, PolicyTypes: []string{"Egress"},
		Egress: []api.Egress{l.toAPI()},
	})
}

func (e *engine) check() error {
	r := &refuse{}
	if e.settings.Spark.Image == "" {
		r.add(components.ErrRequired, "kubernetes.spark.image", "", "an image of Spark with Python")
	}
	if onDisk(e.settings.Lake) {
		r.add(components.ErrConflict, "features.distributed", true, "false: the lake is a disk, and Spark is another user")
	}
	if strings.HasPrefix(e.settings.Lake.URI, "azblob:") {
		r.add(components.ErrUnsupported, "features.distributed", true, "false: Spark knows no addresses with azblob")
	}
	if len(e.settings.Access.APIServers) == 0 {
		r.add(components.ErrRequired, "kubernetes.access.apiServers", "", "the addresses of the cluster's API: the driver "+
			"asks it for executors")
	}
	if err := r.err(); err != nil {
		return err
	}
	return e.need(charts.SparkOperator)
}

// driverRules are what the driver may do: make its executors, with what they read, and take them away.
func driverRules() []api.Rule {
	return []api.Rule{{
		APIGroups: []string{""}, Resources: []string{"configmaps", "pods"},
		Verbs: []string{"create", "delete", "deletecollection", "get", "list", "patch", "watch"},
	}}
}

// application describes a run: driver, executors, and what the script is told.
func (e *engine) application(arguments []pulumi.StringInput, retries int) spark.Application {
	driver := e.sparkPod(driverPart, spark.DriverContainer, components.Machine{CPUs: 1, MemoryMiB: 4096})
	driver.Template.Spec.AutomountServiceAccountToken = true // it makes the executors; they have none
	const wait = 10
	app := spark.Application{
		Type: "Python", Mode: "cluster", SparkVersion: e.settings.Spark.Version, Image: e.settings.Spark.Image,
		MainApplicationFile: "local://" + strings.TrimPrefix(e.script, "file://"), Arguments: arguments,
		SparkConf: e.conf(), HadoopConf: e.fileSystems(), TimeToLiveSeconds: keepFinished,
		RestartPolicy: spark.RestartPolicy{
			Type: "OnFailure", OnFailureRetries: retries, OnSubmissionFailureRetries: retries, OnFailureRetryInterval: wait,
			OnSubmissionFailureRetryInterval: wait,
		},
		Driver: spark.Driver{Pod: driver},
		Executor: spark.Executor{
			Pod: e.sparkPod(executorPart, spark.ExecutorContainer, e.args.Worker), Instances: e.args.MaxWorkers,
		},
	}
	if e.settings.PullSecret != "" {
		app.ImagePullSecrets = []string{e.settings.PullSecret}
	}
	return app
}

// sparkPod describes the driver or an executor. Spark says itself how large a pod is: a fifth of its memory, 384 MiB at
// least, is for Python and whatever else lies outside of the heap.
func (e *engine) sparkPod(part, container string, machine components.Machine) spark.Pod {
	w := workload{
		part: part, account: e.Component, image: e.settings.Spark.Image, machine: machine, scratchGiB: trainingScratchGiB,
		container: func(c *api.Container) { c.Name = container },
	}
	if part == driverPart {
		w.files = []mount{{uri: pulumi.String(e.script)}}
	}
	template := e.pod(w)
	template.Spec.SecurityContext.RunAsUser, template.Spec.SecurityContext.RunAsGroup = sparkUser, sparkUser
	overhead := max(384, machine.MemoryMiB/5)
	return spark.Pod{
		Cores: max(1, int(math.Floor(machine.CPUs))), Memory: fmt.Sprintf("%dm", machine.MemoryMiB-overhead),
		MemoryOverhead: fmt.Sprintf("%dm", overhead), ServiceAccount: e.Component, Template: template,
	}
}

// conf are Spark's settings: those of the stack file over these. The driver may do nothing with disks.
func (e *engine) conf() map[string]string {
	conf := map[string]string{
		"spark.kubernetes.driver.ownPersistentVolumeClaim":   "false",
		"spark.kubernetes.driver.reusePersistentVolumeClaim": "false",
	}
	maps.Copy(conf, e.settings.Spark.Conf)
	return conf
}

// fileSystems say how Spark reaches the lake under the addresses that everything else uses.
func (e *engine) fileSystems() map[string]string {
	lake := e.settings.Lake
	if !strings.HasPrefix(lake.URI, "s3:") {
		return nil
	}
	conf := map[string]string{"fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem"}
	if lake.Endpoint != "" {
		conf["fs.s3a.endpoint"], conf["fs.s3a.path.style.access"] = lake.Endpoint, "true"
	}
	if lake.Region != "" {
		conf["fs.s3a.endpoint.region"] = lake.Region
	}
	return conf
}

// engineStep is the template that runs the SQL of the features on Spark.
const engineStep = "spark"

// onSpark reports whether the query of a step runs on the batch engine first.
func (p *pipeline) onSpark(step components.Step) bool {
	return p.args.Engine != nil && step.Args[0] == featuresCommand
}

// sparkResult is where the engine leaves the result of a run's query.
func (p *pipeline) sparkResult() pulumi.StringInput {
	return pulumi.Sprintf("%s/%s/%s", components.ZoneURI(p.args.Lake, components.Features), enginePrefix, runID)
}

// sparkStep runs the query of the features as an application of the Spark operator, and waits until it ends.
func (p *pipeline) sparkStep() (argo.Template, error) {
	p.mu.Lock()
	e := p.engine
	p.mu.Unlock()
	if e == nil {
		return argo.Template{}, fmt.Errorf("engine: want the EngineID of the Features of this target: %w",
			components.ErrConflict)
	}
	query := strings.TrimSuffix(strings.TrimPrefix(e.script, "file://"), scriptKey) + queryFile(p.args.Model)
	app := e.application([]pulumi.StringInput{
		pulumi.Sprintf("%s/runs/%s.json", components.ZoneURI(p.args.Lake, components.Logs), runID),
		components.ZoneURI(p.args.Lake, components.Curated), p.sparkResult(), pulumi.String(query),
	}, *p.args.Retries)
	labels := e.podLabels("application")
	maps.Copy(labels, p.queueLabels(batchPriority))
	manifest := pulumi.JSONMarshal(pulumi.Map{
		"apiVersion": pulumi.String(spark.APIVersion), "kind": pulumi.String(spark.Kind), "spec": object.Input(app),
		"metadata": pulumi.Map{
			"name": pulumi.String("{{workflow.name}}-" + engineStep), "namespace": pulumi.String(p.namespace),
			"labels": pulumi.ToStringMap(labels),
		},
	})
	return argo.Template{Name: engineStep, Resource: &argo.Resource{
		Action: "create", Manifest: manifest, SetOwnerReference: true,
		SuccessCondition: "status.applicationState.state == COMPLETED",
		FailureCondition: "status.applicationState.state == FAILED",
	}}, nil
}
