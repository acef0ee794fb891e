package rules

import (
	"slices"
	"strings"
	"sync"
)

// Resource is a resource as a program registers it.
type Resource struct {
	// URN names the resource in its stack.
	URN string
	// Type is the token that rules are written for; NewGraph takes the version of the API out of it.
	Type string
	// APIVersion stood in the token, e.g. v20230101; "" where there was none.
	APIVersion string
	// Name is the logical name.
	Name string
	// ID is the provider's id; "" before the resource exists.
	ID string
	// Custom tells resources of a provider from components.
	Custom bool
	// Properties are the inputs. Where only the outputs are known, as for a whole stack inside the engine, those.
	Properties Value
	// Outputs are what the provider returned, where the source knows it; absent else.
	Outputs Value
	// Parent is the URN of the parent; "" for the stack.
	Parent string
	// Provider is the provider that manages it; empty where the source does not know it.
	Provider Provider
	// Dependencies are the URNs that must be there first.
	Dependencies []string
	// PropertyDependencies are the URNs that each property takes values from.
	PropertyDependencies map[string][]string
	// Options as far as the source knows them.
	Options ResourceOptions
}

// Provider is the provider resource that manages another one.
type Provider struct {
	URN, Name, Type string
	// Properties is the provider's configuration, such as its region or its default tags.
	Properties Value
}

// Default reports whether the provider is the implicit one, which takes its settings from the surroundings.
func (p Provider) Default() bool { return strings.HasPrefix(p.Name, "default") }

// ResourceOptions are the options of a resource.
type ResourceOptions struct {
	// Protect refuses to delete the resource.
	Protect bool
	// RetainOnDelete leaves it behind when the stack is destroyed.
	RetainOnDelete bool
	// IgnoreChanges are properties whose changes do not count.
	IgnoreChanges []string
	// AdditionalSecretOutputs are outputs to be kept secret.
	AdditionalSecretOutputs []string
}

// Cloud is the platform that the resource belongs to; "" for components and other providers.
func (r *Resource) Cloud() Cloud { return CloudOf(r.Type) }

// Graph is all resources of a stack. It does not change after NewGraph; rules may read it in parallel.
type Graph struct {
	resources []*Resource
	places    map[string]int // in resources, by URN
	byType    map[string][]*Resource

	mu    sync.Mutex
	links map[linkKey]*linkIndex
	memos sync.Map
}

// NewGraph indexes resources. It takes them over, normalises their types and sorts them by URN.
func NewGraph(resources []*Resource) *Graph {
	g := &Graph{
		resources: slices.Clone(resources),
		places:    make(map[string]int, len(resources)),
		byType:    map[string][]*Resource{},
		links:     map[linkKey]*linkIndex{},
	}
	slices.SortStableFunc(g.resources, func(a, b *Resource) int { return strings.Compare(a.URN, b.URN) })
	for i, r := range g.resources {
		if normal, version := SplitToken(r.Type); version != "" {
			r.Type, r.APIVersion = normal, version
		}
		if _, twice := g.places[r.URN]; !twice {
			g.places[r.URN] = i
		}
		g.byType[r.Type] = append(g.byType[r.Type], r)
	}
	return g
}

// Resources are all resources, sorted by URN. The caller must not change the list.
func (g *Graph) Resources() []*Resource { return g.resources }

// Resource gives a resource by its URN; nil where there is none.
func (g *Graph) Resource(urn string) *Resource {
	if i, ok := g.places[urn]; ok {
		return g.resources[i]
	}
	return nil
}

// OfType gives the resources of a type, sorted by URN. The caller must not change the list.
func (g *Graph) OfType(typ string) []*Resource { return g.byType[typ] }

// HasType reports whether the graph has a resource of one of the types.
func (g *Graph) HasType(types ...string) bool {
	return slices.ContainsFunc(types, func(typ string) bool { return len(g.byType[typ]) > 0 })
}

// Has reports whether the graph has a resource of the cloud.
func (g *Graph) Has(cloud Cloud) bool {
	for token := range g.byType {
		if CloudOf(token) == cloud {
			return true
		}
	}
	return false
}

// Ancestors gives the parent, its parent and so on. A cycle ends where it closes.
func (g *Graph) Ancestors(r *Resource) []*Resource {
	var all []*Resource
	seen := map[string]bool{r.URN: true}
	for parent := g.Resource(r.Parent); parent != nil && !seen[parent.URN]; parent = g.Resource(parent.Parent) {
		seen[parent.URN] = true
		all = append(all, parent)
	}
	return all
}
