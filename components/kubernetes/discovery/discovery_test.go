package discovery_test

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/kubernetes/discovery"
)

// kubeconfig leads the context shop to a server.
func kubeconfig(t *testing.T, s *httptest.Server) {
	t.Helper()
	trusted := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	path := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(path, []byte(`apiVersion: v1
kind: Config
clusters: [{name: shop, cluster: {server: "`+s.URL+`", certificate-authority-data: `+
		base64.StdEncoding.EncodeToString(trusted)+`}}]
users: [{name: shop, user: {token: secret}}]
contexts: [{name: shop, context: {cluster: shop, user: shop}}]
`), 0o600))
	t.Setenv("KUBECONFIG", path)
}

// What a real API server says is tested in tests/cluster/admission.
//
//nolint:paralleltest // the environment belongs to the process
func TestOddAnswers(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/apis", func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(`{"groups":[{"versions":[{"groupVersion":"keda.sh/v1alpha1"}]},` +
			`{"versions":[{"groupVersion":"custom.metrics.k8s.io/v1beta1"}]},{"versions":[{"groupVersion":"odd/v1"}]}]}`))
	})
	mux.HandleFunc("/apis/keda.sh/v1alpha1", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"resources":[{"kind":"ScaledObject"},{"kind":"ScaledJob"}]}`))
	})
	mux.HandleFunc("/apis/custom.metrics.k8s.io/v1beta1", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable) // its service has no pod
	})
	mux.HandleFunc("/apis/odd/v1", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	kubeconfig(t, server)

	served, err := discovery.Look(t.Context(), "shop", []string{
		"keda.sh/v1alpha1", "custom.metrics.k8s.io/v1beta1", "jobset.x-k8s.io/v1alpha2",
	})
	require.NoError(t, err)
	assert.Equal(t, map[string][]string{"keda.sh/v1alpha1": {"ScaledObject", "ScaledJob"}, "odd/v1": nil}, served)

	_, err = discovery.Look(t.Context(), "shop", []string{"odd/v1"})
	require.ErrorContains(t, err, "/apis/odd/v1: 403")
	_, err = discovery.Look(t.Context(), "elsewhere", nil)
	require.ErrorContains(t, err, "elsewhere")
}

//nolint:paralleltest // the environment belongs to the process
func TestNobodyAnswers(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	kubeconfig(t, server)
	_, err := discovery.Look(t.Context(), "shop", nil)
	require.ErrorContains(t, err, "404")
	server.Close()
	_, err = discovery.Look(t.Context(), "shop", nil)
	require.ErrorContains(t, err, "asking the cluster")
}
