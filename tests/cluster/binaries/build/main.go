// Command build builds the programs of the control plane that the tests of the kubernetes target run on.
//
//	go run ./tests/cluster/binaries/build            all of them (15 minutes of CPU the first time)
//	go run ./tests/cluster/binaries/build -admission etcd and kube-apiserver only (7 minutes of CPU)
//	go run ./tests/cluster/binaries/build -check     only look; exit 1 where something is missing
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
)

func main() {
	admission := flag.Bool("admission", false, "only what judges objects: etcd and kube-apiserver")
	check := flag.Bool("check", false, "only look whether they are built")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *admission, *check)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, admission, check bool) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	cache, err := binaries.Open(root)
	if err != nil {
		return err
	}
	names := binaries.Behaviour
	if admission {
		names = binaries.Admission
	}
	if check {
		if missing := cache.Missing(names); len(missing) > 0 {
			return fmt.Errorf("%w: %s", binaries.ErrMissing, strings.Join(missing, ", "))
		}
	} else if err := cache.Build(ctx, names, os.Stderr); err != nil {
		return err
	}
	fmt.Println(cache.Dir)
	return nil
}
