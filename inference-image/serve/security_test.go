package serve_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// authority signs certificates for a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	dir         string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a.certificate = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true}
	data, err := x509.CreateCertificate(rand.Reader, a.certificate, a.certificate, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.write(t, "ca.pem", "CERTIFICATE", data)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(t *testing.T, name, kind string, data []byte) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data})
	require.NoError(t, os.WriteFile(a.path(name), text, 0o600))
}

// issue writes NAME.pem and NAME.key.
func (a *authority) issue(t *testing.T, name string, serial int64) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	data, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)
	private, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	a.write(t, name+".pem", "CERTIFICATE", data)
	a.write(t, name+".key", "EC PRIVATE KEY", private)
	pair, err := tls.LoadX509KeyPair(a.path(name+".pem"), a.path(name+".key"))
	require.NoError(t, err)
	return pair
}

// client trusts the authority and shows the certificates.
func (a *authority) client(t *testing.T, maximum uint16, certificates ...tls.Certificate) *http.Client {
	t.Helper()
	text, err := os.ReadFile(a.path("ca.pem"))
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certificates,
		MaxVersion: maximum, MinVersion: tls.VersionTLS10}} //nolint:gosec // the server must refuse it
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 1}))
	a, stranger := newAuthority(t), newAuthority(t)
	a.issue(t, "server", 2)
	friend, other := a.issue(t, "friend", 3), stranger.issue(t, "other", 4)
	e := start(t, l, func(o *serve.Options) {
		o.TLSCert, o.TLSKey, o.ClientCA = a.path("server.pem"), a.path("server.key"), a.path("ca.pem")
	})
	url := strings.Replace(e.url, "http:", "https:", 1)
	ask := func(client *http.Client, method, path string) (int, error) {
		request, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(`{"features":[1]}`))
		require.NoError(t, err)
		response, err := client.Do(request)
		if err != nil {
			return 0, err
		}
		return response.StatusCode, response.Body.Close()
	}
	require.Eventually(t, func() bool {
		code, err := ask(a.client(t, 0), http.MethodGet, "/readyz")
		return err == nil && code == http.StatusOK
	}, 20*time.Second, 5*time.Millisecond, "a probe needs no certificate")
	code, err := ask(a.client(t, 0), http.MethodPost, "/predict")
	require.NoError(t, err)
	assert.Equal(t, http.StatusForbidden, code)
	code, err = ask(a.client(t, 0, friend), http.MethodPost, "/predict")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, code)
	code, err = ask(a.client(t, tls.VersionTLS12, friend), http.MethodPost, "/predict")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, code)
	_, err = ask(a.client(t, 0, other), http.MethodPost, "/predict")
	require.Error(t, err, "a certificate of somebody else")
	_, err = ask(a.client(t, tls.VersionTLS11, friend), http.MethodGet, "/readyz")
	require.ErrorContains(t, err, "protocol version")
}

func TestTLSThatCannotBe(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	a := newAuthority(t)
	a.issue(t, "server", 2)
	for says, change := range map[string]func(o *serve.Options){
		"client certificates need TLS": func(o *serve.Options) { o.ClientCA = a.path("ca.pem") },
		"reading the TLS certificate":  func(o *serve.Options) { o.TLSCert, o.TLSKey = a.path("none"), a.path("server.key") },
		"reading the client CA": func(o *serve.Options) {
			o.TLSCert, o.TLSKey, o.ClientCA = a.path("server.pem"), a.path("server.key"), a.path("no")
		},
		"holds no certificate": func(o *serve.Options) {
			o.TLSCert, o.TLSKey, o.ClientCA = a.path("server.pem"), a.path("server.key"), a.path("server.key")
		},
		serve.ErrOpen.Error():            func(o *serve.Options) { o.GRPCAddress = "0.0.0.0:0" },
		"sum up to 50":                   func(o *serve.Options) { o.Traffic = "a=50" },
		"reading the key":                func(o *serve.Options) { o.VerifyKey = a.path("none") },
		"want an Ed25519 public key":     func(o *serve.Options) { o.VerifyKey = a.path("server.key") },
		"which model? Give --model NAME": func(o *serve.Options) { o.Model = "a,../b" },
		"stands in --model twice":        func(o *serve.Options) { o.Model = "a,a" },
	} {
		o := serve.Options{Address: "127.0.0.1:0", Models: l.URI("models"), Model: inferencetest.Model}
		change(&o)
		require.ErrorContains(t, serve.Run(t.Context(), o), says)
	}
}

// A slow caller is cut off, and a caller with endless headers too, while others are served.
func TestSlowCallersAndEndlessHeaders(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 1}))
	e := start(t, l, nil)
	e.waitFor("v1")
	dial := func(text string) net.Conn {
		c, err := net.Dial("tcp", strings.TrimPrefix(e.url, "http://")) //nolint:noctx // a test
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = c.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
		return c
	}
	slow := dial("POST /predict HTTP/1.1\r\nHost: x\r\nA: ")
	endless := dial("GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 64<<10))
	code, _, _ := e.do(http.MethodPost, "/predict", `{"features":[1]}`)
	assert.Equal(t, http.StatusOK, code)
	answer := make([]byte, 100)
	n, err := endless.Read(answer)
	require.NoError(t, err)
	assert.Contains(t, string(answer[:n]), "431")
	n, err = slow.Read(answer) // the server hangs up after five seconds
	if err == nil {
		assert.Contains(t, string(answer[:n]), "408")
	}
	var timeout net.Error
	assert.False(t, errorsAs(err, &timeout) && timeout.Timeout(), "the slow caller was not cut off")
}

func errorsAs(err error, target *net.Error) bool {
	e, ok := err.(net.Error) //nolint:errorlint // a bare error of the connection
	if ok {
		*target = e
	}
	return ok
}
