package cost

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/policies/rules"
)

// Amount is a figure for a month in three cases.
type Amount struct {
	// Idle is what is there when nobody uses the stack: data at rest, whatever runs all the time.
	Idle float64 `json:"idle"`
	// Expected is the use that the assumptions describe.
	Expected float64 `json:"expected"`
	// Maximum has every autoscaler at its cap all month.
	Maximum float64 `json:"maximum"`
}

func (a Amount) plus(b Amount) Amount {
	return Amount{a.Idle + b.Idle, a.Expected + b.Expected, a.Maximum + b.Maximum}
}

func (a Amount) times(f float64) Amount { return Amount{a.Idle * f, a.Expected * f, a.Maximum * f} }

// round keeps hundredths of a cent, so that the order of a sum does not show.
func (a Amount) round() Amount { return Amount{round(a.Idle), round(a.Expected), round(a.Maximum)} }

func round(usd float64) float64 { return math.Round(usd*1e4) / 1e4 }

// Line is one thing that a resource is billed for.
type Line struct {
	// What is billed, in words.
	What string `json:"what"`
	// Unit of the quantity.
	Unit string `json:"unit"`
	// Quantity of a month.
	Quantity Amount `json:"quantity"`
	// UnitUSD is the price of a unit. Of a range it is the dear end.
	UnitUSD float64 `json:"unitUSD"`
	// LowUnitUSD is the cheap end of a range, as of spot capacity; 0 where there is none.
	LowUnitUSD float64 `json:"lowUnitUSD,omitempty"`
	// USD of a month.
	USD Amount `json:"usd"`
	// Price is the row of the price table.
	Price string `json:"price"`
	// StandIn tells that the row is of another region than the resource.
	StandIn bool `json:"standIn,omitempty"`
	// Marks of the row.
	Marks []string `json:"marks,omitempty"`
	// Assumptions are the keys of those that the quantity is made of, sorted.
	Assumptions []string `json:"assumptions,omitempty"`
	// Uncapped tells that nothing in the stack bounds the quantity: its maximum is the expected use.
	Uncapped bool `json:"uncapped,omitempty"`
}

// Item is what a resource costs.
type Item struct {
	// URN, Type and Name of the resource.
	URN string `json:"urn"`
	// Type of the resource.
	Type string `json:"type"`
	// Name of the resource.
	Name string `json:"name"`
	// Component is the URN of the component that it belongs to; "" where it has none.
	Component string `json:"component,omitempty"`
	// USD of a month.
	USD Amount `json:"usd"`
	// ExpectedLowUSD is the expected cost with every range at its cheap end.
	ExpectedLowUSD float64 `json:"expectedLowUSD"`
	// Lines that the sum is made of.
	Lines []Line `json:"lines"`
}

// Component is what the resources of a component cost together.
type Component struct {
	// URN, Type and Name of the component.
	URN string `json:"urn"`
	// Type of the component.
	Type string `json:"type"`
	// Name of the component.
	Name string `json:"name"`
	// USD of a month.
	USD Amount `json:"usd"`
}

// Unpriced is something that costs money and has no figure.
type Unpriced struct {
	// URN and Type of the resource.
	URN string `json:"urn"`
	// Type of the resource.
	Type string `json:"type"`
	// What has no figure; "" for the whole resource.
	What string `json:"what,omitempty"`
	// Why it has none.
	Why string `json:"why"`
}

// Free is a type of resource that costs nothing by its nature.
type Free struct {
	// Type of the resources.
	Type string `json:"type"`
	// Count of the resources of that type.
	Count int `json:"count"`
	// Why it costs nothing.
	Why string `json:"why"`
}

// Estimate is what a stack costs each month in US dollars. All lists are sorted.
type Estimate struct {
	// TableDate and TableSHA256 name the price table.
	TableDate string `json:"tableDate"`
	// TableSHA256 is the sum of the price table.
	TableSHA256 string `json:"tableSHA256"`
	// Total of all items.
	Total Amount `json:"total"`
	// ExpectedLowUSD is the expected cost with every range at its cheap end.
	ExpectedLowUSD float64 `json:"expectedLowUSD"`
	// SteadyOnDemandUSD is the part of the expected cost for machines that run all month at the on-demand price.
	SteadyOnDemandUSD float64 `json:"steadyOnDemandUSD"`
	// Components by URN.
	Components []Component `json:"components"`
	// Items by URN: the resources that have a figure.
	Items []Item `json:"items"`
	// Unpriced is what costs money and has no figure; it is not in any sum.
	Unpriced []Unpriced `json:"unpriced"`
	// Free are the types that cost nothing.
	Free []Free `json:"free"`
	// Assumptions are the values of those that were used, by key.
	Assumptions map[string]float64 `json:"assumptions"`
}

// Options of an estimate.
type Options struct {
	// Table of prices.
	Table *Table
	// Usage that is assumed.
	Usage Usage
	// Region of resources that do not say their own; "" for the reference region of their cloud.
	Region string
}

// Make estimates what the resources of a graph cost.
func Make(g *rules.Graph, o Options) *Estimate {
	e := &Estimate{
		TableDate: o.Table.Manifest.Date, TableSHA256: o.Table.Manifest.SHA256, Assumptions: map[string]float64{},
		Components: []Component{}, Items: []Item{}, Unpriced: []Unpriced{}, Free: []Free{},
	}
	g = withoutSecrets(g)
	free := map[string]int{}
	components := map[string]Amount{}
	for _, r := range g.Resources() {
		if !r.Custom {
			continue
		}
		p := &pricer{estimate: e, options: o, graph: g, resource: r}
		if why := p.price(); why != "" {
			free[r.Type+"\x00"+why]++
			continue
		}
		if len(p.item.Lines) > 0 {
			item := p.finish()
			components[item.Component] = components[item.Component].plus(item.USD)
			e.Items = append(e.Items, item)
			e.Total = e.Total.plus(item.USD)
			e.ExpectedLowUSD += item.ExpectedLowUSD
		}
	}
	for _, key := range slices.Sorted(maps.Keys(free)) {
		typ, why, _ := strings.Cut(key, "\x00")
		e.Free = append(e.Free, Free{Type: typ, Count: free[key], Why: why})
	}
	for _, urn := range slices.Sorted(maps.Keys(components)) {
		if c := g.Resource(urn); c != nil {
			e.Components = append(e.Components, Component{urn, c.Type, c.Name, components[urn].round()})
		}
	}
	e.Total = e.Total.round()
	e.ExpectedLowUSD, e.SteadyOnDemandUSD = round(e.ExpectedLowUSD), round(e.SteadyOnDemandUSD)
	return e
}

// Resources counts the resources that have a figure, those of which something has none, and those that cost nothing.
func (e *Estimate) Resources() (priced, unpriced, free int) {
	without := map[string]bool{}
	for _, u := range e.Unpriced {
		without[u.URN] = true
	}
	for _, f := range e.Free {
		free += f.Count
	}
	return len(e.Items), len(without), free
}

// Facts gives what rules may know of the estimate.
func (e *Estimate) Facts() *rules.Cost {
	priced, unpriced, _ := e.Resources()
	facts := &rules.Cost{
		IdleUSD: e.Total.Idle, ExpectedUSD: e.Total.Expected, MaximumUSD: e.Total.Maximum,
		Priced: priced, Unpriced: unpriced, SteadyOnDemandUSD: e.SteadyOnDemandUSD, ByURN: map[string]float64{},
	}
	for _, item := range e.Items {
		facts.ByURN[item.URN] = item.USD.Expected
	}
	return facts
}

// Change is how the expected cost of a resource differs between two estimates.
type Change struct {
	// URN and Type of the resource.
	URN string `json:"urn"`
	// Type of the resource.
	Type string `json:"type"`
	// BeforeUSD and AfterUSD are its expected cost; 0 where it had or has none.
	BeforeUSD float64 `json:"beforeUSD"`
	// AfterUSD is its expected cost now.
	AfterUSD float64 `json:"afterUSD"`
}

// Compare lists the resources whose expected cost changed, the largest change first.
func Compare(before, after *Estimate) []Change {
	byURN := map[string]*Change{}
	at := func(item Item) *Change {
		if byURN[item.URN] == nil {
			byURN[item.URN] = &Change{URN: item.URN, Type: item.Type}
		}
		return byURN[item.URN]
	}
	for _, item := range before.Items {
		at(item).BeforeUSD = item.USD.Expected
	}
	for _, item := range after.Items {
		at(item).AfterUSD = item.USD.Expected
	}
	changes := []Change{}
	for _, change := range byURN {
		if change.BeforeUSD != change.AfterUSD {
			changes = append(changes, *change)
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(math.Abs(b.AfterUSD-b.BeforeUSD), math.Abs(a.AfterUSD-a.BeforeUSD)), cmp.Compare(a.URN, b.URN))
	})
	return changes
}
