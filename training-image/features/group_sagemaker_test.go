//go:build cloud

package features_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/features"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

// featureStore stands in for the Feature Store Runtime of SageMaker: it takes records of one group whose requests are
// signed by who it knows.
type featureStore struct {
	mu      sync.Mutex
	records map[string]map[string]string
	times   map[string]int // that a record was put
	busy    int            // calls that are refused for now
	refuses string         // the key of a row that it does not take
}

var known = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}

// signed reports whether a request is signed by who is known, for the service and the region.
func signed(r *http.Request, body []byte) bool {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	again, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		return false
	}
	again.Header.Set("Content-Type", r.Header.Get("Content-Type"))
	sum := sha256.Sum256(body)
	err = signer.NewSigner().SignHTTP(r.Context(), known, again, hex.EncodeToString(sum[:]), "sagemaker",
		"eu-central-1", at)
	return err == nil && again.Header.Get("Authorization") == r.Header.Get("Authorization")
}

// ServeHTTP answers one call.
func (s *featureStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	var in struct {
		Record []struct{ FeatureName, ValueAsString string }
	}
	row := map[string]string{}
	err := json.Unmarshal(body, &in)
	for _, v := range in.Record {
		row[v.FeatureName] = v.ValueAsString
	}
	switch {
	case !signed(r, body):
		w.WriteHeader(http.StatusForbidden)
	case s.busy > 0:
		s.busy--
		w.WriteHeader(http.StatusTooManyRequests)
	case err != nil || r.Method != http.MethodPut || r.URL.Path != "/FeatureGroup/fraud" || row["record_id"] == s.refuses:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"Message":"no such feature"}`))
	default:
		s.records[row["record_id"]] = row
		s.times[row["record_id"]]++
	}
}

// The environment belongs to the process, so this test runs alone.
func TestFeatureGroupOfSageMaker(t *testing.T) {
	s := &featureStore{records: map[string]map[string]string{}, times: map[string]int{}, busy: 20, refuses: "none"}
	server := httptest.NewServer(s)
	defer server.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_SAGEMAKER_FEATURESTORE_RUNTIME": server.URL, "AWS_ACCESS_KEY_ID": known.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY": known.SecretAccessKey, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	l := steptest.New(t, with("SELECT id, size, kind FROM curated"))
	l.Drop("a.csv", rows(230), 0)
	run := func(id, group string) error {
		o := l.Options(id)
		require.NoError(t, etl.Run(t.Context(), o))
		o.Group = group
		return features.Run(t.Context(), o)
	}
	const uri = "sagemaker-featurestore://fraud?region=eu-central-1"
	require.NoError(t, run("r1", uri))
	require.Len(t, s.records, 230)
	row := s.records["21"]
	at, err := time.Parse("2006-01-02T15:04:05.000Z", row["event_time"])
	require.NoError(t, err)
	assert.WithinDuration(t, l.Run("r1").Started, at, time.Millisecond, "the time of the run, the same for all rows")
	assert.Equal(t, map[string]string{
		"record_id": "21", "event_time": row["event_time"], "features": `{"size":5.25}`,
	}, row)

	before := maps.Clone(s.records)
	again := l.Options("r1")
	again.Group = uri
	require.NoError(t, features.Run(t.Context(), again)) // the step is tried again
	assert.True(t, maps.EqualFunc(before, s.records, maps.Equal[map[string]string]), "the same records")
	assert.Equal(t, 2, s.times["21"])

	s.refuses = "21"
	require.ErrorContains(t, run("r2", uri), `the row "21": the feature store answers 400 Bad Request`)
	for _, wrong := range []string{
		"sagemaker-featurestore://fraud", "sagemaker-featurestore:///fraud?region=r", "table://x",
	} {
		require.ErrorIs(t, run("r3", wrong), features.ErrGroup, wrong)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	require.ErrorContains(t, run("r4", uri), "403 Forbidden")
}
