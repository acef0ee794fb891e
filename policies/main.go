// Policies is the policy pack of mlpathway: pulumi preview --policy-pack policies judges a stack by the rules in
// rules/.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"

	"github.com/mlpathway/mlpathway/policies/pack"
)

func main() {
	if len(os.Args) > 1 {
		endWith(os.Args[1])
	}
	// The engine reads a port from standard output: everything else goes to standard error.
	if err := policyx.Main(pack.Factory(time.Now)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// endWith ends the program when the engine at an address is gone. The engine forgets to end a pack that it could not
// configure.
func endWith(engine string) {
	gone := func() { os.Exit(1) }
	if err := rpcutil.Healthcheck(context.Background(), engine, time.Second, gone); err != nil {
		fmt.Fprintln(os.Stderr, "watching the engine:", err)
	}
}
