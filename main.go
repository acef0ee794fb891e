// Command mlpathway declares a machine-learning platform.
//
// Under the Pulumi engine it is the Pulumi program of a stack. Started by a person it is a small command line for the
// stacks of this project; `mlpathway --help` lists what it can do.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/internal/cli"
	"github.com/mlpathway/mlpathway/stacks"
)

func main() {
	if _, ok := os.LookupEnv(pulumi.EnvMonitor); ok {
		pulumi.Run(stacks.Run)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
