// Policies is the policy pack of mlpathway: pulumi preview --policy-pack policies judges a stack by the rules in rules/.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"

	"github.com/mlpathway/mlpathway/policies/pack"
)

func main() {
	// The engine reads a port from standard output: everything else goes to standard error.
	if err := policyx.Main(pack.Factory(time.Now)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
