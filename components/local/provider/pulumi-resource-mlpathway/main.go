// Command pulumi-resource-mlpathway serves the project's Pulumi provider to the Pulumi engine.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mlpathway/mlpathway/components/local/provider"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-mlpathway:", err)
		os.Exit(1)
	}
}

func run() error {
	local, err := provider.New()
	if err != nil {
		return fmt.Errorf("building the provider: %w", err)
	}
	return local.Run(context.Background(), provider.Name, provider.Version)
}
