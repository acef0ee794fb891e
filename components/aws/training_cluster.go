package aws

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/internal/clusterjob"
)

// trainOnCluster describes the training as a JobSet, which waits in a queue of the cluster. A step of the pipeline
// makes it and waits for it, from inside the network: Step Functions itself reaches no private control plane.
// Source: docs.aws.amazon.com/step-functions, Create and manage Amazon EKS clusters: only public access is supported.
func (t *Target) trainOnCluster(
	ctx *pulumi.Context, name string, args *components.TrainingArgs, opts []pulumi.ResourceOption,
) (*components.TrainingOutputs, error) {
	c := t.cluster
	if c == nil {
		return nil, fmt.Errorf("queue: found one, want none, or a cluster in the stack file: %w", components.ErrConflict)
	}
	if longest := longestStep / 60; args.MaxRuntimeMinutes > longest {
		return nil, fmt.Errorf("maxRuntimeMinutes: found %d, want at most %d: the step that waits for a job on the cluster "+
			"runs no longer: %w", args.MaxRuntimeMinutes, longest, components.ErrRange)
	}
	l := t.layer(ctx, components.TrainingLayer, name, opts)
	id, bound, err := l.podRole("Trains models on the cluster")
	if err != nil {
		return nil, err
	}
	outputs, err := c.space.Training(ctx, name, args, c.hosts(opts, bound)...)
	if err != nil {
		return nil, err
	}
	t.launches = true
	outputs.Identity = id.ARN
	outputs.Template = pulumi.All(outputs.Template, args.Queue, c.plane.Endpoint,
		c.plane.CertificateAuthority.Data().Elem()).ApplyT(func(all []any) (string, error) {
		if err := c.fits(all[1].(string), args); err != nil {
			return "", err
		}
		jobs, err := jobsOf(all[0].(string))
		if err != nil {
			return "", err
		}
		data, err := json.Marshal(trainingTemplate{Launch: &clusterjob.Description{
			Jobs: jobs, Cluster: clusterjob.Cluster{
				Kind: clusterjob.EKS, Name: c.clusterName(), Region: c.options.Region, Endpoint: all[2].(string),
				Authority: all[3].(string),
			},
		}})
		return string(data), err
	}).(pulumi.StringOutput)
	return outputs, nil
}

// jobsOf gives the jobs of a template: one, or those of a list.
func jobsOf(template string) ([]map[string]any, error) {
	var list struct {
		Items []map[string]any `json:"items"`
	}
	if err := json.Unmarshal([]byte(template), &list); err != nil || len(list.Items) > 0 {
		return list.Items, err
	}
	var job map[string]any
	err := json.Unmarshal([]byte(template), &job)
	return []map[string]any{job}, err
}

// fits refuses a job that would wait in its queue for ever.
func (c *cluster) fits(queue string, args *components.TrainingArgs) error {
	at := slices.IndexFunc(c.args.Pools, func(p components.NodePool) bool { return p.Name == queue })
	if at < 0 {
		return fmt.Errorf("queue: found %q, want that of a pool: %q: %w", queue, poolNames(c.pools), components.ErrChoice)
	}
	wrong := func(sentinel error, arg string, found any, format string, more ...any) error {
		return fmt.Errorf("%s: found %v, want %s of the pool %s: %w", arg, found, fmt.Sprintf(format, more...), queue,
			sentinel)
	}
	pool, m := c.args.Pools[at], args.Machine
	capacity := map[bool]string{true: "spot", false: "on-demand"}[*args.Spot]
	i := slices.IndexFunc(c.pools, func(p nodePool) bool { return p.pool == queue && p.capacity == capacity })
	switch {
	case i < 0:
		return wrong(components.ErrConflict, "spot", *args.Spot, "%v, or another spotPercent", !*args.Spot)
	case m.Accelerator != pool.Machine.Accelerator:
		return wrong(components.ErrConflict, "machine.accelerator", quoted(m.Accelerator), "%s, which is that",
			quoted(pool.Machine.Accelerator))
	case args.Nodes > c.pools[i].nodes:
		return wrong(components.ErrRange, "nodes", args.Nodes, "at most %d, the %s nodes", c.pools[i].nodes, capacity)
	}
	node := c.pools[i].largest() // the system keeps a part of each for itself
	if m.CPUs >= float64(node.CPUs) || m.MemoryMiB >= node.GiB*1024 || m.Accelerators > node.Accelerators {
		return wrong(components.ErrRange, "machine", fmt.Sprintf("%v processors, %d MiB and %d accelerators", m.CPUs,
			m.MemoryMiB, m.Accelerators), "less than %d processors and %d MiB, and at most %d accelerators, the largest node",
			node.CPUs, node.GiB*1024, node.Accelerators)
	}
	return nil
}

func quoted(a components.Accelerator) string { return fmt.Sprintf("%q", string(a)) }
