//go:build cloud

package metadata

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dynamo is a stand-in for DynamoDB: one table with a partition and a sort key, over the protocol of the service.
type dynamo struct {
	mu    sync.Mutex
	items map[[2]string]map[string]any
}

type dynamoRequest struct {
	TableName      string
	RequestItems   map[string]json.RawMessage
	TransactItems  []map[string]dynamoWrite
	Item           map[string]any
	Key            map[string]any
	FilterExpr     string `json:"FilterExpression"`
	ConditionExpr  string `json:"ConditionExpression"`
	ExclusiveStart any    `json:"ExclusiveStartKey"`
}

type dynamoWrite struct {
	Item map[string]any
	Key  map[string]any
}

// key reads the keys of an item; the service refuses an empty one.
func key(item map[string]any) ([2]string, bool) {
	var k [2]string
	for i, name := range []string{"TrainingJobName", "ModelVersion"} {
		value, _ := item[name].(map[string]any)
		k[i], _ = value["S"].(string)
	}
	return k, k[0] != "" && k[1] != ""
}

// ServeHTTP answers one call.
func (d *dynamo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var request dynamoRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	answer, ok := d.do(action, &request)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#ValidationException", "message": action}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(answer)
}

func (d *dynamo) do(action string, request *dynamoRequest) (map[string]any, bool) {
	switch action {
	case "PutItem":
		k, ok := key(request.Item)
		if ok && request.TableName == "MLTrainingMetadata" {
			d.items[k] = request.Item
		}
		return map[string]any{}, ok
	case "DeleteItem":
		k, ok := key(request.Key)
		delete(d.items, k)
		return map[string]any{}, ok
	case "BatchGetItem":
		found := []any{}
		var want struct{ Keys []map[string]any }
		if json.Unmarshal(request.RequestItems["MLTrainingMetadata"], &want) != nil {
			return nil, false
		}
		for _, wanted := range want.Keys {
			if k, _ := key(wanted); d.items[k] != nil {
				found = append(found, d.items[k])
			}
		}
		return map[string]any{"Responses": map[string]any{"MLTrainingMetadata": found}, "UnprocessedKeys": map[string]any{}}, true
	case "Scan":
		all := []any{}
		for _, item := range d.items {
			all = append(all, item)
		}
		return map[string]any{"Items": all, "Count": len(all), "ScannedCount": len(all)}, true
	case "DescribeTable":
		return map[string]any{"Table": map[string]any{"TableName": "MLTrainingMetadata", "KeySchema": []any{
			map[string]string{"AttributeName": "TrainingJobName", "KeyType": "HASH"},
			map[string]string{"AttributeName": "ModelVersion", "KeyType": "RANGE"}}}}, true
	}
	return nil, false
}

// exercise demands what the tests of the other tables demand.
func exercise(t *testing.T, table Table) {
	t.Helper()
	at := time.Date(2026, 11, 22, 12, 0, 0, 5000, time.UTC)
	first := Row{TrainingJobName: "a-1", Timestamp: at, Status: Failed, Reason: "disk full", Metrics: map[string]float64{}}
	second := Row{TrainingJobName: "a-2", ModelVersion: "v2", Metrics: map[string]float64{"auc": 0.5},
		Timestamp: at.Add(time.Second), Status: Promoted, DataVersion: "d", Reason: "enough"}
	for _, row := range []Row{second, first, first} {
		require.NoError(t, table.Put(t.Context(), row))
	}
	rows, err := table.Rows(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []Row{first, second}, rows)
	first.ModelVersion, first.Status = "v1", Promoted
	require.NoError(t, table.Put(t.Context(), first))
	rows, err = table.Rows(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []Row{first, second}, rows)
}

func TestDynamoDB(t *testing.T) {
	endpoint := os.Getenv("MLPATHWAY_TEST_DYNAMODB") // of another stand-in that has the table
	if endpoint == "" {
		server := httptest.NewServer(&dynamo{items: map[[2]string]map[string]any{}})
		defer server.Close()
		endpoint = server.URL
	}
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	// The address is that of components/aws, with permission to read the whole table.
	table, err := Open(t.Context(), "dynamodb://MLTrainingMetadata?partition_key=TrainingJobName&region=eu-west-1"+
		"&sort_key=ModelVersion&allow_scans=true")
	require.NoError(t, err)
	exercise(t, table)
	require.NoError(t, table.Close())
}

// anyone is a credential that the stand-in takes.
type anyone struct{}

// GetToken implements azcore.TokenCredential.
func (anyone) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// cosmos is a stand-in for Cosmos DB: one container, over the protocol of the service.
type cosmos struct {
	mu    sync.Mutex
	host  string
	items map[string]json.RawMessage
}

// ServeHTTP answers one call.
func (c *cosmos) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	location := []any{map[string]string{"name": "West Europe", "databaseAccountEndpoint": c.host}}
	switch {
	case r.URL.Path == "/" || r.URL.Path == "":
		_ = json.NewEncoder(w).Encode(map[string]any{"writableLocations": location, "readableLocations": location})
	case r.URL.Path != "/dbs/ml/colls/MLTrainingMetadata/docs":
		http.NotFound(w, r)
	case r.Header.Get("x-ms-documentdb-isquery") != "" || strings.Contains(r.Header.Get("Content-Type"), "query"):
		documents := []json.RawMessage{}
		for _, item := range c.items {
			documents = append(documents, item)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"Documents": documents, "_count": len(documents)})
	default:
		data, _ := io.ReadAll(r.Body)
		var fields map[string]any
		if json.Unmarshal(data, &fields) != nil || fields["id"] == "" || r.Header.Get("x-ms-documentdb-is-upsert") == "" ||
			!slices.Contains([]string{`["` + fields["id"].(string) + `"]`}, r.Header.Get("x-ms-documentdb-partitionkey")) {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		c.items[fields["id"].(string)] = data
		_, _ = w.Write(data)
	}
}

func TestCosmosDB(t *testing.T) {
	t.Parallel()
	store := &cosmos{items: map[string]json.RawMessage{}}
	server := httptest.NewTLSServer(store)
	defer server.Close()
	store.host = server.URL
	u, err := url.Parse("cosmos://" + strings.TrimPrefix(server.URL, "https://") + "/ml/MLTrainingMetadata")
	require.NoError(t, err)
	table, err := newCosmos(u, anyone{}, &azcosmos.ClientOptions{
		ClientOptions: policy.ClientOptions{Transport: server.Client()}})
	require.NoError(t, err)
	exercise(t, table)
}
