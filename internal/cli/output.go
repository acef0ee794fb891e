package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// newOutput prints one output of a stack, for use in a command line.
func newOutput(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "output NAME",
		Short: "Print one output of the stack, such as endpoint or dashboard",
		Long: `Prints one output of the stack and nothing else, for use in a command line:

  curl -s "$(mlpathway output endpoint)/model"`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.open()
			if err != nil {
				return err
			}
			if s.local && !s.exists() {
				return fmt.Errorf("the stack %s is not up: bin/mlpathway up -s %s", s.name, s.name)
			}
			p, restore, err := a.pulumi(s, "")
			if err != nil {
				return err
			}
			defer restore()
			o, err := p.outputs(c.Context(), s)
			if err != nil {
				return err
			}
			value, ok := o.All[args[0]]
			if !ok {
				return fmt.Errorf("the stack %s has no output %q; it has %s",
					s.name, args[0], strings.Join(slices.Sorted(maps.Keys(o.All)), ", "))
			}
			if text, ok := value.(string); ok {
				_, err := fmt.Fprintln(a.out, text)
				return err
			}
			return a.printJSON(value)
		},
	}
}
