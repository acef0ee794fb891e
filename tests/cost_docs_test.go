package tests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/cost"
)

// TestCostDocsAreTrue: what docs/cost.md says of assumptions, prices and types is made from the code.
//
//nolint:paralleltest // each check may write the same file
func TestCostDocsAreTrue(t *testing.T) {
	const page = "../docs/cost.md"
	var assumptions strings.Builder
	assumptions.WriteString("| key | unit, each month | what | dev | stage | prod |\n|---|---|---|---:|---:|---:|\n")
	for _, a := range cost.Assumptions() {
		fmt.Fprintf(&assumptions, "| `%s` | %s | %s | %g | %g | %g |\n", a.Key, a.Unit, a.Meaning, a.Dev, a.Stage, a.Prod)
	}
	checkBlock(t, page, "assumptions", assumptions.String())

	table, err := cost.Embedded()
	require.NoError(t, err)
	rows, oldest, low := map[string]int{}, map[string]string{}, map[string]int{}
	regions := map[string]map[string]bool{}
	for _, p := range table.Prices() {
		rows[p.Cloud]++
		if oldest[p.Cloud] == "" || p.Date < oldest[p.Cloud] {
			oldest[p.Cloud] = p.Date
		}
		if p.Has(cost.LowConfidence) || p.Has(cost.DateUncertain) {
			low[p.Cloud]++
		}
		if regions[p.Cloud] == nil {
			regions[p.Cloud] = map[string]bool{}
		}
		regions[p.Cloud][p.Region] = true
	}
	var prices strings.Builder
	fmt.Fprintf(&prices, "Put together on %s:\n\n", table.Manifest.Date)
	prices.WriteString("| cloud | rows | oldest source | doubtful rows | regions |\n|---|---:|---|---:|---|\n")
	for _, cloud := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&prices, "| %s | %d | %s | %d | %s |\n", cloud, rows[cloud], oldest[cloud], low[cloud],
			strings.Join(slices.Sorted(maps.Keys(regions[cloud])), ", "))
	}
	checkBlock(t, page, "prices", prices.String())
	checkBlock(t, page, "models", modelsBlock())
}

func modelsBlock() string {
	var b strings.Builder
	b.WriteString("Types with a model:\n\n")
	for _, typ := range cost.Modelled() {
		fmt.Fprintf(&b, "- `%s`\n", typ)
	}
	b.WriteString("\nTypes that cost nothing by their nature:\n")
	byReason := map[string][]string{}
	for typ, why := range cost.FreeTypes() {
		byReason[why] = append(byReason[why], "`"+typ+"`")
	}
	for _, why := range slices.Sorted(maps.Keys(byReason)) {
		slices.Sort(byReason[why])
		fmt.Fprintf(&b, "\n%s%s: %s.\n", strings.ToUpper(why[:1]), why[1:], strings.Join(byReason[why], ", "))
	}
	b.WriteString("\nEverything of the packages `mlpathway`, `pulumi`, `random`, `tls`, `command`, `time` and, but for " +
		"the types above, `kubernetes` is free as well. Every other type is unpriced.\n")
	return b.String()
}
