package pricelist_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/cost"
	"github.com/mlpathway/mlpathway/policies/cost/pricelist"
)

var today = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// The answers have the form of the real ones, cut to a few products.
const (
	ec2 = `{"formatVersion": "v1.0", "offerCode": "AmazonEC2", "publicationDate": "2026-11-20T00:00:00Z", "products": {
  "A": {"sku": "A", "productFamily": "Compute Instance", "attributes": {"usagetype": "EUC1-BoxUsage:m5.large",
    "operatingSystem": "Linux", "tenancy": "Shared", "capacitystatus": "Used", "preInstalledSw": "NA",
    "regionCode": "eu-central-1"}},
  "B": {"sku": "B", "attributes": {"usagetype": "EUC1-BoxUsage:m5.large", "operatingSystem": "Windows",
    "tenancy": "Shared", "capacitystatus": "Used", "preInstalledSw": "NA", "regionCode": "eu-central-1"}},
  "C": {"sku": "C", "attributes": {"usagetype": "EUC1-NatGateway-Hours", "regionCode": "eu-central-1"}},
  "D": {"sku": "D", "attributes": {"usagetype": "EUC1-Reserved-NatGateway-Hours", "regionCode": "eu-central-1"}}},
 "terms": {"Reserved": {"A": {"A.X": {"priceDimensions": {"A.X.Y": {"pricePerUnit": {"USD": "0.01"}}}}}},
  "OnDemand": {
  "A": {"A.J": {"priceDimensions":
   {"A.J.6": {"unit": "Hrs", "beginRange": "0", "pricePerUnit": {"USD": "0.1150000000"}}}}},
  "B": {"B.J": {"priceDimensions":
   {"B.J.6": {"unit": "Hrs", "beginRange": "0", "pricePerUnit": {"USD": "0.2070000000"}}}}},
  "C": {"C.J": {"priceDimensions":
   {"C.J.6": {"unit": "Hrs", "beginRange": "0", "pricePerUnit": {"USD": "0.0520000000"}}}}},
  "D": {"D.J": {"priceDimensions": {"D.J.6": {"beginRange": "0", "pricePerUnit": {"USD": "0.0010000000"}}}}}}}}`
	kms = `{"products": {
  "K": {"sku": "K", "attributes": {"usagetype": "eu-central-1-KMS-Requests", "regionCode": "eu-central-1"}}},
 "terms": {"OnDemand": {"K": {"K.J": {"priceDimensions": {
  "K.J.1": {"beginRange": "0", "endRange": "20000", "pricePerUnit": {"USD": "0.0000000000"}},
  "K.J.2": {"beginRange": "20000", "endRange": "Inf", "pricePerUnit": {"USD": "0.0000030000"}}}}}}}}`
	azureFirst = `{"BillingCurrency": "USD", "Items": [
  {"currencyCode": "USD", "retailPrice": 0.6, "armSkuName": "Standard_NC4as_T4_v3", "skuName": "NC4as T4 v3",
   "productName": "Virtual Machines NCasT4_v3 Series", "type": "Consumption", "unitOfMeasure": "1 Hour"},
  {"currencyCode": "USD", "retailPrice": 0.9, "armSkuName": "Standard_NC4as_T4_v3", "skuName": "NC4as T4 v3",
   "productName": "Virtual Machines NCasT4_v3 Series Windows", "type": "Consumption", "unitOfMeasure": "1 Hour"}],
 "NextPageLink": "%s/api/retail/prices?$skip=100", "Count": 2}`
	azureSecond = `{"Items": [
  {"currencyCode": "USD", "retailPrice": 0.07, "armSkuName": "Standard_NC4as_T4_v3", "skuName": "NC4as T4 v3 Spot",
   "productName": "Virtual Machines NCasT4_v3 Series", "type": "Consumption", "unitOfMeasure": "1 Hour"},
  {"currencyCode": "USD", "retailPrice": 0.1, "armSkuName": "Standard_NC4as_T4_v3", 
   "skuName": "NC4as T4 v3 Low Priority", "productName": "Virtual Machines NCasT4_v3 Series",
   "type": "Consumption", "unitOfMeasure": "1 Hour"}],
 "NextPageLink": null, "Count": 2}`
	gcpStorage = `{"skus": [
  {"description": "Standard Storage Frankfurt", "category": {"usageType": "OnDemand"}, 
   "serviceRegions": ["europe-west3"], "pricingInfo": [{"pricingExpression": {"usageUnit": "GiBy.mo", "tieredRates": [
    {"startUsageAmount": 0, "unitPrice": {"currencyCode": "USD", "units": "0", "nanos": 0}},
    {"startUsageAmount": 5, "unitPrice": {"currencyCode": "USD", "units": "0", "nanos": 23000000}}]}}]}],
  "nextPageToken": ""}`
)

// lists answers as the three providers do, at one address.
func lists(t *testing.T) *pricelist.Source {
	t.Helper()
	mux := http.NewServeMux()
	answer := func(pattern, body string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
	}
	answer("/offers/v1.0/aws/AmazonEC2/current/eu-central-1/index.json", ec2)
	answer("/offers/v1.0/aws/awskms/current/eu-central-1/index.json", kms)
	answer("/v1/services/6F81-5844-456A/skus", `{"skus": []}`)
	mux.HandleFunc("/v1/services/95FF-2EF5-5EA1/skus", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("key") != "key-of-a-test" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, gcpStorage)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/api/retail/prices", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("$skip") {
			fmt.Fprint(w, azureSecond)
			return
		}
		assert.Contains(t, r.URL.Query().Get("$filter"), "armRegionName eq 'westeurope'")
		fmt.Fprintf(w, azureFirst, server.URL)
	})
	return &pricelist.Source{
		AWS: server.URL, Azure: server.URL, GCP: server.URL, GCPKey: "key-of-a-test", Client: server.Client(),
	}
}

func row(cloud, service, sku, region, unit string, usd float64, marks ...string) cost.Price {
	return cost.Price{
		Cloud: cloud, Service: service, SKU: sku, Region: region, Unit: unit, USD: usd, Source: "old", Date: "2024",
		Marks: marks,
	}
}

func current() []cost.Price {
	return []cost.Price{
		row("aws", "ec2-ondemand", "m5.large", "us-east-1", "hour", 0.096),
		row("aws", "ec2-ondemand", "m5.large", "eu-central-1", "hour", 0.1, cost.LowConfidence),
		row("aws", "nat-gateway", "hour", "us-east-1", "hour", 0.045, cost.MachineOnly, cost.LowConfidence),
		row("aws", "kms", "requests", "us-east-1", "10k-requests", 0.03),
		row("aws", "kms", "key", "eu-central-1", "month", 1),
		row("azure", "vm-ondemand", "Standard_NC4as_T4_v3", "westeurope", "hour", 0.5, cost.DateUncertain),
		row("azure", "vm-spot", "Standard_NC4as_T4_v3", "westeurope", "hour", 0.06),
		row("gcp", "gcs", "standard", "us-central1", "gb-month", 0.02),
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	result, err := lists(t).Refresh(t.Context(), current(), pricelist.Request{
		Regions: map[string][]string{
			"aws": {"eu-central-1"}, "azure": {"westeurope"}, "gcp": {"europe-west3"},
		}, Today: today,
	})
	require.NoError(t, err)
	prices := map[string]cost.Price{}
	for _, p := range result.Prices {
		prices[p.Ref()] = p
	}
	for ref, want := range map[string]float64{
		"aws/ec2-ondemand/m5.large/eu-central-1":            0.115, // Linux, not Windows, not reserved
		"aws/ec2-ondemand/m5.large/us-east-1":               0.096, // not asked for
		"aws/nat-gateway/hour/eu-central-1":                 0.052, // a new region
		"aws/kms/requests/eu-central-1":                     0.03,  // the first step is free
		"aws/kms/key/eu-central-1":                          1,     // the list has none
		"azure/vm-ondemand/Standard_NC4as_T4_v3/westeurope": 0.6,
		"azure/vm-spot/Standard_NC4as_T4_v3/westeurope":     0.07, // on the second page
		"gcp/gcs/standard/europe-west3":                     0.023,
	} {
		assert.InDelta(t, want, prices[ref].USD, 1e-12, ref)
	}
	refreshed := prices["aws/ec2-ondemand/m5.large/eu-central-1"]
	assert.Equal(t, "2026-11-22", refreshed.Date)
	assert.Empty(t, refreshed.Marks, "the doubt is settled")
	assert.Equal(t, []string{cost.MachineOnly}, prices["aws/nat-gateway/hour/eu-central-1"].Marks,
		"what a price is made of holds in a new region too")
	assert.Equal(t, "AWS Price List, offer AmazonEC2, usage type BoxUsage:m5.large", refreshed.Source)
	assert.Equal(t, []int{3, 3, 5}, []int{result.Changed, result.Added, result.Kept})
	assert.Equal(t, []string{"aws/kms/key/eu-central-1"}, result.Missing)

	file, manifest, err := cost.Write(result.Prices, today)
	require.NoError(t, err)
	table, err := cost.LoadTable(file, manifest)
	require.NoError(t, err)
	assert.Len(t, table.Prices(), len(result.Prices))
}

func TestRefreshFails(t *testing.T) {
	t.Parallel()
	source := lists(t)
	ask := func(s *pricelist.Source, cloud, region string) error {
		_, err := s.Refresh(t.Context(), current(), pricelist.Request{
			Regions: map[string][]string{cloud: {region}}, Today: today,
		})
		return err
	}
	require.ErrorContains(t, ask(source, "ibm", "x"), "want aws, azure or gcp")
	require.ErrorContains(t, ask(source, "aws", "mars-1"), "404")
	wrong := *source
	wrong.GCPKey = "wrong-key"
	err := ask(&wrong, "gcp", "europe-west3")
	require.ErrorContains(t, err, "403")
	assert.NotContains(t, err.Error(), "wrong-key", "an error does not show the key")
	wrong.GCP = "http://127.0.0.1:1"
	err = ask(&wrong, "gcp", "europe-west3")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "wrong-key")
	wrong.GCPKey = ""
	require.ErrorContains(t, ask(&wrong, "gcp", "europe-west3"), "GOOGLE_API_KEY")
}

// TestHostileAnswers: what is no price list is an error, and a next page leads nowhere else.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no JSON": "<html>", "a list": "[]", "cut": ec2[:400], "nothing": "",
		"no number": strings.ReplaceAll(ec2, "0.1150000000", "cheap"),
		"elsewhere": `{"Items": [], "NextPageLink": "http://example.com/api"}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, body)
		}))
		t.Cleanup(server.Close)
		source := &pricelist.Source{AWS: server.URL, Azure: server.URL, Client: server.Client()}
		cloud := "aws"
		if name == "elsewhere" {
			cloud = "azure"
		}
		_, err := source.Refresh(t.Context(), current(), pricelist.Request{
			Regions: map[string][]string{cloud: {"eu-central-1"}}, Today: today,
		})
		require.Error(t, err, name)
	}
}

// TestWriteRefusesWhatTheReaderRefuses: a list that is wrong does not become the table.
func TestWriteRefusesWhatTheReaderRefuses(t *testing.T) {
	t.Parallel()
	rows := current()
	rows[6].USD = 5
	_, _, err := cost.Write(rows, today)
	require.ErrorContains(t, err, "is above on demand")
}
