package pricelist

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// gcpPage is a page of the billing catalogue.
type gcpPage struct {
	SKUs []struct {
		Description    string   `json:"description"`
		ServiceRegions []string `json:"serviceRegions"`
		Category       struct {
			UsageType string `json:"usageType"`
		} `json:"category"`
		PricingInfo []struct {
			PricingExpression struct {
				TieredRates []struct {
					UnitPrice struct {
						Units string  `json:"units"`
						Nanos float64 `json:"nanos"`
					} `json:"unitPrice"`
				} `json:"tieredRates"`
			} `json:"pricingExpression"`
		} `json:"pricingInfo"`
	} `json:"skus"`
	NextPageToken string `json:"nextPageToken"`
}

// gcpSKU is where a row stands in the catalogue: a service, the beginning of a description, and how it is used.
type gcpSKU struct{ service, begins, usage string }

const (
	storageService = "95FF-2EF5-5EA1"
	computeService = "6F81-5844-456A"
)

// gcpSKUs are the rows that the catalogue sells as one thing; machines are sold there by core and gigabyte.
var gcpSKUs = map[string]gcpSKU{
	"gcs/standard":                {storageService, "Standard Storage ", "OnDemand"},
	"gcs/nearline":                {storageService, "Nearline Storage ", "OnDemand"},
	"gcs/coldline":                {storageService, "Coldline Storage ", "OnDemand"},
	"gcs/archive":                 {storageService, "Archive Storage ", "OnDemand"},
	"gce-gpu-ondemand/T4 x1":      {computeService, "Nvidia Tesla T4 GPU running in ", "OnDemand"},
	"gce-gpu-ondemand/L4 x1":      {computeService, "Nvidia L4 GPU running in ", "OnDemand"},
	"gce-gpu-ondemand/V100 x1":    {computeService, "Nvidia Tesla V100 GPU running in ", "OnDemand"},
	"persistent-disk/pd-ssd":      {computeService, "SSD backed PD Capacity", "OnDemand"},
	"persistent-disk/pd-standard": {computeService, "Storage PD Capacity", "OnDemand"},
}

// gcp reads the catalogue, which wants a key.
func (s *Source) gcp(ctx context.Context, region string, quotes []quote) (map[quote]found, error) {
	if s.GCPKey == "" {
		return nil, errors.New("want a key of the Cloud Billing API in GOOGLE_API_KEY")
	}
	answers := map[quote]found{}
	for _, service := range []string{storageService, computeService} {
		token := ""
		for pages := 0; pages == 0 || token != ""; pages++ {
			if pages > 1000 {
				return nil, errors.New("the list of prices does not end")
			}
			query := url.Values{"currencyCode": {"USD"}, "key": {s.GCPKey}}
			if token != "" {
				query.Set("pageToken", token)
			}
			var page gcpPage
			if err := s.get(ctx, s.GCP+"/v1/services/"+service+"/skus?"+query.Encode(), decode(&page)); err != nil {
				return nil, err
			}
			page.take(service, region, quotes, answers)
			token = page.NextPageToken
		}
	}
	return answers, nil
}

func (page *gcpPage) take(service, region string, quotes []quote, answers map[quote]found) {
	for _, sku := range page.SKUs {
		if !slices.Contains(sku.ServiceRegions, region) || len(sku.PricingInfo) == 0 {
			continue
		}
		usd := 0.0
		for _, rate := range sku.PricingInfo[0].PricingExpression.TieredRates {
			units, _ := strconv.ParseFloat(rate.UnitPrice.Units, 64)
			if usd = units + rate.UnitPrice.Nanos/1e9; usd > 0 {
				break // the first step that is not free
			}
		}
		for _, q := range quotes {
			want, ok := gcpSKUs[q.service+"/"+q.sku]
			if ok && usd > 0 && want.service == service && want.usage == sku.Category.UsageType &&
				strings.HasPrefix(sku.Description, want.begins) {
				answers[q] = found{usd, "Cloud Billing Catalog, " + sku.Description}
			}
		}
	}
}
