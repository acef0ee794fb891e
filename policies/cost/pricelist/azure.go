package pricelist

import (
	"context"
	"errors"
	"net/url"
	"strings"
)

// azurePage is a page of the retail prices.
type azurePage struct {
	Items        []azureItem `json:"Items"`
	NextPageLink string      `json:"NextPageLink"`
}

type azureItem struct {
	CurrencyCode string  `json:"currencyCode"`
	RetailPrice  float64 `json:"retailPrice"`
	ArmSKUName   string  `json:"armSkuName"`
	SKUName      string  `json:"skuName"`
	ProductName  string  `json:"productName"`
	Type         string  `json:"type"`
	Unit         string  `json:"unitOfMeasure"`
}

// plain is the price of an hour of a Linux machine.
func (i *azureItem) plain() bool {
	return i.CurrencyCode == "USD" && i.Type == "Consumption" && i.Unit == "1 Hour" && i.RetailPrice > 0 &&
		!strings.Contains(i.ProductName, "Windows") && !strings.HasSuffix(i.SKUName, "Low Priority")
}

// azure reads the prices of machines in a region; the other rows have no name that the list could be asked for.
func (s *Source) azure(ctx context.Context, region string, quotes []quote) (map[quote]found, error) {
	byMachine := map[string][]quote{}
	for _, q := range quotes {
		switch q.service {
		case "vm-ondemand", "vm-spot", "azureml-compute":
			byMachine[q.sku] = append(byMachine[q.sku], q)
		}
	}
	answers := map[quote]found{}
	filter := "serviceName eq 'Virtual Machines' and priceType eq 'Consumption' and armRegionName eq '" + region + "'"
	address := s.Azure + "/api/retail/prices?currencyCode=USD&$filter=" + url.QueryEscape(filter)
	for pages := 0; address != ""; pages++ {
		if pages > 1000 {
			return nil, errors.New("the list of prices does not end")
		}
		var page azurePage
		if err := s.get(ctx, address, decode(&page)); err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			for _, q := range byMachine[item.ArmSKUName] {
				if item.plain() && strings.HasSuffix(item.SKUName, " Spot") == (q.service == "vm-spot") {
					answers[q] = found{item.RetailPrice, "Azure Retail Prices, Virtual Machines"}
				}
			}
		}
		if address = page.NextPageLink; address != "" && !strings.HasPrefix(address, s.Azure+"/") {
			return nil, errors.New("the next page of prices is at another address: " + withoutQuery(address))
		}
	}
	return answers, nil
}
