package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mlpathway/mlpathway/internal/secret"
)

// ErrOpen means that the endpoint would be open to the network without anything that asks who calls.
var ErrOpen = errors.New("an endpoint without a token and without client certificates listens on this machine only; " +
	"give --token-file, or --client-ca, or an --address on 127.0.0.1, or --allow-anonymous")

// guard lets in who has the token or a client certificate; the zero value lets in everybody.
type guard struct {
	token        []byte // the SHA-256 of the token; nil where none is required
	certificates bool   // a verified client certificate is required
}

// newGuard reads the token and refuses an endpoint that would be open to the network by mistake.
func newGuard(o *Options) (guard, error) {
	token, err := readToken(o.TokenFile)
	if err != nil {
		return guard{}, err
	}
	g := guard{token: token, certificates: o.ClientCA != ""}
	if g.token != nil || g.certificates || o.AllowAnonymous {
		return g, nil
	}
	for _, address := range []string{o.Address, o.GRPCAddress} {
		if address == "" {
			continue
		}
		if err := requireLoopback(address); err != nil {
			return guard{}, err
		}
	}
	return g, nil
}

func readToken(address string) ([]byte, error) {
	if address == "" {
		return nil, nil
	}
	token, err := secret.Read(context.Background(), address)
	if err != nil {
		return nil, fmt.Errorf("reading the token: %w", err)
	}
	sum := sha256.Sum256(token)
	return sum[:], nil
}

func requireLoopback(address string) error {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return fmt.Errorf("the address %q: %w", address, err)
	}
	if !at.IP.IsLoopback() { // an empty host, every address of the machine, has no IP
		return fmt.Errorf("the address %q: %w", address, ErrOpen)
	}
	return nil
}

// bearer reports whether an Authorization header carries the token.
func (g guard) bearer(header string) bool {
	scheme, token, _ := strings.Cut(header, " ")
	sum := sha256.Sum256([]byte(token)) // of equal length whatever the caller sent
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], g.token) == 1
}

// verified reports whether the caller showed a certificate that was signed by the client CA.
func verified(state *tls.ConnectionState) bool { return state != nil && len(state.VerifiedChains) > 0 }

// open reports whether everybody is let in.
func (g guard) open() bool { return g.token == nil && !g.certificates }

// wrap demands the bearer token or a client certificate where one is required; where both are, either will do.
func (g guard) wrap(next http.HandlerFunc) http.HandlerFunc {
	if g.open() {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case g.certificates && verified(r.TLS), g.token != nil && g.bearer(r.Header.Get("Authorization")):
			next(w, r)
		case g.token == nil:
			writeError(w, http.StatusForbidden, "want a client certificate")
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="mlpathway"`)
			writeError(w, http.StatusUnauthorized, "want the header Authorization: Bearer <token>")
		}
	}
}

// newTLS makes the TLS configuration; nil where no certificate is given. Probes of the platform have no certificate,
// so that one is verified where it is shown and demanded only on the routes that the guard wraps.
func newTLS(o *Options) (*tls.Config, error) {
	if o.TLSCert == "" && o.TLSKey == "" {
		if o.ClientCA != "" {
			return nil, errors.New("client certificates need TLS: give --tls-cert and --tls-key beside --client-ca")
		}
		return nil, nil
	}
	pair := &keyPair{cert: o.TLSCert, key: o.TLSKey}
	if _, err := pair.get(nil); err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	if o.ClientCA == "" {
		return c, nil
	}
	data, err := os.ReadFile(o.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("reading the client CA: %w", err)
	}
	c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
	if !c.ClientCAs.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("reading the client CA: %s holds no certificate in PEM", o.ClientCA)
	}
	return c, nil
}

// keyPair reads the certificate again when its file has changed, as platforms renew it in place.
type keyPair struct {
	cert, key string

	mu      sync.Mutex
	looked  time.Time
	changed time.Time
	pair    *tls.Certificate
}

// keyPairLook is the time between two looks at the file.
const keyPairLook = 10 * time.Second

func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pair != nil && time.Since(k.looked) < keyPairLook {
		return k.pair, nil
	}
	k.looked = time.Now()
	info, err := os.Stat(k.cert)
	if err == nil && k.pair != nil && info.ModTime().Equal(k.changed) {
		return k.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	switch {
	case err == nil:
		k.pair = &pair
		if info != nil {
			k.changed = info.ModTime()
		}
	case k.pair == nil:
		return nil, fmt.Errorf("reading the TLS certificate: %w", err)
	}
	return k.pair, nil // a half-written new one does not replace the old one
}
