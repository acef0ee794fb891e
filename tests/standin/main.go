// Command standin answers the Pulumi engine in the place of a cloud provider. It is installed under the name and
// version of the provider that it stands for, as resource-<name>-v<version>/pulumi-resource-<name> in Pulumi's plugins;
// it is no such provider, reaches no cloud, and says so in its log and in the records of its calls.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/tests/standin/cloud"
	"github.com/mlpathway/mlpathway/tests/standin/provider"
)

func main() {
	if err := run(context.Background(), os.Args[0], os.Getenv(cloud.Variable)); err != nil {
		fmt.Fprintln(os.Stderr, "mlpathway's stand-in for a cloud provider:", err)
		os.Exit(1)
	}
}

// run serves under the name that the program was started by.
func run(ctx context.Context, program, dir string) error {
	name, ok := strings.CutPrefix(filepath.Base(program), "pulumi-resource-")
	if !ok {
		return fmt.Errorf("started as %s: want a name such as pulumi-resource-aws", program)
	}
	if dir == "" {
		return fmt.Errorf("%s is not set: want the directory of a cloud, see tests/engine", cloud.Variable)
	}
	_, version, _ := strings.Cut(filepath.Base(filepath.Dir(program)), "resource-"+name+"-v")
	p, err := provider.New(name, version, cloud.Open(dir))
	if err != nil {
		return err
	}
	go endWithParent()
	return p.Run(ctx, name, version)
}

// endWithParent ends this process when the engine that started it is gone. A provider lives on otherwise.
func endWithParent() {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(50 * time.Millisecond)
	}
	os.Exit(1)
}
