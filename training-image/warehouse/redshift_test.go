//go:build cloud

package warehouse_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/warehouse"
)

// service stands in for Redshift's Data API: it speaks its protocol, takes statements, lets them run for a while and
// fails those that it is told to.
type service struct {
	mu         sync.Mutex
	fails      string // part of a statement that fails
	statements []string
	workgroups map[string]bool
	databases  map[string]bool
	signed     bool
	looks      int
}

type request struct {
	WorkgroupName, Database string
	Sqls                    []string
}

// ServeHTTP answers one call.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in request
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.signed = strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") &&
		strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/")
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	answer, ok := s.do(r.Header.Get("X-Amz-Target"), &in)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *service) do(target string, in *request) (map[string]any, bool) {
	s.looks++
	failed := s.fails != "" && strings.Contains(strings.Join(s.statements, ";"), s.fails)
	switch target {
	case "RedshiftData.BatchExecuteStatement":
		s.take(in.WorkgroupName, in.Database, in.Sqls...)
		return map[string]any{"Id": "s1"}, true
	case "RedshiftData.DescribeStatement":
		state := []string{"SUBMITTED", "STARTED", "FINISHED"}[min(s.looks-1, 2)]
		if failed {
			state = "FAILED"
		}
		return map[string]any{"Id": "s1", "Status": state, "Error": "no such column"}, true
	}
	return map[string]any{"__type": "InvalidRequestException", "message": target}, false
}

func (s *service) take(workgroup, database string, statements ...string) {
	s.looks = 0
	s.workgroups[workgroup], s.databases[database] = true, true
	s.statements = append(s.statements, statements...)
}

// start starts the stand-in and tells the SDK of it. The environment belongs to the process: these tests run alone.
func start(t *testing.T) *service {
	t.Helper()
	s := &service{workgroups: map[string]bool{}, databases: map[string]bool{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return s
}

func TestRedshift(t *testing.T) {
	s := start(t)
	table, _ := rows(t)
	const uri = "redshift-data://fraud-prod-warehouse/analytics?iam_role=default&region=eu-central-1"
	require.NoError(t, warehouse.Load(t.Context(), uri, table))
	assert.Equal(t, []string{
		`DROP TABLE IF EXISTS curated."card-fraud"`,
		`CREATE TABLE curated."card-fraud" ("Id" BIGINT, "amount" DOUBLE PRECISION, "at" TIMESTAMP, "ok" BOOLEAN, ` +
			`"kind" VARCHAR(65535), "odd""name" VARCHAR(65535))`,
		`COPY curated."card-fraud" FROM 's3://lake-curated/d1/part-00000.parquet' IAM_ROLE default FORMAT AS PARQUET`,
	}, s.statements, "one batch is one transaction")
	assert.Equal(t, []map[string]bool{{"fraud-prod-warehouse": true}, {"analytics": true}},
		[]map[string]bool{s.workgroups, s.databases})
	assert.True(t, s.signed)
}

func TestAWarehouseThatRefuses(t *testing.T) {
	s := start(t)
	table, _ := rows(t)
	s.fails = "COPY"
	err := warehouse.Load(t.Context(), "redshift-data://w/d?region=eu-central-1", table)
	require.ErrorIs(t, err, warehouse.ErrStatement)
	require.ErrorContains(t, err, "no such column")
	require.ErrorIs(t, warehouse.Load(t.Context(), "redshift-data:///d?region=eu-central-1", table), warehouse.ErrScheme)
}
