//go:build cloud

// Package laketest starts stand-ins for the object stores of the clouds on this machine, which the real SDKs talk to:
// gofakes3 for S3, fake-gcs-server for Cloud Storage, Azurite for Blob Storage.
package laketest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

// Store is a running stand-in. It sets environment variables, so that a test with one must not be parallel.
type Store struct {
	// Scheme of its addresses: s3, gs or azblob.
	Scheme string
	// URI gives the address of a bucket.
	URI func(bucket string) string
	// Forbid lets the store refuse every object whose path holds a text, as it does where rights are missing; empty
	// for none. Blob Storage refuses nothing: its tests use a wrong key.
	Forbid func(text string)
}

// All starts all stores with buckets of the given names.
func All(t *testing.T, buckets ...string) []*Store {
	t.Helper()
	return []*Store{S3(t, buckets...), GCS(t, buckets...), Azure(t, buckets...)}
}

// guard refuses what is forbidden before a store sees it.
type guard struct {
	next   http.Handler
	text   atomic.Value
	refuse func(http.ResponseWriter)
}

// ServeHTTP implements http.Handler.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if text, _ := g.text.Load().(string); text != "" && strings.Contains(r.URL.Path+"?"+r.URL.RawQuery, text) {
		g.refuse(w)
		return
	}
	g.next.ServeHTTP(w, r)
}

// S3 starts a stand-in for S3.
func S3(t *testing.T, buckets ...string) *Store {
	t.Helper()
	backend := s3mem.New()
	for _, bucket := range buckets {
		require.NoError(t, backend.CreateBucket(bucket))
	}
	g := &guard{next: gofakes3.New(backend).Server(), refuse: func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`)
	}}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_REGION", "us-east-1")
	return &Store{Scheme: "s3", Forbid: func(text string) { g.text.Store(text) }, URI: func(bucket string) string {
		return "s3://" + bucket + "?endpoint=" + server.URL + "&use_path_style=true&disable_https=true"
	}}
}

// GCS starts a stand-in for Cloud Storage.
func GCS(t *testing.T, buckets ...string) *Store {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	fake, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, PublicHost: address, Scheme: "http"})
	require.NoError(t, err)
	for _, bucket := range buckets {
		fake.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: bucket})
	}
	g := &guard{next: fake.HTTPHandler(), refuse: func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"error": {"code": 403, "message": "does not have storage.objects.get access"}}`)
	}}
	server := &http.Server{Handler: g, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	t.Setenv("STORAGE_EMULATOR_HOST", address)
	return &Store{Scheme: "gs", Forbid: func(text string) { g.text.Store(text) },
		URI: func(bucket string) string { return "gs://" + bucket }}
}

// azureKey is Azurite's, which its documentation publishes.
const azureKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

// Modules is where npm has put Azurite: what MLPATHWAY_NODE names, or bin/node of this working copy.
func Modules(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("MLPATHWAY_NODE"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "bin", "node")
		}
	}
	return ""
}

// Azure starts a stand-in for Blob Storage. It is a program of Node.js, which make bin/node fetches.
func Azure(t *testing.T, buckets ...string) *Store {
	t.Helper()
	program := filepath.Join(Modules(t), "node_modules", "azurite", "dist", "src", "blob", "main.js")
	_, err := os.Stat(program)
	require.NoError(t, err, "this test needs Azurite: run make bin/node")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	c := exec.Command("node", program, "--blobHost", "127.0.0.1", "--blobPort", port, "--location", t.TempDir(), "--silent",
		"--skipApiVersionCheck", "--disableTelemetry")
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	t.Setenv("AZURE_STORAGE_ACCOUNT", "devstoreaccount1")
	t.Setenv("AZURE_STORAGE_KEY", azureKey)
	s := &Store{Scheme: "azblob", Forbid: func(string) {}, URI: func(bucket string) string {
		return fmt.Sprintf("azblob://%s?protocol=http&domain=%s&localemu=true", bucket, address)
	}}
	require.Eventually(t, func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 2*time.Minute, 50*time.Millisecond, "Azurite does not start")
	for _, bucket := range buckets {
		createContainer(t, address, bucket)
	}
	return s
}

func createContainer(t *testing.T, address, name string) {
	t.Helper()
	key, err := container.NewSharedKeyCredential("devstoreaccount1", azureKey)
	require.NoError(t, err)
	c, err := container.NewClientWithSharedKeyCredential("http://"+address+"/devstoreaccount1/"+name, key, nil)
	require.NoError(t, err)
	_, err = c.Create(t.Context(), nil)
	require.NoError(t, err)
}
