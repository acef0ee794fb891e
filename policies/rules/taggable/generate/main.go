// Generate writes the list of taggable types to the file that it is given.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/mlpathway/mlpathway/policies/rules/taggable"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("found %d arguments, want the file to write", len(args))
	}
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return fmt.Errorf("asking go for its module cache: %w", err)
	}
	list, err := taggable.List(strings.TrimSpace(string(cache)))
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], []byte(list), 0o644) //nolint:gosec // a source file, for everybody to read
}
