package stacks

import (
	"errors"
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
	// Plan says that nothing is going to be made: what a target would need on this machine may be missing.
	Plan bool
}

// TargetNames lists the targets that the product has, whether this build holds them or not.
func TargetNames() []string { return []string{"local", "aws", "kubernetes"} }

// compiled lists the targets that this build holds. Each has a file of its own with a build tag.
func compiled() map[string]builder {
	all := map[string]builder{}
	for name, build := range map[string]builder{
		"local": localTarget, "aws": awsTarget, "kubernetes": kubernetesTarget,
	} {
		if build != nil {
			all[name] = build
		}
	}
	return all
}

// ErrNotInBuild means that the program was compiled without the target of the stack.
var ErrNotInBuild = errors.New("is not in this build")

// newTarget makes the target that a stack asks for.
func newTarget(p place, c *Config) (components.Target, error) {
	build, ok := compiled()[c.Target]
	if !ok {
		return nil, fmt.Errorf("the target %s of stack %s %w, which holds %s; build with -tags %s",
			c.Target, p.Stack, ErrNotInBuild, strings.Join(slices.Sorted(maps.Keys(compiled())), ", "), c.Target)
	}
	return build(p, c)
}
