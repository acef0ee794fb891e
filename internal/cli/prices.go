package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/policies/cost"
	"github.com/mlpathway/mlpathway/policies/cost/pricelist"
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
	command.AddCommand(newPricesUpdate(a))
	return command
}

func newPricesUpdate(a *app) *cobra.Command {
	regions := map[string]*[]string{}
	command := &cobra.Command{
		Use:   "update",
		Short: "Refresh the price table of the working copy from the providers' public price lists",
		Long: `Asks the public price lists for every row of policies/cost/prices.csv that they have, in the regions that are
named, and writes the file and its manifest anew. The list of AWS has hundreds of megabytes for a region. Google Cloud
wants a key of the Cloud Billing API in the variable GOOGLE_API_KEY. Rows that no list has stay as they are; a file
that the reader would refuse is not written. The program has to be built anew to use the prices.

  mlpathway prices update --aws us-east-1,eu-central-1 --azure westeurope`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			asked := map[string][]string{}
			for cloud, names := range regions {
				if len(*names) > 0 {
					asked[cloud] = *names
				}
			}
			if len(asked) == 0 {
				return fmt.Errorf("name regions with --aws, --azure or --gcp: %w", errUsage)
			}
			return a.updatePrices(c.Context(), pricelist.Public(os.Getenv("GOOGLE_API_KEY")), asked, time.Now())
		},
	}
	for _, cloud := range []string{"aws", "azure", "gcp"} {
		regions[cloud] = command.Flags().StringSlice(cloud, nil, "refresh the prices of these regions of "+cloud)
	}
	return command
}

func (a *app) updatePrices(
	ctx context.Context, source *pricelist.Source, regions map[string][]string, now time.Time,
) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	dir := filepath.Join(p.root, "policies", "cost")
	file, manifest := filepath.Join(dir, "prices.csv"), filepath.Join(dir, "manifest.json")
	prices, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the prices: %w", err)
	}
	rows, err := cost.ReadPrices(bytes.NewReader(prices), now)
	if err != nil {
		return err
	}
	result, err := source.Refresh(ctx, rows, pricelist.Request{Regions: regions, Today: now.UTC()})
	if err != nil {
		return err
	}
	newPrices, newManifest, err := cost.Write(result.Prices, now)
	if err != nil {
		return fmt.Errorf("the price lists gave what the reader refuses; nothing was written: %w", err)
	}
	if err := os.WriteFile(file, newPrices, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(manifest, newManifest, 0o644); err != nil {
		return err
	}
	a.print("%d rows refreshed, %d added, %d as they were; read the difference with git diff, then build anew",
		result.Changed, result.Added, result.Kept)
	for _, ref := range result.Missing {
		a.print("  the list has no %s", ref)
	}
	return nil
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
