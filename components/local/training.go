package local

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// template is what the local pipeline needs to know of a training job.
type template struct {
	Command     []string          `json:"command"`
	Digest      string            `json:"digest"`
	Environment map[string]string `json:"environment,omitempty"`
}

// Training makes no resource: the job is a step of the pipeline, a process that has the machine to itself.
func (t *Target) Training(
	_ *pulumi.Context, _ string, args *components.TrainingArgs, _ ...pulumi.ResourceOption,
) (*components.TrainingOutputs, error) {
	if args.Nodes > 1 {
		return nil, fmt.Errorf("nodes: found %d, want 1 on one machine: %w", args.Nodes, components.ErrUnsupported)
	}
	image, err := t.program(args.Image)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(template{
		Command: append([]string{image.path}, args.Args...), Digest: image.digest, Environment: args.Environment,
	})
	return &components.TrainingOutputs{Template: text(string(data)), Identity: text(identity)}, err
}
