//go:build cloud

package launch_test

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/clusterjob"
	"github.com/mlpathway/mlpathway/training-image/launch"
)

// TestTokenForEKS: what the cluster is shown is a request to STS of its region, signed with its name and short-lived,
// as aws-iam-authenticator takes it.
func TestTokenForEKS(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "session")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	token, err := launch.TokenOf(context.Background(), clusterjob.Cluster{
		Kind: clusterjob.EKS, Name: "fraud-dev", Region: "eu-central-1",
	})
	require.NoError(t, err)
	encoded, ok := strings.CutPrefix(token, "k8s-aws-v1.")
	require.True(t, ok)
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	require.NoError(t, err)
	u, err := url.Parse(string(text))
	require.NoError(t, err)
	assert.Equal(t, []string{"https", "sts.eu-central-1.amazonaws.com", "/"}, []string{u.Scheme, u.Host, u.Path})
	q := u.Query()
	assert.Equal(t, []string{"GetCallerIdentity", "2011-06-15", "60", "host;x-k8s-aws-id", "session"}, []string{
		q.Get("Action"), q.Get("Version"), q.Get("X-Amz-Expires"), q.Get("X-Amz-SignedHeaders"),
		q.Get("X-Amz-Security-Token"),
	})
	assert.True(t, strings.HasPrefix(q.Get("X-Amz-Credential"), "AKIDEXAMPLE/"))
	assert.NotEmpty(t, q.Get("X-Amz-Signature"))
	assert.Less(t, len(token), 4096)
}
