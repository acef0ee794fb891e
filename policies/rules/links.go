package rules

import "slices"

// A bucket's encryption, lifecycle and policy are resources of their own: satellites. A satellite names its main
// resource in a property, and before the deployment that property is mostly unknown. What is known then is which
// resources the property takes its value from, so links are followed by URN first and by value second.

type linkKey struct{ typ, property string }

// linkIndex holds the satellites of one type by what their link property refers to.
type linkIndex struct {
	byURN  map[string][]*Resource
	byName map[string][]*Resource
	// loose are satellites whose link leads nowhere that can be told.
	loose []*Resource
}

// Links is what refers to a resource.
type Links struct {
	// Found are the satellites that belong to the resource, sorted by URN.
	Found []*Resource
	// Unclear are satellites of the type that may belong to it: their link is unknown.
	Unclear []*Resource
}

// maxNamesakes bounds how many satellites may name one resource. Where more do, the name tells nothing, and following
// it from each of many resources with that name would take quadratic time.
const maxNamesakes = 100

// Links finds the resources of a type whose property refers to r. Its cost does not grow with the graph.
func (g *Graph) Links(r *Resource, typ, property string) Links {
	index := g.linkIndex(linkKey{typ, property})
	found := slices.Clone(index.byURN[r.URN])
	for _, name := range identities(r) {
		if len(index.byName[name]) > maxNamesakes {
			return Links{Found: found, Unclear: index.byName[name]}
		}
		for _, satellite := range index.byName[name] {
			if !slices.Contains(found, satellite) {
				found = append(found, satellite)
			}
		}
	}
	return Links{Found: found, Unclear: index.loose}
}

func (g *Graph) linkIndex(key linkKey) *linkIndex {
	g.mu.Lock()
	defer g.mu.Unlock()
	if index := g.links[key]; index != nil {
		return index
	}
	index := &linkIndex{byURN: map[string][]*Resource{}, byName: map[string][]*Resource{}}
	for _, satellite := range g.byType[key.typ] {
		index.add(satellite, key.property)
	}
	g.links[key] = index
	return index
}

func (index *linkIndex) add(satellite *Resource, property string) {
	items := satellite.Properties.Each(property)
	linked := satellite.PropertyDependencies[root(property)]
	for _, urn := range linked {
		index.byURN[urn] = append(index.byURN[urn], satellite)
	}
	for _, item := range items {
		if name, ok := item.Text(); ok {
			index.byName[name] = append(index.byName[name], satellite)
		} else if item.IsUnknown() && len(linked) == 0 {
			index.loose = append(index.loose, satellite)
			return
		}
	}
}

// identities are the texts by which another resource may name r.
func identities(r *Resource) []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(r.ID)
	for _, source := range []Value{r.Properties, r.Outputs} {
		for _, property := range identifying {
			name, _ := source.Key(property).Text()
			add(name)
		}
		if r.Cloud() == Kubernetes {
			name, _ := source.Get("metadata.name").Text()
			add(name)
		}
	}
	return names
}

// identifying are the properties that hold a name or an id of the resource itself, over all providers.
var identifying = []string{
	"id", "arn", "name", "bucket", "selfLink", "accountName", "clusterName", "clusterIdentifier", "vaultName",
	"repositoryId", "datasetId",
}

// Refers gives the resources of the graph that a property of r takes its value from, of one of the types; of any where
// none is given.
func (g *Graph) Refers(r *Resource, path string, types ...string) []*Resource {
	var found []*Resource
	for _, urn := range r.PropertyDependencies[root(path)] {
		target := g.Resource(urn)
		if target != nil && (len(types) == 0 || slices.Contains(types, target.Type)) && !slices.Contains(found, target) {
			found = append(found, target)
		}
	}
	return found
}
