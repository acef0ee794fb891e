// Package kubernetes is the target that puts the platform into a namespace of a cluster that is there already: on one's
// own machines, kind, or a shared cluster of a cloud. The targets of the clouds use it for the workload half on the
// clusters that they make.
//
// What the cluster has stands in the stack file, and so a plan needs no cluster; where there is a way to it, Inspect
// asks the cluster whether it is true, before anything is made.
package kubernetes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

// Name of the target in a stack file.
const Name = "kubernetes"

// Options say where the target builds.
type Options struct {
	// Scope says for whom the target builds.
	Scope components.Scope
	// Settings describe the cluster.
	Settings settings.Settings
	// Provider leads into a cluster that the caller makes. Default the context of the settings.
	Provider pulumi.ProviderResource
	// DataClass is the value of the label data-class. Default internal.
	DataClass string
	// Credentials is the range of addresses from which pods get credentials of a cloud, on port 80. Default none.
	Credentials string
	// Look asks the cluster what it serves. Default nobody asks.
	Look Look
}

// Target implements components.Target on Kubernetes.
type Target struct {
	options   Options
	settings  settings.Settings
	namespace string

	mu       sync.Mutex
	provider pulumi.ProviderResource
	space    pulumi.Resource            // the namespace; nil before Begin
	charts   map[string]pulumi.Resource // what Begin installs, by operator
	queue    string                     // where jobs wait; "" where nothing queues
	admits   amounts                    // what the queue of the stack lets run at a time; nothing where it makes none
	ranked   bool                       // the stack makes priorities for jobs
	engine   *engine                    // makes features on Spark; nil where a step does
	store    *online                    // keeps the newest row of each key; nil where nothing does
	tuned    bool                       // a search for parameters goes before the training
	rights   map[string][]string        // what the lake's owner must allow, by identity
	accounts map[string]bool            // the service accounts that were made
}

var _ components.Target = (*Target)(nil)

// New makes the target. Errors: ErrRequired, ErrChoice, ErrConflict and ErrRange for settings, each with its key.
func New(o *Options) (*Target, error) {
	s, err := fill(o.Settings, o.Scope, o.Provider != nil)
	if err != nil {
		return nil, err
	}
	t := &Target{
		options: *o, settings: s, namespace: s.Namespace, provider: o.Provider, queue: s.Queue,
		charts: map[string]pulumi.Resource{}, rights: map[string][]string{},
		accounts: map[string]bool{},
	}
	if t.options.DataClass == "" {
		t.options.DataClass = "internal"
	}
	return t, nil
}

// Name implements components.Target.
func (*Target) Name() string { return Name }

// Scope implements components.Target.
func (t *Target) Scope() components.Scope { return t.options.Scope }

// Namespace is where the target builds.
func (t *Target) Namespace() string { return t.namespace }

// Begin makes the way into the cluster and the namespace that holds everything else.
func (t *Target) Begin(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
	if t.provider == nil {
		provider, err := object.NewContextProvider(ctx, name, t.settings.Context, opts...)
		if err != nil {
			return err
		}
		t.provider = provider
	}
	l := t.layer(ctx, components.NetworkLayer, name, opts)
	labels := l.labels()
	for _, mode := range []string{"enforce", "audit", "warn"} {
		labels["pod-security.kubernetes.io/"+mode] = "restricted"
	}
	space, err := object.New(ctx, name+"-namespace", "v1", "Namespace",
		object.Metadata{Name: t.namespace, Labels: labels}, nil, l.Options...)
	t.space = space
	return err
}

// Finish shows where the platform is, and what the owner of the lake has to allow. Errors: ErrChoice for an identity of
// a workload that is not there.
func (t *Target) Finish(*pulumi.Context, string, ...pulumi.ResourceOption) (pulumi.Map, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(t.settings.Identity.Accounts)) {
		if !t.accounts[name] {
			return nil, fmt.Errorf("kubernetes.identity.accounts: found %q, want one of %s: %w", name,
				strings.Join(slices.Sorted(maps.Keys(t.accounts)), ", "), components.ErrChoice)
		}
	}
	rights := pulumi.Map{}
	for identity, zones := range t.rights {
		rights[identity] = pulumi.ToStringArray(zones)
	}
	return pulumi.Map{
		"context": pulumi.String(t.settings.Context), "namespace": pulumi.String(t.namespace), "lakeAccess": rights,
	}, nil
}

// GrantLake makes nothing in the cluster: the store has its own policies, or is a disk that all workloads share. What
// they need of it is an output of the stack, for whoever owns the store.
func (t *Target) GrantLake(
	_ *pulumi.Context, name string, g *components.LakeGrant, _ ...pulumi.ResourceOption,
) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, zone := range g.Zones {
		t.rights[name] = append(t.rights[name], fmt.Sprintf("%s %s", g.Access, t.zone(zone)))
	}
	return nil
}

// GrantRegistry makes nothing: images are pulled by the nodes, and the records of training lie in the lake.
func (*Target) GrantRegistry(
	*pulumi.Context, string, *components.RegistryGrant, ...pulumi.ResourceOption,
) error {
	return nil
}

// refuse joins what is wrong with arguments or settings, each with its key.
type refuse struct{ problems []error }

func (r *refuse) add(sentinel error, key string, found any, want string) {
	r.problems = append(r.problems, fmt.Errorf("target kubernetes: %s: found %q, want %s: %w",
		key, fmt.Sprint(found), want, sentinel))
}

func (r *refuse) err() error { return errors.Join(r.problems...) }
