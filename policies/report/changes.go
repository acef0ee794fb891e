package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/plan"
)

// many is how many resources with the same change of a property are told as one.
const many = 4

// common is a change of a property that is the same on many resources, as of a tag.
type common struct {
	plan.PropertyChange
	resources int
}

// together takes out of the changes of resources what is the same on many of them. A resource of which nothing else
// changes is left out. What cannot be changed in place stays with its resource.
func together(changes []plan.Change) (same []common, rest []plan.Change) {
	key := func(p plan.PropertyChange) string { return fmt.Sprintf("%s\x00%v\x00%v", p.Path, p.Before, p.After) }
	counts := map[string]int{}
	for _, c := range changes {
		for _, p := range c.Properties {
			if !p.Replace {
				counts[key(p)]++
			}
		}
	}
	told := map[string]bool{}
	for _, c := range changes {
		left := c
		left.Properties = nil
		for _, p := range c.Properties {
			k := key(p)
			switch {
			case counts[k] < many:
				left.Properties = append(left.Properties, p)
			case !told[k]:
				told[k] = true
				same = append(same, common{p, counts[k]})
			}
		}
		if len(left.Properties) > 0 {
			rest = append(rest, left)
		}
	}
	slices.SortStableFunc(same, func(a, b common) int { return strings.Compare(a.Path, b.Path) })
	return same, rest
}

// line says what changes.
func (c *common) line(arrow string) string {
	return c.Path + ": " + short(c.Before) + " " + arrow + " " + short(c.After)
}
