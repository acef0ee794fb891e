// Package provider is the project's own Pulumi provider. It gives the local target its resources: directories, files,
// ports and tokens on this machine, and processes under the supervision of process-compose.
//
// Every resource adopts what a killed run left behind, touches nothing in a preview, and is seen as gone by a refresh
// when it no longer exists, so that the next up mends it.
package provider

import (
	"context"
	"fmt"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// Name is the name of the Pulumi package; Version is the version of its schema.
const (
	Name    = "mlpathway"
	Version = "0.1.0"
)

// New builds the provider. Each one remembers the ports that it has handed out, so use one per process.
func New() (p.Provider, error) {
	built, err := infer.NewProviderBuilder().
		WithDisplayName("mlpathway").
		WithDescription("Machine-learning platform resources on one machine.").
		WithLicense("Apache-2.0").
		WithRepository("https://github.com/mlpathway/mlpathway").
		WithNamespace("mlpathway").
		WithModuleMap(map[tokens.ModuleName]tokens.ModuleName{"provider": "local"}).
		WithResources(
			infer.Resource(&Directory{}),
			infer.Resource(&File{}),
			infer.Resource(&Port{ports: newPortBook()}),
			infer.Resource(&Token{}),
			infer.Resource(&Process{}),
			infer.Resource(&Supervisor{}),
			infer.Resource(&Ready{}),
		).
		Build()
	if err != nil {
		return p.Provider{}, fmt.Errorf("building the provider %s: %w", Name, err)
	}
	return seeVersion(built), nil
}

// seeVersion lets the diff of a Process see its version. The library takes every input of that name for the version of
// the provider and withholds it.
func seeVersion(provider p.Provider) p.Provider {
	const process, version = "mlpathway:local:Process", "version"
	diff := provider.Diff
	provider.Diff = func(ctx context.Context, req p.DiffRequest) (p.DiffResponse, error) {
		response, err := diff(ctx, req)
		if err != nil || req.Urn.Type() != process {
			return response, err
		}
		old, wanted := text(req.State.Get(version)), text(req.Inputs.Get(version))
		if old != wanted {
			d := differ{changed: response.DetailedDiff}
			d.update(version, true)
			deleteFirst := response.DeleteBeforeReplace
			response = d.response()
			response.DeleteBeforeReplace = deleteFirst
		}
		return response, nil
	}
	return provider
}

// text gives a string property; one that is not known yet differs from every known one.
func text(value property.Value) string {
	switch {
	case value.IsString():
		return value.AsString()
	case value.HasComputed():
		return "unknown"
	}
	return ""
}
