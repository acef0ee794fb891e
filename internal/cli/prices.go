package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/policies/cost"
)

func newPrices(a *app) *cobra.Command {
	var cloud string
	command := &cobra.Command{
		Use:   "prices",
		Short: "Show the price table that estimates are made of: how old it is, and where its rows come from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			table, err := cost.Embedded()
			if err != nil {
				return err
			}
			return a.printPrices(table, cloud, time.Now())
		},
	}
	command.Flags().StringVar(&cloud, "cloud", "", "show every row of one cloud: aws, gcp or azure")
	return command
}

func (a *app) printPrices(table *cost.Table, cloud string, now time.Time) error {
	rows := table.Prices()
	m := table.Manifest
	a.print("Prices of %s, %d days old, in %s; SHA-256 %s", m.Date, table.AgeDays(now), m.Currency, m.SHA256)
	for _, name := range slices.Sorted(maps.Keys(m.Rows)) {
		a.print("  %-6s %4d rows", name, m.Rows[name])
	}
	if days := table.AgeDays(now); days > cost.StaleDays {
		a.print("  warning: older than %d days: mlpathway prices update", cost.StaleDays)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	if cloud == "" {
		count := map[string]int{}
		for _, p := range rows {
			count[p.Source+"\t"+p.Date]++
		}
		sources := slices.SortedFunc(maps.Keys(count), func(x, y string) int {
			return cmp.Or(cmp.Compare(count[y], count[x]), cmp.Compare(x, y))
		})
		fmt.Fprintln(w, "\nrows\tsource\tdate")
		for _, source := range sources {
			fmt.Fprintf(w, "%d\t%s\n", count[source], source)
		}
		return w.Flush()
	}
	if m.Rows[cloud] == 0 {
		return fmt.Errorf("--cloud: found %q, want one of aws, azure, gcp: %w", cloud, errUsage)
	}
	fmt.Fprintln(w, "\nprice\tunit\tUSD\tdate\tmarks\tsource")
	for _, p := range rows {
		if p.Cloud == cloud {
			fmt.Fprintf(w, "%s\t%s\t%g\t%s\t%v\t%s\n", p.Ref(), p.Unit, p.USD, p.Date, p.Marks, p.Source)
		}
	}
	return w.Flush()
}
