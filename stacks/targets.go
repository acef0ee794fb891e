package stacks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/components"
)

// builder makes a target from the configuration of a stack.
type builder func(place, *Config) (components.Target, error)

// place says which project and stack a target is built for, and where.
type place struct {
	// Project and Stack are Pulumi's names for them.
	Project, Stack string
	// Root is the absolute path of the project's directory.
	Root string
}

// TargetNames lists the targets that the product has, whether this build holds them or not.
func TargetNames() []string { return []string{"local", "aws"} }

// compiled lists the targets that this build holds. Each has a file of its own with a build tag.
func compiled() map[string]builder {
	all := map[string]builder{}
	for name, build := range map[string]builder{"local": localTarget, "aws": awsTarget} {
		if build != nil {
			all[name] = build
		}
	}
	return all
}

// newTarget makes the target that a stack asks for.
func newTarget(p place, c *Config) (components.Target, error) {
	build, ok := compiled()[c.Target]
	if !ok {
		return nil, fmt.Errorf("the target %s of stack %s is not in this build, which holds %s; build with -tags %s",
			c.Target, p.Stack, strings.Join(slices.Sorted(maps.Keys(compiled())), ", "), c.Target)
	}
	return build(p, c)
}
