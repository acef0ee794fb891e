package platform

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
)

// What SageMaker puts into a training container.
// Source: docs.aws.amazon.com, "How Amazon SageMaker Provides Training Information".
const (
	sageMakerConfig      = "/opt/ml/input/config/"
	sageMakerResources   = sageMakerConfig + "resourceconfig.json"
	sageMakerParameters  = sageMakerConfig + "hyperparameters.json"
	sageMakerChannels    = sageMakerConfig + "inputdataconfig.json"
	sageMakerData        = "/opt/ml/input/data"
	sageMakerModel       = "/opt/ml/model"
	sageMakerOutput      = "/opt/ml/output/data"
	sageMakerFailure     = "/opt/ml/output/failure"
	sageMakerCheckpoints = "/opt/ml/checkpoints"
)

// resources is resourceconfig.json, as far as it matters.
type resources struct {
	CurrentHost string   `json:"current_host"`
	Hosts       []string `json:"hosts"`
}

func (e *environment) sageMaker() Place {
	p := Place{Name: SageMaker, Job: e.getenv("TRAINING_JOB_NAME"), World: 1, FailureFile: sageMakerFailure,
		Model:  or(e.getenv("SM_MODEL_DIR"), sageMakerModel),
		Output: or(e.getenv("SM_OUTPUT_DATA_DIR"), sageMakerOutput), Parameters: map[string]string{},
		Inputs: map[string]string{}}
	// SageMaker makes the directory where the job has a CheckpointConfig, and only there it is kept.
	if e.exists(sageMakerCheckpoints) {
		p.Checkpoints = sageMakerCheckpoints
	}
	hosts := e.sageMakerHosts()
	if len(hosts.Hosts) > 0 {
		if p.Rank = slices.Index(hosts.Hosts, hosts.CurrentHost); p.Rank < 0 {
			e.fail("%s: current_host %q is none of hosts %q", sageMakerResources, hosts.CurrentHost, hosts.Hosts)
		}
		p.World = len(hosts.Hosts)
		if p.World > 1 {
			p.Coordinator = address(hosts.Hosts[0], DefaultPort)
		}
	}
	e.json(sageMakerParameters, e.read(sageMakerParameters), &p.Parameters)
	if text := e.getenv("SM_HPS"); text != "" && len(p.Parameters) == 0 {
		var values map[string]any
		e.json("SM_HPS", []byte(text), &values)
		for name, value := range values {
			p.Parameters[name] = plain(value)
		}
	}
	for name, value := range p.Parameters { // the SDK writes each value as JSON, so a text has quotes
		var text string
		if json.Unmarshal([]byte(value), &text) == nil {
			p.Parameters[name] = text
		}
	}
	if p.Parameters["trial"] == "true" {
		p.Trial = or(p.Job, "trial")
	}
	// What the job itself is told is no parameter of a model.
	maps.DeleteFunc(p.Parameters, func(name, _ string) bool {
		return name == "trial" || strings.HasPrefix(name, "sagemaker_") || strings.HasPrefix(name, "_tuning_")
	})
	e.sageMakerInputs(p.Inputs)
	return p
}

func (e *environment) sageMakerHosts() resources {
	var r resources
	if data := e.read(sageMakerResources); data != nil {
		e.json(sageMakerResources, data, &r)
		return r
	}
	e.json("SM_HOSTS", []byte(e.getenv("SM_HOSTS")), &r.Hosts)
	r.CurrentHost = e.getenv("SM_CURRENT_HOST")
	return r
}

// sageMakerInputs lists the channels with their directories.
func (e *environment) sageMakerInputs(inputs map[string]string) {
	var channels map[string]json.RawMessage
	if data := e.read(sageMakerChannels); data != nil {
		e.json(sageMakerChannels, data, &channels)
	} else if text := e.getenv("SM_CHANNELS"); text != "" {
		var names []string
		e.json("SM_CHANNELS", []byte(text), &names)
		channels = map[string]json.RawMessage{}
		for _, name := range names {
			channels[name] = nil
		}
	}
	for name := range channels {
		inputs[name] = or(e.getenv("SM_CHANNEL_"+strings.ToUpper(name)), path.Join(sageMakerData, name))
	}
}

func (e *environment) json(name string, data []byte, into any) {
	if len(data) == 0 {
		return
	}
	if err := json.Unmarshal(data, into); err != nil {
		e.fail("%s: %w", name, err)
	}
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// plain writes a value of JSON as a parameter.
func plain(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	data, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(data)
}
