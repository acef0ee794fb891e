//go:build cloud

package metadata

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
)

// cosmosTable is the table in a container of Cosmos DB whose partition key is /TrainingJobName.
type cosmosTable struct{ items *azcosmos.ContainerClient }

// item is a row in Cosmos DB: the document, with the id that the store demands.
type item struct {
	ID string `json:"id"`
	document
}

func openCosmos(u *url.URL) (Table, error) {
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return newCosmos(u, credential, nil)
}

func newCosmos(u *url.URL, credential azcore.TokenCredential, options *azcosmos.ClientOptions) (Table, error) {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if u.Host == "" || len(parts) != 2 {
		return nil, fmt.Errorf("want cosmos://account.documents.azure.com/database/container")
	}
	client, err := azcosmos.NewClient("https://"+u.Host, credential, options)
	if err != nil {
		return nil, err
	}
	items, err := client.NewContainer(parts[0], parts[1])
	if err != nil {
		return nil, err
	}
	return &cosmosTable{items}, nil
}

// Close implements Table.
func (t *cosmosTable) Close() error { return nil }

// Put implements Table.
func (t *cosmosTable) Put(ctx context.Context, row Row) error {
	d := toDocument(row)
	data, err := json.Marshal(item{ID: d.TrainingJobName, document: *d})
	if err != nil {
		return err
	}
	_, err = t.items.UpsertItem(ctx, azcosmos.NewPartitionKeyString(d.TrainingJobName), data, nil)
	return err
}

// Rows implements Table.
func (t *cosmosTable) Rows(ctx context.Context) ([]Row, error) {
	pages := t.items.NewQueryItemsPager("SELECT * FROM c", azcosmos.NewPartitionKey(), nil)
	var all []Row
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, data := range page.Items {
			var i item
			if err := json.Unmarshal(data, &i); err != nil {
				return nil, err
			}
			row, err := i.row()
			if err != nil {
				return nil, err
			}
			all = append(all, row)
		}
	}
	sortRows(all)
	return all, nil
}
