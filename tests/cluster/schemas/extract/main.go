// Command extract writes the schemas that the tests of components/kubernetes hold objects against. It needs the modules
// of tools/k8s and those whose definitions the tests install; it downloads what is not there.
//
//	go run -tags local ./tests/cluster/schemas/extract
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
	"github.com/mlpathway/mlpathway/tests/cluster/schemas"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	cache, err := binaries.Open(root)
	if err != nil {
		return err
	}
	text, err := schemas.Extract(ctx, cache)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, schemas.File), text, 0o600)
}
