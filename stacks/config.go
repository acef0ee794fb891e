// Package stacks reads the configuration of a stack and builds its platform: which layers, in which order, wired how.
package stacks

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
	"github.com/mlpathway/mlpathway/internal/strict"
	"github.com/mlpathway/mlpathway/policies/cost"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// Config is the whole configuration of a stack. Each key stands in stacks/Pulumi.<stack>.yaml as mlpathway:<key>. The
// keys of a layer are the arguments of its constructor; what is left out gets the default of the environment.
type Config struct {
	// Target is the platform to build on. Required.
	Target string `yaml:"target"`
	// Team owns the stack. Required.
	Team string `yaml:"team"`
	// Environment is dev, stage or prod. Required.
	Environment components.Environment `yaml:"environment"`
	// Owner answers for the stack, CostCenter pays for it, Region is where the data must stay.
	Owner string `yaml:"owner"`
	// CostCenter pays for the stack.
	CostCenter string `yaml:"costCenter"`
	// Region is where the data must stay.
	Region string `yaml:"region"`
	// Account is the account, project or subscription to build in; empty on a machine.
	Account string `yaml:"account"`
	// AWS holds what only the target aws asks for.
	AWS AWSSettings `yaml:"aws"`
	// Kubernetes holds what only the target kubernetes asks for.
	Kubernetes settings.Settings `yaml:"kubernetes"`
	// Labels are further tags.
	Labels map[string]string `yaml:"labels"`
	// Pipeline is the path of a pipeline.yaml, relative to the project. Required.
	Pipeline string `yaml:"pipeline"`
	// Images that the workloads run.
	Images Images `yaml:"images"`
	// Off lists layers to leave out: warehouse, batch, monitoring.
	Off []string `yaml:"off"`

	// Compliance names frameworks whose rules become stricter: cis, hipaa, nist, pci, soc2. Default none.
	Compliance []string `yaml:"compliance"`
	// DataClass of the data in the stack, such as public, internal or confidential. Default none.
	DataClass string `yaml:"dataClass"`
	// RequiredTags are tags that every taggable resource must carry. Default those of rule TAG-01.
	RequiredTags []string `yaml:"requiredTags"`
	// MaxAccelerators bounds the accelerators of one machine or node pool; 0 does not. Default 0.
	MaxAccelerators int `yaml:"maxAccelerators"`
	// MonthlyBudgetUSD is what the stack may be expected to cost each month; 0 for no bound. Default 0.
	MonthlyBudgetUSD float64 `yaml:"monthlyBudgetUSD"`
	// MaxCostIncreaseUSD is what one change may add to the expected monthly cost; 0 for no bound. Default 0.
	MaxCostIncreaseUSD float64 `yaml:"maxCostIncreaseUSD"`
	// Usage overrides what the estimate of the cost assumes; docs/cost.md lists the keys. Default by environment.
	Usage map[string]float64 `yaml:"usage"`
	// Allowed lists what rules accept. An empty list accepts everything.
	Allowed Allowed `yaml:"allowed"`

	Network    components.NetworkArgs    `yaml:"network"`
	Security   components.SecurityArgs   `yaml:"security"`
	DataLake   components.DataLakeArgs   `yaml:"dataLake"`
	Warehouse  components.WarehouseArgs  `yaml:"warehouse"`
	Features   components.FeaturesArgs   `yaml:"features"`
	Training   components.TrainingArgs   `yaml:"training"`
	Registry   components.RegistryArgs   `yaml:"registry"`
	Endpoint   components.EndpointArgs   `yaml:"endpoint"`
	Batch      components.BatchArgs      `yaml:"batch"`
	Monitoring components.MonitoringArgs `yaml:"monitoring"`

	// Jobs are further serverless jobs by name. Default none.
	Jobs map[string]components.ProcessingArgs `yaml:"jobs"`
	// Cluster is made where it is given; so are Budget, Workbench and Delivery.
	Cluster *components.ClusterArgs `yaml:"cluster"`
	// Budget is made where it is given.
	Budget *components.BudgetArgs `yaml:"budget"`
	// Workbench is made where it is given.
	Workbench *components.WorkbenchArgs `yaml:"workbench"`
	// Delivery is made where it is given.
	Delivery *components.DeliveryArgs `yaml:"delivery"`
}

// AWSSettings are what the target aws asks for besides region and account.
type AWSSettings struct {
	// PermissionsBoundary is the ARN of a policy that no role of the stack may exceed. Default none.
	PermissionsBoundary string `yaml:"permissionsBoundary"`
	// GitHubProvider is the ARN of the account's OIDC provider for GitHub Actions, of which there can be only one. Default
	// a new one.
	GitHubProvider string `yaml:"githubProvider"`
	// CostAllocationTags activates the stack's tags for billing: in the payer account only, and a day after the first use
	// of the tags. Default off.
	CostAllocationTags bool `yaml:"costAllocationTags"`
	// Airflow lets an environment of Amazon MWAA start the pipeline by the clock, for teams that keep their workflows
	// there. It costs by the hour. Default off.
	Airflow bool `yaml:"airflow"`
	// MLflow adds a tracking server for experiments, which costs by the hour. Default off.
	MLflow bool `yaml:"mlflow"`
	// TrainOnCluster names a pool of the stack's cluster in whose queue the training waits, as a JobSet. Default none:
	// SageMaker trains.
	TrainOnCluster string `yaml:"trainOnCluster"`
	// ServeOnCluster runs the endpoint on the stack's cluster, which the stack file must have; mlpathway:kubernetes then
	// says what else the cluster has, without context, lake and identity. Default off: SageMaker serves.
	ServeOnCluster bool `yaml:"serveOnCluster"`
}

// Allowed lists what rules accept.
type Allowed struct {
	// Regions are names, or globs such as eu-*.
	Regions []string `yaml:"regions"`
	// Sizes are globs of instance types and machine types.
	Sizes []string `yaml:"sizes"`
	// Registries are prefixes of image references.
	Registries []string `yaml:"registries"`
	// CostCenters are the values that a cost-center tag may have.
	CostCenters []string `yaml:"costCenters"`
}

// Images are the images that the workloads run: a program's name on a machine, a reference with a digest elsewhere.
type Images struct {
	// Training is the training image. Default training-image.
	Training string `yaml:"training"`
	// Inference is the inference image. Default inference-image.
	Inference string `yaml:"inference"`
}

// optional lists the layers that Off may name.
var optional = []string{"warehouse", "batch", "monitoring"}

// ReadConfig reads the configuration of a stack from what the engine hands to the program: one text for each key,
// structured values as JSON. project is the namespace of our keys; those of other namespaces are left alone. The error
// lists everything that is wrong, each with key, value and expectation.
func ReadConfig(project, stack string, values map[string]string) (*Config, error) {
	name := "stacks/Pulumi." + stack + ".yaml"
	doc, err := document(project, values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var c Config
	if err := strict.DecodeNode(name, doc, &c); err != nil {
		return nil, err
	}
	if c.Images.Training == "" {
		c.Images.Training = "training-image"
	}
	if c.Images.Inference == "" {
		c.Images.Inference = "inference-image"
	}
	return &c, c.validate(name)
}

// document joins the keys of our namespace to one mapping.
func document(project string, values map[string]string) (*yaml.Node, error) {
	doc := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		ours, ok := strings.CutPrefix(key, project+":")
		if !ok {
			continue
		}
		value, err := node(values[key])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		doc.Content = append(doc.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: ours}, value)
	}
	return doc, nil
}

// node reads one value: an object or a list is JSON, everything else is a scalar as it stands.
func node(value string) (*yaml.Node, error) {
	if !strings.HasPrefix(value, "{") && !strings.HasPrefix(value, "[") {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: value}, nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(value), &doc); err != nil {
		return nil, fmt.Errorf("want JSON: %w", err)
	}
	clearLines(doc.Content[0])
	return doc.Content[0], nil
}

// clearLines forgets the lines of a value that does not stand in a file of its own.
func clearLines(n *yaml.Node) {
	n.Line = 0
	for _, child := range n.Content {
		clearLines(child)
	}
}

func (c *Config) validate(name string) error {
	var problems []error
	check := func(ok bool, key, format string, args ...any) {
		if !ok {
			problems = append(problems, &strict.Problem{File: name, Key: key, Message: fmt.Sprintf(format, args...)})
		}
	}
	check(slices.Contains(TargetNames(), c.Target), "target", "found %q, want one of %s",
		c.Target, strings.Join(TargetNames(), ", "))
	check(c.Team != "", "team", "found nothing, want the name of the team that owns the stack")
	check(c.Environment.Valid(), "environment", "found %q, want dev, stage or prod", c.Environment)
	check(c.Pipeline != "", "pipeline", "found nothing, want the path of a pipeline.yaml")
	for _, layer := range c.Off {
		check(slices.Contains(optional, layer), "off", "found %q, want one of %s", layer, strings.Join(optional, ", "))
	}
	for _, profile := range c.Compliance {
		check(slices.Contains(rules.Profiles(), profile), "compliance", "found %q, want one of %s",
			profile, strings.Join(rules.Profiles(), ", "))
	}
	if pool := c.AWS.TrainOnCluster; pool != "" {
		check(slices.Contains(c.pools(), pool), "aws.trainOnCluster", "found %q, want a pool of the cluster: %q",
			pool, c.pools())
	}
	check(c.MonthlyBudgetUSD >= 0, "monthlyBudgetUSD", "found %v, want 0 or more", c.MonthlyBudgetUSD)
	check(c.MaxCostIncreaseUSD >= 0, "maxCostIncreaseUSD", "found %v, want 0 or more", c.MaxCostIncreaseUSD)
	check(c.MaxAccelerators >= 0, "maxAccelerators", "found %v, want 0 or more", c.MaxAccelerators)
	if err := cost.CheckUsage(c.Usage); err != nil {
		problems = append(problems, &strict.Problem{File: name, Message: err.Error()})
	}
	return errors.Join(problems...)
}

// pools are the names of the cluster's pools; none where there is no cluster.
func (c *Config) pools() []string {
	var names []string
	if c.Cluster != nil {
		for _, pool := range c.Cluster.Pools {
			names = append(names, pool.Name)
		}
	}
	return names
}

// layers lists the layers whose workloads run in the network.
func (c *Config) layers() []components.Layer {
	given := map[components.Layer]bool{
		components.PipelineLayer: true, components.TrainingLayer: true, components.EndpointLayer: true,
		components.FeaturesLayer: true, components.ProcessingLayer: len(c.Jobs) > 0,
		components.WarehouseLayer: c.on("warehouse"), components.BatchLayer: c.on("batch"),
		components.MonitoringLayer: c.on("monitoring"), components.ClusterLayer: c.Cluster != nil,
		components.WorkbenchLayer: c.Workbench != nil,
	}
	return slices.DeleteFunc(components.Layers(), func(l components.Layer) bool { return !given[l] })
}

// on reports whether an optional layer is to be built.
func (c *Config) on(layer string) bool { return !slices.Contains(c.Off, layer) }

// scope says for whom the target builds.
func (c *Config) scope(project string) components.Scope {
	return components.Scope{
		Project: project, Team: c.Team, Environment: c.Environment, Owner: c.Owner, CostCenter: c.CostCenter,
		Residency: c.Region, Labels: c.Labels,
	}
}

// engineConfig is where the language host puts the configuration of the stack.
const engineConfig = "PULUMI_CONFIG"

// fromEngine gives every key of the stack's configuration. The SDK looks up single keys only, and a strict reader has
// to see them all.
func fromEngine() (map[string]string, error) {
	text := os.Getenv(engineConfig)
	if text == "" {
		return map[string]string{}, nil
	}
	var values map[string]string
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, fmt.Errorf("reading the stack's configuration from the engine: %w", err)
	}
	return values, nil
}
