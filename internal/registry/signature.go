package registry

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
)

// SignatureFile holds the Ed25519 signature of manifest.json in base64. The manifest holds the sums of all other
// files, so that one signature covers the version.
const SignatureFile = "manifest.sig"

// ErrSignature means that a version is not signed with the key that was asked for.
var ErrSignature = errors.New("the model version is not signed by the expected key")

// Option changes a registry.
type Option func(*Registry)

// VerifyWith makes a registry refuse versions that are not signed with the key.
func VerifyWith(key ed25519.PublicKey) Option { return func(r *Registry) { r.verify = key } }

// SignWith makes a registry sign the versions that it registers.
func SignWith(key ed25519.PrivateKey) Option { return func(r *Registry) { r.sign = key } }

// ReadPublicKey reads a file with an Ed25519 public key as openssl pkey -pubout writes it.
func ReadPublicKey(file string) (ed25519.PublicKey, error) {
	block, err := readPEM(file)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(block)
	if public, ok := key.(ed25519.PublicKey); ok && err == nil {
		return public, nil
	}
	return nil, fmt.Errorf("reading the key %s: want an Ed25519 public key in PEM: %w", file,
		errors.Join(err, ErrSignature))
}

// ReadPrivateKey reads a file with an Ed25519 private key as openssl genpkey -algorithm ed25519 writes it.
func ReadPrivateKey(file string) (ed25519.PrivateKey, error) {
	block, err := readPEM(file)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(block)
	if private, ok := key.(ed25519.PrivateKey); ok && err == nil {
		return private, nil
	}
	return nil, fmt.Errorf("reading the key %s: want an Ed25519 private key in PEM: %w", file,
		errors.Join(err, ErrSignature))
}

func readPEM(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("reading the key %s: it is not PEM: %w", file, ErrSignature)
	}
	return block.Bytes, nil
}

// checkSignature refuses a manifest that is not signed, where a key is set.
func (r *Registry) checkSignature(ctx context.Context, prefix string, manifest []byte) error {
	if r.verify == nil {
		return nil
	}
	text, err := r.zone.ReadAtMost(ctx, prefix+SignatureFile, 1<<10)
	if errors.Is(err, lake.ErrNotFound) {
		return fmt.Errorf("opening model %s: there is no %s: %w", prefix, SignatureFile, ErrSignature)
	}
	if err != nil {
		return err
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || !ed25519.Verify(r.verify, manifest, signature) {
		return fmt.Errorf("opening model %s: %s does not fit manifest.json: %w", prefix, SignatureFile, ErrSignature)
	}
	return nil
}

func (r *Registry) writeSignature(ctx context.Context, manifestKey string, manifest []byte) error {
	if r.sign == nil {
		return nil
	}
	text := base64.StdEncoding.EncodeToString(ed25519.Sign(r.sign, manifest)) + "\n"
	return r.zone.Write(ctx, path.Dir(manifestKey)+"/"+SignatureFile, []byte(text))
}
