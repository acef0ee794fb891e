package engine_test

import (
	"strings"
	"testing"

	"github.com/mlpathway/mlpathway/tests/engine"
)

// plain is the test program without any change.
func plain() platformOptions { return platformOptions{machine: "large", image: "1"} }

// program is the test program with some of its options changed.
func program(change func(*platformOptions)) engine.Program {
	o := plain()
	change(&o)
	return engine.Inline(platform(o))
}

// TestScenarios takes the test program, with resources of all four providers, through the scenarios.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, environment := range []string{"dev", "prod"} {
		with := func(change func(*platformOptions)) func(*testing.T, *engine.Stack) {
			return func(_ *testing.T, s *engine.Stack) {
				s.Program = program(func(o *platformOptions) {
					o.environment, o.team = environment, strings.TrimSuffix(s.Name, "-"+environment)
					change(o)
				})
			}
		}
		t.Run(environment, func(t *testing.T) {
			t.Parallel()
			engine.Case{
				Make: func(t *testing.T, w *engine.Workspace, team string) *engine.Stack {
					t.Helper()
					s := w.Stack(t, team+"-"+environment, program(func(o *platformOptions) {
						o.environment, o.team = environment, team
					}), nil)
					s.Checkpoints = true
					return s
				},
				InPlace:   with(func(o *platformOptions) { o.tag = "changed" }),
				Replace:   with(func(o *platformOptions) { o.image, o.machine = "2", "xlarge" }),
				Protected: environment == "prod",
			}.Run(t)
		})
	}
}
