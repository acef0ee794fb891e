package rules

import (
	"slices"
	"strings"
)

// TakesFrom reports whether a property takes its value from a resource of one of the types; from any where none is
// given. It asks the URN, so that it also works where a resource is judged alone.
func (c *Check) TakesFrom(path string, types ...string) bool {
	c.read(path)
	if c.Resource == nil {
		return false
	}
	return slices.ContainsFunc(c.Resource.PropertyDependencies[root(path)], func(urn string) bool {
		return len(types) == 0 || slices.Contains(types, typeOfURN(urn))
	})
}

// typeOfURN is the type token in a URN, without the types of its parents and the version of an API.
func typeOfURN(urn string) string {
	parts := strings.SplitN(urn, "::", 4)
	if len(parts) < 4 {
		return ""
	}
	token := parts[2][strings.LastIndexByte(parts[2], '$')+1:]
	normal, _ := SplitToken(token)
	return normal
}

// Given tells whether something stands at a path: it is Maybe where the value is not known yet and comes from no
// resource, for then it may turn out to be nothing.
func (c *Check) Given(path string) Tri {
	v := c.Get(path)
	switch {
	case v.IsUnknown() && !c.TakesFrom(path):
		return Maybe
	case v.Empty():
		return No
	default:
		return Yes
	}
}
