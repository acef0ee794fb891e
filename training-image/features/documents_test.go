//go:build cloud

package features_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/features"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

// table stands in for a table of DynamoDB with one key, over the protocol of the service.
type table struct {
	mu    sync.Mutex
	items map[string]map[string]map[string]string
	busy  int // calls that are refused for now
}

// ServeHTTP answers one call.
func (s *table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in struct {
		TableName string
		Item      map[string]map[string]string
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	err := json.NewDecoder(r.Body).Decode(&in)
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case action == "DescribeTable" && in.TableName == "fraud-online":
		_, _ = w.Write([]byte(`{"Table":{"TableName":"fraud-online","KeySchema":[` +
			`{"AttributeName":"key","KeyType":"HASH"}]}}`))
	case s.busy > 0:
		s.busy--
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slower"}`))
	case err != nil || action != "PutItem" || in.TableName != "fraud-online" ||
		in.Item["key"]["S"] == "":
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException","message":"no"}`))
	default:
		s.items[in.Item["key"]["S"]] = in.Item
		_, _ = w.Write([]byte("{}"))
	}
}

// The environment belongs to the process, so this test runs alone.
func TestOnlineFeaturesInDynamoDB(t *testing.T) {
	s := &table{items: map[string]map[string]map[string]string{}, busy: 2}
	server := httptest.NewServer(s)
	defer server.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	l := steptest.New(t, with("SELECT id, size, kind FROM curated"))
	l.Drop("a.csv", rows(230), 0)
	run := func(id, online string) error {
		o := l.Options(id)
		require.NoError(t, etl.Run(t.Context(), o))
		o.Online = online
		return features.Run(t.Context(), o)
	}
	const uri = "dynamodb://fraud-online?partition_key=key&region=eu-central-1"
	require.NoError(t, run("r1", uri+"&ttl_days=7"))
	require.Len(t, s.items, 230)
	assert.Equal(t, `{"size":5.25}`, s.items["21"]["features"]["S"])
	assert.Equal(t, `{"size":null}`, s.items["20"]["features"]["S"])
	var expires int64
	require.NoError(t, json.Unmarshal([]byte(s.items["21"]["expires"]["N"]), &expires))
	assert.WithinDuration(t, time.Now().AddDate(0, 0, 7), time.Unix(expires, 0), time.Hour)

	require.NoError(t, run("r2", uri))
	assert.NotContains(t, s.items["21"], "expires", "a row that never expires")
	require.ErrorContains(t, run("r3", strings.Replace(uri, "fraud-online", "other", 1)), "filling the online store")
	require.ErrorContains(t, run("r4", uri+"&ttl_days=soon"), "want a number of days")
}
