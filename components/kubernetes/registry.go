package kubernetes

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Registry is the models zone, in which the aliases lie too, and the repositories that the stack file names; the
// registry itself scans and tidies. The records of training are the run records in the logs zone: a table that all pods
// write would need a database, which a cluster has not by itself.
func (t *Target) Registry(
	_ *pulumi.Context, _ string, args *components.RegistryArgs, _ ...pulumi.ResourceOption,
) (*components.RegistryOutputs, error) {
	repositories := pulumi.StringMap{}
	if prefix := strings.TrimSuffix(t.settings.Registry, "/"); prefix != "" {
		for _, repository := range args.Repositories {
			repositories[repository] = pulumi.String(prefix + "/" + repository)
		}
	}
	return &components.RegistryOutputs{
		URI: args.Models.ToStringOutput(), RepositoryURIs: repositories.ToStringMapOutput(),
		TableURI: text(t.zone(components.Logs) + "/runs"), GroupID: text(""),
	}, nil
}
