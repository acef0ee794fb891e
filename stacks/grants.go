package stacks

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// grant is one row of the table that says who may do what.
type grant struct {
	name     string
	identity pulumi.StringOutput
	access   components.Access
	zones    []components.Zone
}

// grant gives every workload the least that it needs.
func (b *platform) grant() error {
	for _, g := range b.grants() {
		if err := b.lake.Grant(b.ctx, g.name, g.identity, g.access, g.zones...); err != nil {
			return err
		}
	}
	if err := b.registry.Grant(b.ctx, "pipeline", b.pipeline.Identity, components.ReadWrite); err != nil {
		return err
	}
	return b.registry.Grant(b.ctx, "training", b.training.Identity, components.Read)
}

func (b *platform) grants() []grant {
	table := []grant{
		{"pipeline-reads", b.pipeline.Identity, components.Read, []components.Zone{components.Raw}},
		{"pipeline-writes", b.pipeline.Identity, components.ReadWrite, []components.Zone{
			components.Curated, components.Features, components.Models, components.Logs,
		}},
		{"features", b.features.Identity, components.ReadWrite, []components.Zone{components.Features}},
		{"features-reads", b.features.Identity, components.Read, []components.Zone{components.Curated}},
		{"training-reads", b.training.Identity, components.Read, []components.Zone{components.Features}},
		{"training-writes", b.training.Identity, components.ReadWrite, []components.Zone{components.Models, components.Logs}},
		{"endpoint-reads", b.endpoint.Identity, components.Read, []components.Zone{components.Models, components.Results}},
		{"endpoint-captures", b.endpoint.Identity, components.ReadWrite, []components.Zone{components.Logs}},
	}
	if b.warehouse != nil {
		table = append(table, grant{
			"warehouse-reads", b.warehouse.Identity, components.Read, []components.Zone{components.Curated},
		})
	}
	if b.batch != nil {
		table = append(table,
			grant{"batch-reads", b.batch.Identity, components.Read, []components.Zone{components.Features, components.Models}},
			grant{"batch-writes", b.batch.Identity, components.ReadWrite, []components.Zone{components.Results}})
	}
	if b.monitoring != nil {
		table = append(table,
			grant{"monitoring-reads", b.monitoring.Identity, components.Read, []components.Zone{
				components.Logs, components.Models,
			}},
			grant{"monitoring-writes", b.monitoring.Identity, components.ReadWrite, []components.Zone{components.Results}})
	}
	for _, name := range slices.Sorted(maps.Keys(b.jobs)) {
		job := b.config.Jobs[name]
		if len(job.Reads) > 0 {
			table = append(table, grant{name + "-reads", b.jobs[name].Identity, components.Read, job.Reads})
		}
		if len(job.Writes) > 0 {
			table = append(table, grant{name + "-writes", b.jobs[name].Identity, components.ReadWrite, job.Writes})
		}
	}
	if b.workbench != nil {
		table = append(table,
			grant{"workbench-reads", b.workbench.Identity, components.Read, []components.Zone{
				components.Raw, components.Curated, components.Features, components.Models,
			}},
			grant{"workbench-writes", b.workbench.Identity, components.ReadWrite, []components.Zone{components.Results}})
	}
	return table
}
