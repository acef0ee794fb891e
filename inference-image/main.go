// Command inference-image is the second of the two images: it serves the promoted model over HTTP, predicts whole
// feature sets, and compares live with training data.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/mlpathway/mlpathway/inference-image/monitor"
)

// Exit codes besides 0.
const (
	exitFailed = 1
	exitUsage  = 2
	exitDrift  = 3
)

// version is set by the linker.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run is main with an exit code in place of an exit.
func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(root.ErrOrStderr(), "Error:", err)
	switch {
	case errors.Is(err, monitor.ErrDrift):
		return exitDrift
	case errors.Is(err, errUsage):
		return exitUsage
	default:
		return exitFailed
	}
}
