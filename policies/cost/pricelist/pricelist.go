// Package pricelist reads the providers' public price lists and refreshes the price table of package cost from them:
// the bulk price list of AWS, the retail prices of Azure, and with a key the billing catalogue of Google Cloud.
package pricelist

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/policies/cost"
)

// Source is where price lists are read.
type Source struct {
	// AWS, Azure and GCP are the addresses of the three services, without a slash at their end.
	AWS, Azure, GCP string
	// GCPKey is a key of the Cloud Billing API; without one the prices of Google Cloud stay as they are.
	GCPKey string
	// Client asks. Required.
	Client *http.Client
}

// Public are the providers' own addresses.
func Public(gcpKey string) *Source {
	return &Source{
		AWS: "https://pricing.us-east-1.amazonaws.com", Azure: "https://prices.azure.com",
		GCP: "https://cloudbilling.googleapis.com", GCPKey: gcpKey,
		Client: &http.Client{Timeout: 10 * time.Minute},
	}
}

// Request says what to refresh.
type Request struct {
	// Regions to have prices of, by cloud. Rows of other regions stay as they are.
	Regions map[string][]string
	// Today is the date of the new rows.
	Today time.Time
}

// Result is a refreshed table.
type Result struct {
	// Prices in the order of the file.
	Prices []cost.Price
	// Changed, Added and Kept count rows: a new price or a new date, a new region, as before.
	Changed, Added, Kept int
	// Missing are the rows that were looked for and that the price list does not have, by cloud/service/sku/region.
	Missing []string
}

// quote is a price that a list was asked for.
type quote struct {
	service, sku, unit, region string
}

// found is a price of a list.
type found struct {
	usd    float64
	source string
}

// Refresh asks the price lists for every row that they can have, in every region of the request.
func (s *Source) Refresh(ctx context.Context, current []cost.Price, r Request) (*Result, error) {
	table := map[string]cost.Price{}
	for _, p := range current {
		table[p.Ref()] = p
	}
	result := &Result{}
	for _, cloud := range slices.Sorted(maps.Keys(r.Regions)) {
		ask := map[string]func(context.Context, string, []quote) (map[quote]found, error){
			"aws": s.aws, "azure": s.azure, "gcp": s.gcp,
		}[cloud]
		if ask == nil {
			return nil, fmt.Errorf("prices of %q: want aws, azure or gcp", cloud)
		}
		for _, region := range r.Regions[cloud] {
			quotes := wanted(cloud, region, current)
			answers, err := ask(ctx, region, quotes)
			if err != nil {
				return nil, fmt.Errorf("prices of %s in %s: %w", cloud, region, err)
			}
			result.take(table, cloud, quotes, answers, r.Today)
		}
	}
	result.Prices = slices.SortedFunc(maps.Values(table), func(a, b cost.Price) int {
		return cmp.Or(cmp.Compare(a.Cloud, b.Cloud), cmp.Compare(a.Service, b.Service), cmp.Compare(a.SKU, b.SKU),
			cmp.Compare(a.Region, b.Region))
	})
	result.Kept = len(result.Prices) - result.Changed - result.Added
	slices.Sort(result.Missing)
	return result, nil
}

// wanted lists each thing that the table has of a cloud in any region, once.
func wanted(cloud, region string, current []cost.Price) []quote {
	seen := map[quote]bool{}
	for _, p := range current {
		if p.Cloud == cloud {
			seen[quote{p.Service, p.SKU, p.Unit, region}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b quote) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.sku, b.sku), cmp.Compare(a.unit, b.unit))
	})
}

// take puts what a list answered into the table.
func (r *Result) take(
	table map[string]cost.Price, cloud string, quotes []quote, answers map[quote]found, today time.Time,
) {
	kinds := kindsOf(slices.Collect(maps.Values(table)))
	for _, q := range quotes {
		row := cost.Price{
			Cloud: cloud, Service: q.service, SKU: q.sku, Region: q.region, Unit: q.unit, Date: today.Format(time.DateOnly),
		}
		_, had := table[row.Ref()]
		answer, ok := answers[q]
		switch {
		case !ok:
			if had {
				r.Missing = append(r.Missing, row.Ref())
			}
			continue
		case had:
			r.Changed++
		default:
			r.Added++
		}
		row.USD, row.Source, row.Marks = answer.usd, answer.source, kinds[cloud+"/"+q.service+"/"+q.sku]
		table[row.Ref()] = row
	}
}

// kindsOf gives by cloud/service/sku the marks that say what a price is made of. They hold in every region; what was
// doubtful about a row is settled by a list.
func kindsOf(prices []cost.Price) map[string][]string {
	kinds := map[string][]string{}
	for _, p := range prices {
		for _, mark := range []string{cost.AcceleratorIncluded, cost.AcceleratorOnly, cost.MachineOnly} {
			key := p.Cloud + "/" + p.Service + "/" + p.SKU
			if p.Has(mark) && !slices.Contains(kinds[key], mark) {
				kinds[key] = append(kinds[key], mark)
			}
		}
	}
	return kinds
}

// get asks for JSON. A price list of a region is hundreds of megabytes: read takes it as it comes.
func (s *Source) get(ctx context.Context, address string, read func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := s.Client.Do(request)
	if err != nil {
		return s.hide(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", withoutQuery(address), response.Status)
	}
	if err := read(response.Body); err != nil {
		return fmt.Errorf("reading %s: %w", withoutQuery(address), err)
	}
	return nil
}

// hide takes the key out of an error, which quotes the address.
func (s *Source) hide(err error) error {
	if s.GCPKey == "" {
		return err
	}
	return fmt.Errorf("%s", strings.ReplaceAll(err.Error(), url.QueryEscape(s.GCPKey), "[secret]"))
}

func withoutQuery(address string) string {
	before, _, _ := strings.Cut(address, "?")
	return before
}

func decode(v any) func(io.Reader) error {
	return func(r io.Reader) error { return json.NewDecoder(r).Decode(v) }
}
