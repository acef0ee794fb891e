package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/argo"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
	"github.com/mlpathway/mlpathway/components/kubernetes/spark"
)

// definitionKey is the file of a pipeline's ConfigMap.
const definitionKey = "pipeline.yaml"

// runID is the id of a run, in the form of training-image run-id.
const runID = "{{workflow.creationTimestamp.Y}}{{workflow.creationTimestamp.m}}{{workflow.creationTimestamp.d}}" +
	"T{{workflow.creationTimestamp.H}}{{workflow.creationTimestamp.M}}{{workflow.creationTimestamp.S}}.000Z"

// Pipeline is a template of Argo Workflows: one pod for each step, and for the training step a job of the Training
// layer, which waits in the queue. The clock starts it as a CronWorkflow, new data a watcher that asks Argo's server.
func (t *Target) Pipeline(
	ctx *pulumi.Context, name string, args *components.PipelineArgs, opts ...pulumi.ResourceOption,
) (*components.PipelineOutputs, error) {
	p := &pipeline{layer: t.layer(ctx, components.PipelineLayer, name, opts), args: args}
	if err := p.check(); err != nil {
		return nil, err
	}
	identity, err := p.account()
	if err != nil {
		return nil, err
	}
	if err := p.define(); err != nil {
		return nil, err
	}
	if err := p.executor(); err != nil {
		return nil, err
	}
	w, err := p.workflow()
	if err != nil {
		return nil, err
	}
	p.template, err = p.named(argo.APIVersion, argo.TemplateKind, nil, object.Metadata{Name: name}, spec(w),
		p.operated(charts.ArgoWorkflows, charts.JobSet, charts.SparkOperator)...)
	if err != nil {
		return nil, err
	}
	triggers := pulumi.StringMap{}
	if args.Schedule != "" {
		if triggers["schedule"], err = p.clock(); err != nil {
			return nil, err
		}
	}
	if args.EventSource != nil {
		if triggers["data"], err = p.watch(); err != nil {
			return nil, err
		}
	}
	return &components.PipelineOutputs{
		PipelineID: p.Known(name, p.template), DefinitionURI: p.definition, TriggerIDs: triggers.ToStringMapOutput(),
		Identity: identity,
	}, nil
}

// pipeline is what is made of a pipeline so far.
type pipeline struct {
	*layer
	args       *components.PipelineArgs
	definition pulumi.StringOutput // the address of pipeline.yaml
	// definitionName is its ConfigMap.
	definitionName string
	secret         string // variables that nobody may see; "" for none
	template       pulumi.Resource
}

func (p *pipeline) check() error {
	if len(p.settings.Access.APIServers) == 0 {
		return fmt.Errorf("kubernetes.access.apiServers: found nothing, want the addresses of the cluster's API, such as "+
			"10.0.0.1/32: Argo tells it how steps end: %w", components.ErrRequired)
	}
	if p.args.OnDrift {
		return fmt.Errorf("onDrift: found true, want false: nothing in a cluster hears of drift but people, by an alert: %w",
			components.ErrUnsupported)
	}
	return p.need(charts.ArgoWorkflows)
}

// define makes the ConfigMap with pipeline.yaml. It is named after its content: what runs keeps what it began with.
func (p *pipeline) define() error {
	sum := sha256.Sum256([]byte(p.args.Definition))
	name := p.Part(hex.EncodeToString(sum[:])[:8])
	made, err := p.named("v1", "ConfigMap", []string{"definition"}, object.Metadata{Name: name}, map[string]any{
		"data": map[string]string{definitionKey: p.args.Definition},
	})
	if err != nil {
		return err
	}
	p.definition, p.definitionName = p.Known(fileURI(name, definitionKey), made), name
	if p.args.Warehouse == nil {
		return nil
	}
	p.secret = p.Part("secrets")
	_, err = p.named("v1", "Secret", []string{"secrets"}, object.Metadata{Name: p.secret}, map[string]any{
		"type": "Opaque", "stringData": pulumi.StringMap{"MLPATHWAY_WAREHOUSE": p.args.Warehouse},
	})
	return err
}

// executor is whom Argo's own container in each pod runs as: it reports how a step ended and makes training jobs. Its
// token is in that container alone, not in the step's.
func (p *pipeline) executor() error {
	name := p.Part("executor")
	rules := []api.Rule{{
		APIGroups: []string{argo.Group}, Resources: []string{"workflowtaskresults"}, Verbs: []string{"create", "patch"},
	}, {
		APIGroups: []string{"jobset.x-k8s.io"}, Resources: []string{"jobsets"}, Verbs: []string{"create", "get", "watch"},
	}}
	if p.settings.Trainer == asTrainJob {
		rules = append(rules, api.Rule{
			APIGroups: []string{"trainer.kubeflow.org"}, Resources: []string{"trainjobs"},
			Verbs: []string{"create", "get", "watch"},
		})
	}
	if p.args.Engine != nil {
		rules = append(rules, api.Rule{
			APIGroups: []string{spark.Group}, Resources: []string{"sparkapplications"},
			Verbs: []string{"create", "get", "watch"},
		})
	}
	if _, err := p.accountFor(name, rules...); err != nil {
		return err
	}
	m := object.Metadata{
		Name: name + ".service-account-token", Annotations: map[string]string{"kubernetes.io/service-account.name": name},
	}
	_, err := p.named("v1", "Secret", []string{"executor"}, m, map[string]any{
		"type": "kubernetes.io/service-account-token",
	})
	if err != nil {
		return err
	}
	return p.policy("api", api.NetworkPolicy{
		PodSelector: api.Selector{MatchLabels: map[string]string{instanceLabel: p.Component}},
		PolicyTypes: []string{"Egress"},
		Egress:      []api.Egress{p.toAPI()},
	})
}

// environment is what every step is told.
func (p *pipeline) environment() pulumi.StringMap {
	environment := components.ZoneVariables(p.args.Lake, components.Zones()...)
	maps.Copy(environment, pulumi.StringMap{
		"MLPATHWAY_PIPELINE": p.definition, "MLPATHWAY_MODEL": pulumi.String(p.args.Model),
		"MLPATHWAY_RUN": pulumi.String(runID),
	})
	return environment
}

// clock starts runs by the clock, never twice at a time.
func (p *pipeline) clock() (pulumi.StringInput, error) {
	made, err := p.object(argo.APIVersion, argo.CronKind, nil, spec(argo.Cron{
		Schedules: []string{p.args.Schedule}, Timezone: "Etc/UTC", ConcurrencyPolicy: "Forbid",
		StartingDeadlineSeconds: 600, SuccessfulJobsHistoryLimit: 3, FailedJobsHistoryLimit: 3,
		WorkflowSpec: argo.Workflow{WorkflowTemplateRef: &api.NameRef{Name: p.Component}},
	}), pulumi.DependsOn([]pulumi.Resource{p.template}))
	return p.Known(p.args.Schedule, made), err
}
