package cost

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Price is one row of the price table: what one unit of something costs in one region.
type Price struct {
	// Cloud is aws, gcp or azure.
	Cloud string `json:"cloud"`
	// Service and SKU name what is sold, in words of this table.
	Service string `json:"service"`
	// SKU is what is sold of the service, such as an instance type.
	SKU string `json:"sku"`
	// Region is where the price holds.
	Region string `json:"region"`
	// Unit that the price is for, such as hour or gb-month.
	Unit string `json:"unit"`
	// USD for one unit.
	USD float64 `json:"usd"`
	// Source is where the price was read.
	Source string `json:"source"`
	// Date of the source: a day, a month or a year.
	Date string `json:"date"`
	// Marks say what to know about the row; see the constants.
	Marks []string `json:"marks,omitempty"`
}

// Marks of a price row.
const (
	// LowConfidence rows were not checked against the provider's own list.
	LowConfidence = "low-confidence"
	// DateUncertain rows have the earliest year that their source may be of.
	DateUncertain = "date-uncertain"
	// AcceleratorIncluded machines have their accelerator in the price: it must not be added.
	AcceleratorIncluded = "accelerator-included"
	// AcceleratorOnly rows are the accelerator without a machine, MachineOnly rows the machine without it.
	AcceleratorOnly = "accelerator-only"
	// MachineOnly rows are a machine without its accelerator.
	MachineOnly = "machine-only"
	// NetOfDiscount rows have a discount in them and are not used.
	NetOfDiscount = "net-of-discount"
	// Superseded rows are known to be out of date and are not used.
	Superseded = "superseded"
	// SpotAboveOnDemand rows are a spot price above the on-demand price that was seen so.
	SpotAboveOnDemand = "spot-above-on-demand"
)

func marks() []string {
	return []string{
		LowConfidence, DateUncertain, AcceleratorIncluded, AcceleratorOnly, MachineOnly, NetOfDiscount, Superseded,
		SpotAboveOnDemand,
	}
}

// Ref names the row: cloud/service/sku/region.
func (p Price) Ref() string { return p.Cloud + "/" + p.Service + "/" + p.SKU + "/" + p.Region }

// Has reports whether the row has a mark.
func (p Price) Has(mark string) bool { return slices.Contains(p.Marks, mark) }

// usable rows are prices that an estimate may be made of.
func (p Price) usable() bool { return !p.Has(NetOfDiscount) && !p.Has(Superseded) }

// columns of the file, in their order.
var columns = []string{"cloud", "service", "sku", "region", "unit", "usd", "source", "date", "mark"}

// hourlySentinel is above what any machine costs an hour; catalogues write such numbers where they know no price.
const hourlySentinel = 500

// maxRegionRatio is how far apart two regions' prices of the same thing may be.
const maxRegionRatio = 3

// ReadPrices reads the rows of a price file and refuses the file with every row that is wrong: a missing source or
// date, a date after today, a price that is no price, a duplicate, an unknown mark, a spot price above the on-demand
// price without a mark, and prices of two regions that are too far apart.
func ReadPrices(r io.Reader, today time.Time) ([]Price, error) {
	reader := csv.NewReader(r)
	reader.FieldsPerRecord = len(columns)
	header, err := reader.Read()
	if err != nil || !slices.Equal(header, columns) {
		return nil, fmt.Errorf("price table: line 1: want the columns %s", strings.Join(columns, ","))
	}
	c := &priceCheck{today: today, seen: map[string]int{}}
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("price table: %w", err)
		}
		line, _ := reader.FieldPos(0)
		c.row(line, row)
	}
	c.spot()
	c.regions()
	if err := errors.Join(c.problems...); err != nil {
		return nil, err
	}
	return c.prices, nil
}

type priceCheck struct {
	today    time.Time
	prices   []Price
	lines    []int
	seen     map[string]int
	problems []error
}

func (c *priceCheck) fail(line int, format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf("price table: line %d: %s", line, fmt.Sprintf(format, args...)))
}

func (c *priceCheck) row(line int, row []string) {
	for i, name := range columns[:len(columns)-1] {
		if strings.TrimSpace(row[i]) == "" {
			c.fail(line, "%s is missing", name)
			return
		}
	}
	p := Price{
		Cloud: row[0], Service: row[1], SKU: row[2], Region: row[3], Unit: row[4], Source: row[6], Date: row[7],
	}
	if row[8] != "" {
		p.Marks = strings.Split(row[8], ";")
	}
	usd, err := strconv.ParseFloat(row[5], 64)
	switch {
	case err != nil || math.IsInf(usd, 0) || math.IsNaN(usd) || usd <= 0:
		c.fail(line, "usd: found %q, want a price above 0", row[5])
		return
	case p.Unit == "hour" && usd >= hourlySentinel:
		c.fail(line, "usd: %s an hour is no price but a placeholder", row[5])
		return
	}
	p.USD = usd
	if date, ok := day(p.Date); !ok || date.After(c.today) {
		c.fail(line, "date: found %q, want a day, month or year such as 2026-01-19 that is not in the future", p.Date)
		return
	}
	for _, mark := range p.Marks {
		if !slices.Contains(marks(), mark) {
			c.fail(line, "mark: found %q, want one of %s", mark, strings.Join(marks(), ", "))
			return
		}
	}
	if first, twice := c.seen[p.Ref()]; twice {
		c.fail(line, "%s stands on line %d already", p.Ref(), first)
		return
	}
	c.seen[p.Ref()] = line
	c.prices, c.lines = append(c.prices, p), append(c.lines, line)
}

var dayForm = regexp.MustCompile(`^\d{4}(-\d{2}(-\d{2})?)?$`)

// day gives the first day that a date may mean.
func day(date string) (time.Time, bool) {
	if !dayForm.MatchString(date) {
		return time.Time{}, false
	}
	at, err := time.Parse(time.DateOnly, date+"-01-01"[min(len(date)-4, 6):])
	return at, err == nil
}

// onDemand gives the service that a spot service is a discount of.
var onDemand = map[string]string{
	"ec2-spot-min-az": "ec2-ondemand", "ec2-spot-max-az": "ec2-ondemand", "ec2-spot-advisor-avg": "ec2-ondemand",
	"gce-spot": "gce-ondemand", "gce-gpu-spot": "gce-gpu-ondemand", "gce-vm-spot": "gce-vm-ondemand",
	"vm-spot": "vm-ondemand",
}

func (c *priceCheck) spot() {
	usd := map[string]float64{}
	for _, p := range c.prices {
		usd[p.Ref()] = p.USD
	}
	for i, p := range c.prices {
		base := p
		base.Service = onDemand[p.Service]
		full, ok := usd[base.Ref()]
		if ok && p.USD > full && !p.Has(SpotAboveOnDemand) {
			c.fail(c.lines[i], "%s: spot at %g is above on demand at %g; mark it %s if that was seen",
				p.Ref(), p.USD, full, SpotAboveOnDemand)
		}
	}
}

func (c *priceCheck) regions() {
	least := map[string]int{}
	order := make([]int, len(c.prices))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(c.prices[a].USD, c.prices[b].USD) })
	for _, i := range order {
		p := c.prices[i]
		if onDemand[p.Service] != "" {
			continue // spot prices do swing that far
		}
		key := p.Cloud + "/" + p.Service + "/" + p.SKU + "/" + p.Unit
		first, ok := least[key]
		if !ok {
			least[key] = i
			continue
		}
		if p.USD > maxRegionRatio*c.prices[first].USD {
			c.fail(c.lines[i], "%s: %g is more than %d times the %g of %s",
				p.Ref(), p.USD, maxRegionRatio, c.prices[first].USD, c.prices[first].Region)
		}
	}
}
