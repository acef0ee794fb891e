package platform

import (
	"net"
	"strings"
)

// hypertuneFile is where Vertex looks for the metrics of a trial unless a variable says so.
// Source: the source of the package cloudml-hypertune.
const hypertuneFile = "/var/hypertune/output.metrics"

// clusterSpec is CLUSTER_SPEC, as far as it matters.
// Source: cloud.google.com, "Distributed training", environment variables.
type clusterSpec struct {
	Cluster map[string][]string `json:"cluster"`
	Task    struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
		Trial string `json:"trial"`
	} `json:"task"`
}

// pools are the pools of workers whose processes train; the others serve parameters or evaluate.
var pools = []string{"workerpool0", "workerpool1"}

func (e *environment) vertex() Place {
	p := Place{Name: Vertex, World: 1, Job: e.getenv("CLOUD_ML_JOB_ID"), Model: bucketURI(e.getenv("AIP_MODEL_DIR")),
		Checkpoints: bucketURI(e.getenv("AIP_CHECKPOINT_DIR")), Trial: e.getenv("CLOUD_ML_TRIAL_ID"),
		Inputs: map[string]string{}}
	for name, variable := range map[string]string{
		"train": "AIP_TRAINING_DATA_URI", "validation": "AIP_VALIDATION_DATA_URI", "test": "AIP_TEST_DATA_URI",
	} {
		if uri := e.getenv(variable); uri != "" {
			p.Inputs[name] = uri
		}
	}
	var spec clusterSpec
	e.json("CLUSTER_SPEC", []byte(e.getenv("CLUSTER_SPEC")), &spec)
	p.Trial = or(p.Trial, spec.Task.Trial)
	if p.Trial != "" {
		p.MetricFile = or(e.getenv("CLOUD_ML_HP_METRIC_FILE"), hypertuneFile)
	}
	e.vertexRanks(&p, spec)
	return p
}

func (e *environment) vertexRanks(p *Place, spec clusterSpec) {
	var hosts []string
	p.Rank = -1
	for _, pool := range pools {
		if spec.Task.Type == pool {
			p.Rank = len(hosts) + spec.Task.Index
		}
		hosts = append(hosts, spec.Cluster[pool]...)
	}
	if len(hosts) == 0 {
		p.Rank = 0
		return
	}
	p.World = len(hosts)
	if p.Rank < 0 {
		e.fail("CLUSTER_SPEC: this is %s %d: only workers of %s train", spec.Task.Type, spec.Task.Index,
			strings.Join(pools, " and "))
		return
	}
	if p.World > 1 {
		host, port, err := net.SplitHostPort(hosts[0])
		if err != nil {
			host, port = hosts[0], "2222"
		}
		p.Coordinator = net.JoinHostPort(host, port)
	}
}

// bucketURI takes the slash off the end of an address.
func bucketURI(uri string) string { return strings.TrimRight(uri, "/") }

// azureML reads what Azure Machine Learning gives to a command job: MLflow's variables, AZUREML_PARAMETER_<name> in a
// sweep, AZURE_ML_INPUT_<name> and AZURE_ML_OUTPUT_<name> for what is mounted, and torch's variables for several nodes.
// Source: learn.microsoft.com, CommandJob, "Train models with a job", "Distributed GPU training".
func (e *environment) azureML() Place {
	p := Place{Name: AzureML, Job: e.getenv("AZUREML_RUN_ID"), Inputs: e.prefixed("AZURE_ML_INPUT_"),
		Parameters: map[string]string{}, Tracking: Tracking{Run: e.getenv("AZUREML_RUN_ID")}}
	for name, value := range e.prefixed("AZUREML_PARAMETER_") {
		if _, input := p.Inputs[name]; !input {
			p.Parameters[name] = value
		}
	}
	if len(p.Parameters) > 0 {
		p.Trial = p.Job
	}
	outputs := e.prefixed("AZURE_ML_OUTPUT_")
	p.Outputs = outputs
	p.Model, p.Checkpoints, p.Output = outputs["model"], outputs["checkpoints"], outputs["output"]
	e.ranks(&p)
	return p
}
