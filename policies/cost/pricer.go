package cost

import (
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/policies/rules"
)

// model adds to a pricer what a type of resource is billed for.
type model func(*pricer)

// pricer prices one resource.
type pricer struct {
	estimate *Estimate
	options  Options
	graph    *rules.Graph
	resource *rules.Resource

	// as is the cloud whose prices hold, where the type does not say it.
	as string

	item Item
	used []string // assumptions since the last line
	// steady is the part of the expected cost for machines that run all month at the on-demand price.
	steady float64
}

// price adds the lines of the resource. For one that costs nothing it says why.
func (p *pricer) price() (free string) {
	if why, ok := freeType(p.resource.Type); ok {
		return why
	}
	price, ok := models[p.resource.Type]
	if !ok {
		p.unpriced("", "the project has no model of what this type costs")
		return ""
	}
	price(p)
	if len(p.item.Lines) == 0 && len(p.estimate.Unpriced) == 0 {
		return "nothing of it is billed"
	}
	if len(p.item.Lines) == 0 && !slices.ContainsFunc(p.estimate.Unpriced, func(u Unpriced) bool {
		return u.URN == p.resource.URN
	}) {
		return "as it is configured, nothing of it is billed"
	}
	return ""
}

func (p *pricer) finish() Item {
	r := p.resource
	p.item.URN, p.item.Type, p.item.Name = r.URN, r.Type, r.Name
	for _, ancestor := range p.graph.Ancestors(r) {
		if !ancestor.Custom {
			p.item.Component = ancestor.URN
			break
		}
	}
	for _, line := range p.item.Lines {
		p.item.USD = p.item.USD.plus(line.USD)
		low := line.UnitUSD
		if line.LowUnitUSD > 0 {
			low = line.LowUnitUSD
		}
		p.item.ExpectedLowUSD += low * line.Quantity.Expected
	}
	p.item.USD, p.item.ExpectedLowUSD = p.item.USD.round(), round(p.item.ExpectedLowUSD)
	p.estimate.SteadyOnDemandUSD += p.steady
	return p.item
}

// unpriced records that something costs money and has no figure.
func (p *pricer) unpriced(what, why string) {
	p.used = nil
	p.estimate.Unpriced = append(p.estimate.Unpriced,
		Unpriced{URN: p.resource.URN, Type: p.resource.Type, What: what, Why: why})
}

// use gives the value of an assumption; the next line names it.
func (p *pricer) use(key string) float64 {
	value, ok := p.options.Usage[key]
	if !ok {
		panic("policies/cost: no assumption " + key) // a test walks every model
	}
	p.used = append(p.used, key)
	p.estimate.Assumptions[key] = value
	return value
}

// line bills a quantity at a row of the table.
func (p *pricer) line(what, service, sku string, quantity Amount) {
	row, ok := p.find(service, sku)
	if !ok {
		p.unpriced(what, "the table has no price for "+p.cloud()+"/"+service+"/"+sku)
		return
	}
	p.bill(what, row, 0, quantity)
}

// usage bills use that nothing in the stack bounds: none when idle, the expected one at most.
func (p *pricer) usage(what, service, sku string, quantity float64) {
	p.line(what, service, sku, Amount{0, quantity, quantity})
	p.uncap()
}

// always bills what is there all month whoever uses it.
func (p *pricer) always(what, service, sku string, quantity float64) {
	p.line(what, service, sku, Amount{quantity, quantity, quantity})
}

// uncap says of the last line that its maximum is no bound.
func (p *pricer) uncap() {
	if n := len(p.item.Lines); n > 0 {
		p.item.Lines[n-1].Uncapped = true
	}
}

func (p *pricer) bill(what string, row Price, low float64, quantity Amount) {
	assumptions := slices.Compact(slices.Sorted(slices.Values(p.used)))
	p.used = nil
	if quantity == (Amount{}) {
		return
	}
	p.item.Lines = append(p.item.Lines, Line{
		What: what, Unit: row.Unit, Quantity: quantity, UnitUSD: row.USD, LowUnitUSD: low,
		USD: quantity.times(row.USD).round(), Price: row.Ref(), StandIn: row.Region != p.region(),
		Marks: row.Marks, Assumptions: assumptions,
	})
}

func (p *pricer) find(service, sku string) (Price, bool) {
	return p.options.Table.Find(p.cloud(), service, sku, p.region())
}

// cloud as the price table names it.
func (p *pricer) cloud() string {
	if p.as != "" {
		return p.as
	}
	cloud := p.resource.Cloud()
	if cloud == rules.Azure {
		return "azure"
	}
	return string(cloud)
}

// region that the resource is in: its own, its provider's, the stack's.
func (p *pricer) region() string {
	for _, key := range []string{"region", "location", "zone"} {
		if text, ok := p.resource.Properties.Key(key).Text(); ok && text != "" {
			return normalRegion(p.cloud(), text)
		}
	}
	if text, ok := p.resource.Provider.Properties.Key("region").Text(); ok && text != "" {
		return text
	}
	if p.options.Region != "" {
		return normalRegion(p.cloud(), p.options.Region)
	}
	if known := reference[p.cloud()]; len(known) > 0 {
		return known[0]
	}
	return ""
}

// normalRegion turns a zone of GCP and a display name of Azure into the region's name.
func normalRegion(cloud, place string) string {
	place = strings.ToLower(strings.ReplaceAll(place, " ", ""))
	if cloud == "gcp" && strings.Count(place, "-") == 2 {
		place = place[:strings.LastIndex(place, "-")]
	}
	return place
}

// number reads a quantity; where it is unknown or not given, the default holds.
func (p *pricer) number(path string, byDefault float64) float64 {
	return numberOf(p.resource.Properties, path, byDefault)
}

func numberOf(v rules.Value, path string, byDefault float64) float64 {
	if n, ok := v.Get(path).Number(); ok && n >= 0 {
		return n
	}
	return byDefault
}

// text reads a text; where it is unknown or not given, the default holds.
func (p *pricer) text(path, byDefault string) string {
	if s, ok := p.resource.Properties.Get(path).Text(); ok && s != "" {
		return s
	}
	return byDefault
}

// flag reads a truth value; where it is unknown or not given, the default holds.
func (p *pricer) flag(path string, byDefault bool) bool {
	if b, ok := p.resource.Properties.Get(path).Bool(); ok {
		return b
	}
	return byDefault
}

// count is the length of a list; where it is unknown, the default holds.
func (p *pricer) count(path string, byDefault float64) float64 {
	v := p.resource.Properties.Get(path)
	if v.Kind() == rules.List {
		return float64(v.Len())
	}
	return byDefault
}

// scaled is the hours of a service between two counts of machines: the lower one all month, and the rest of them for
// the hours of an assumption.
func (p *pricer) scaled(low, high float64, key string) Amount {
	high = max(low, high)
	extra := 0.0
	if high > low {
		extra = (high - low) * min(p.use(key), HoursPerMonth)
	}
	return Amount{low * HoursPerMonth, low*HoursPerMonth + extra, high * HoursPerMonth}
}

// machine bills hours of the first of several services that has a price for the machine.
func (p *pricer) machine(what, sku string, hours Amount, services ...string) {
	for _, service := range services {
		if row, ok := p.find(service, sku); ok {
			p.steady += min(hours.Idle, hours.Expected) * row.USD
			p.bill(what+" "+sku, row, 0, hours)
			return
		}
	}
	p.unpriced(what, "the table has no price for "+p.cloud()+"/"+services[0]+"/"+sku)
}

// spot bills interruptible hours: a range whose dear end counts. Without a spot price the on-demand price is that end.
func (p *pricer) spot(what, sku string, hours Amount) {
	var low, high Price
	var ok bool
	switch p.cloud() {
	case "aws":
		low, high, ok = p.spotAWS(sku)
	case "gcp":
		low, high, ok = p.spotPair("gce-spot", "gce-ondemand", sku)
	case "azure":
		low, high, ok = p.spotPair("vm-spot", "vm-ondemand", sku)
	}
	if !ok {
		p.unpriced(what, "the table has no price for the machine "+sku)
		return
	}
	p.bill(what+" "+sku+" (spot)", high, low.USD, hours)
}

// spotAWS takes the cheapest and the dearest zone. The advisor's average has no dear end: on demand is.
func (p *pricer) spotAWS(sku string) (low, high Price, ok bool) {
	low, ok = p.find("ec2-spot-min-az", sku)
	high, found := p.find("ec2-spot-max-az", sku)
	if ok && found && low.Region == high.Region {
		return low, high, true
	}
	high, ok = p.find("ec2-ondemand", sku)
	if low, found = p.find("ec2-spot-advisor-avg", sku); !found {
		low = high
	}
	return low, high, ok
}

// spotPair takes a snapshot of the spot price as the cheap end and the on-demand price as the dear one: a snapshot
// does not say how high the price may go.
func (p *pricer) spotPair(spot, full, sku string) (low, high Price, ok bool) {
	high, ok = p.find(full, sku)
	if low, ok2 := p.find(spot, sku); ok2 && ok {
		return low, high, true
	}
	return high, high, ok
}
