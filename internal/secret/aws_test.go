//go:build cloud

package secret_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/secret"
)

// store stands in for Secrets Manager, over the protocol of the service.
func store(w http.ResponseWriter, r *http.Request) {
	var in struct {
		SecretID string `json:"SecretId"`
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	target := r.Header.Get("X-Amz-Target")
	if json.NewDecoder(r.Body).Decode(&in) != nil ||
		target != "secretsmanager.GetSecretValue" && target != "secretsmanager.DescribeSecret" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"InvalidRequestException"}`))
		return
	}
	if in.SecretID != "fraud-dev-security-endpoint" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"ResourceNotFoundException"}`))
		return
	}
	if target == "secretsmanager.DescribeSecret" {
		_, _ = w.Write([]byte(`{"Name":"fraud-dev-security-endpoint","LastChangedDate":1764000000}`))
		return
	}
	_, _ = w.Write([]byte(`{"Name":"fraud-dev-security-endpoint","VersionId":"11111111-1111-1111-1111-111111111111",` +
		`"SecretString":"hidden","CreatedDate":1764000000}`))
}

// The environment belongs to the process, so this test runs alone.
func TestSecretsManager(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(store))
	defer server.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	// The address is that of components/aws.
	data, err := secret.Read(t.Context(),
		"awssecretsmanager://fraud-dev-security-endpoint?region=eu-central-1&decoder=string")
	require.NoError(t, err)
	assert.Equal(t, "hidden", string(data))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err = secret.Read(ctx, "awssecretsmanager://other?region=eu-central-1&decoder=string")
	require.Error(t, err)
}
