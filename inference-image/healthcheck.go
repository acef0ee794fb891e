package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/inference-image/platform"
	"github.com/mlpathway/mlpathway/inference-image/serve"
)

// newHealthCheck asks the server in the same container whether it is ready. An image without a shell has no curl.
func newHealthCheck() *cobra.Command {
	var o serve.Options
	cmd := &cobra.Command{
		Use: "healthcheck", Short: "Ask the server on this machine whether it is ready",
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			platform.System().Apply(&o)
			address := o.Address
			if address == "" {
				address = "127.0.0.1:8080"
			}
			return healthCheck(cmd.Context(), address, o.TLSCert != "")
		},
	}
	flag(cmd, &o.Address, "address", "", "HOST:PORT that the server listens on")
	flag(cmd, &o.TLSCert, "tls-cert", "", "set where the server speaks TLS")
	return cmd
}

func healthCheck(ctx context.Context, address string, secure bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: the address %q: %w", errUsage, address, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	client, scheme := &http.Client{Timeout: 5 * time.Second}, "http"
	if secure {
		// The caller is in the same container: the name in the certificate is another one.
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
		scheme = "https"
	}
	url := scheme + "://" + net.JoinHostPort(host, port) + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking %s: it is not ready: %s", url, response.Status)
	}
	return nil
}
