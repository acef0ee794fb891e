package kubernetes

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

// hoursOfMonth is the length of a month: 365 days of 24 hours over 12.
const hoursOfMonth = 730

// Budget bounds what the namespace may ask for by what it would cost in a month: a cluster has no bill, but prices of
// its owner. The queue's quota bounds jobs besides.
func (t *Target) Budget(
	ctx *pulumi.Context, name string, args *components.BudgetArgs, opts ...pulumi.ResourceOption,
) (*components.BudgetOutputs, error) {
	l := t.layer(ctx, components.BudgetLayer, name, opts)
	if t.settings.Prices.CPU <= 0 || t.settings.Prices.MemoryGiB <= 0 {
		return nil, fmt.Errorf("kubernetes.prices: found nothing, want what an hour of a CPU and of a GiB of memory costs: "+
			"a cluster sends no bill: %w", components.ErrRequired)
	}
	bound := affordable(args.MonthlyUSD, t.settings.Prices)
	if err := l.affords(args.MonthlyUSD, bound); err != nil {
		return nil, err
	}
	made, err := l.object("v1", "ResourceQuota", nil, spec(api.ResourceQuota{Hard: map[string]string{
		"requests.cpu": components.FormatCPUs(bound.cpus), "requests.memory": fmt.Sprintf("%dGi", bound.memoryGiB),
		"requests." + gpuResource: strconv.Itoa(bound.accelerators),
	}}))
	if err != nil {
		return nil, err
	}
	return &components.BudgetOutputs{BudgetID: l.Known(name, made)}, nil
}

// affords refuses a budget that buys less than the queue admits: a job beyond it would hold its quota, and its pods
// would be refused.
func (l *layer) affords(monthlyUSD float64, bound amounts) error {
	l.mu.Lock()
	admits := l.admits
	l.mu.Unlock()
	var lack []string
	for _, b := range []struct {
		what        string
		bought, all float64
	}{
		{"CPUs", bound.cpus, admits.cpus}, {"GiB of memory", float64(bound.memoryGiB), float64(admits.memoryGiB)},
		{"accelerators", float64(bound.accelerators), float64(admits.accelerators)},
	} {
		if b.bought < b.all {
			lack = append(lack, fmt.Sprintf("%v %s of %v", b.bought, b.what, b.all))
		}
	}
	if len(lack) == 0 {
		return nil
	}
	return fmt.Errorf("monthlyUSD: found %v, want as much as the quota of the cluster layer and what it may borrow cost "+
		"at kubernetes.prices: it buys %s: %w", monthlyUSD, strings.Join(lack, ", "), components.ErrConflict)
}

// amounts are what a budget buys.
type amounts struct {
	cpus         float64
	memoryGiB    int
	accelerators int
}

// affordable is what a budget buys of each, if nothing else is bought. It is pure: a bound on each alone does not bound
// their sum, which the alerts of Monitoring watch.
func affordable(monthlyUSD float64, p settings.Prices) amounts {
	hourly := monthlyUSD / hoursOfMonth
	bound := amounts{
		cpus: math.Floor(hourly/p.CPU*10) / 10, memoryGiB: int(hourly / p.MemoryGiB),
	}
	if p.Accelerator > 0 {
		bound.accelerators = int(hourly / p.Accelerator)
	}
	return bound
}
