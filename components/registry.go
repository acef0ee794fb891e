package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// RegistryArgs describe where models, images and the records of training live.
type RegistryArgs struct {
	// Model is the name of the model whose versions are registered. Required.
	Model string `pulumi:"model"`
	// Models is the address of the models zone: the registry itself. Required.
	Models pulumi.StringInput `pulumi:"models"`
	// Repositories are the container repositories to make. Default training-image and inference-image.
	Repositories []string `pulumi:"repositories"`
	// KeepVersions is the number of images that each repository keeps, 1 to 1000. Default 10 in dev, 30 in stage, 100
	// in prod.
	KeepVersions int `pulumi:"keepVersions"`
	// Scan looks for known weaknesses in every image that is pushed. Default on.
	Scan *bool `pulumi:"scan"`
	// Retain keeps the table and the images when the stack is destroyed. Default only in prod.
	Retain *bool `pulumi:"retain"`
	// Key encrypts table and images: that of the data class tables. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
}

func (a *RegistryArgs) setDefaults(s Scope) {
	preset := PresetFor(s.Environment)
	if len(a.Repositories) == 0 {
		a.Repositories = []string{"training-image", "inference-image"}
	}
	setDefault(&a.KeepVersions, preset.KeepVersions)
	setDefaultPtr(&a.Scan, true)
	setDefaultPtr(&a.Retain, preset.Retain)
}

func (a *RegistryArgs) validate(c *checker) {
	c.named("model", a.Model)
	c.required("models", a.Models != nil, "the address of the models zone")
	for i, repository := range a.Repositories {
		c.named(fmt.Sprintf("repositories[%d]", i), repository)
	}
	inRange(c, "keepVersions", a.KeepVersions, 1, 1000)
}

// RegistryOutputs are what the other layers need of a registry.
type RegistryOutputs struct {
	// URI of the model registry: that of the models zone.
	URI pulumi.StringOutput `pulumi:"uri"`
	// RepositoryURIs are the addresses of the container repositories; empty where images are plain programs.
	RepositoryURIs pulumi.StringMapOutput `pulumi:"repositoryUris"`
	// TableURI is the address of the metadata table: one row per training job with its version, metrics and time.
	TableURI pulumi.StringOutput `pulumi:"tableUri"`
	// GroupID identifies the platform's own model registry; "" where it has none.
	GroupID pulumi.StringOutput `pulumi:"groupId,optional"`
}

// Registry holds models, images and the records of training.
type Registry struct {
	pulumi.ResourceState
	RegistryOutputs
	target Target
	name   string
	key    pulumi.StringInput
}

// NewRegistry declares a registry. Errors: ErrRequired, ErrName, ErrRange, ErrUnsupported.
func NewRegistry(
	ctx *pulumi.Context, name string, target Target, args *RegistryArgs, opts ...pulumi.ResourceOption,
) (*Registry, error) {
	r := &Registry{target: target, name: name}
	if args != nil {
		r.key = args.Key
	}
	c := construction{ctx, RegistryLayer, name, target, r, opts}
	if err := construct(c, args, target.Registry, &r.RegistryOutputs); err != nil {
		return nil, err
	}
	return r, nil
}

// RegistryGrant is what a target needs to know to give access to a registry.
type RegistryGrant struct {
	// Registry is the name of the registry's component.
	Registry string
	// TableURI and RepositoryURIs of the registry.
	TableURI pulumi.StringOutput
	// RepositoryURIs of the registry.
	RepositoryURIs pulumi.StringMapOutput
	// Key encrypts table and images; nil for the platform's own.
	Key pulumi.StringInput
	// Identity gets the access: the Identity output of a workload.
	Identity pulumi.StringInput
	// Access is what it may do with the table; images may always be pulled and never pushed.
	Access Access
}

// Grant gives the identity of a workload access to the metadata table and lets it pull images. name tells grants on
// the same registry apart. Errors: ErrChoice, ErrRequired, ErrName.
func (r *Registry) Grant(ctx *pulumi.Context, name string, identity pulumi.StringInput, access Access) error {
	c := &checker{layer: RegistryLayer, name: r.name}
	c.named("grant", name)
	c.required("identity", identity != nil, "the Identity output of a workload")
	oneOf(c, "access", access, Read, Write, ReadWrite)
	if err := c.err(); err != nil {
		return err
	}
	grant := &RegistryGrant{
		Registry: r.name, TableURI: r.TableURI, RepositoryURIs: r.RepositoryURIs, Key: r.key, Identity: identity,
		Access: access,
	}
	if err := r.target.GrantRegistry(ctx, r.name+"-"+name, grant, pulumi.Parent(r)); err != nil {
		return fmt.Errorf("granting %s on the registry %q to %q: %w", access, r.name, name, err)
	}
	return nil
}
