package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// namePattern holds names that become file names, parts of URLs and keys of a YAML file.
var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// sha256Pattern is a SHA-256 in lower-case hexadecimal digits.
var sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// checker collects what is wrong with the inputs of a resource, property by property. Values that are not known yet,
// as in a preview, are not judged.
type checker struct {
	inputs   property.Map
	failures []p.CheckFailure
}

// known tells whether a property is given and its value is known.
func (c *checker) known(name string) bool {
	value, ok := c.inputs.GetOk(name)
	return ok && !value.HasComputed()
}

func (c *checker) failf(name, format string, args ...any) {
	c.failures = append(c.failures, p.CheckFailure{Property: name, Reason: fmt.Sprintf(format, args...)})
}

// want records a failure where a known property does not meet its condition.
func (c *checker) want(ok bool, name, format string, args ...any) {
	if !ok && c.known(name) {
		c.failf(name, format, args...)
	}
}

func (c *checker) absolute(name, path string) {
	c.want(filepath.IsAbs(path) && filepath.Clean(path) == path, name,
		"found %q, want a clean absolute path such as /home/me/project/.mlpathway/local", path)
}

func (c *checker) name(property, value string) {
	c.want(namePattern.MatchString(value), property,
		"found %q, want lower-case letters, digits and '-', at most 63, starting with a letter or digit", value)
}

// purgeable refuses directories whose whole removal could only be a mistake.
func (c *checker) purgeable(name, path string) {
	for what, holy := range map[string]func() (string, error){
		"your home directory": os.UserHomeDir, "the working directory": os.Getwd,
	} {
		at, err := holy()
		if err == nil && (at == path || strings.HasPrefix(at, strings.TrimSuffix(path, "/")+"/")) {
			c.want(false, name, "purge would remove %s, which holds %s: choose a directory of its own", path, what)
			return
		}
	}
}
