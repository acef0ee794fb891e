package components

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/schedule"
)

// checker collects everything that is wrong with the arguments of one layer, so that a person can mend it in one go.
type checker struct {
	layer  Layer
	name   string
	errors []error
}

func (c *checker) err() error { return errors.Join(c.errors...) }

// fail records that an argument is wrong; want says what to write instead.
func (c *checker) fail(sentinel error, arg string, found any, want string) {
	c.errors = append(c.errors, fmt.Errorf("creating %s %q: %s: found %s, want %s: %w",
		c.layer, c.name, arg, quote(found), want, sentinel))
}

var logicalName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,38}[a-z0-9]$`)

// isName reports whether a name holds on every target: 2 to 40 lower-case letters, digits and hyphens.
func isName(name string) bool { return logicalName.MatchString(name) && !strings.Contains(name, "--") }

const nameRule = "2 to 40 lower-case letters, digits and single hyphens, beginning with a letter"

func (c *checker) logicalName() {
	if !isName(c.name) {
		c.fail(ErrName, "name", c.name, nameRule)
	}
}

func (c *checker) named(arg, value string) {
	if !isName(value) {
		c.fail(ErrName, arg, value, nameRule)
	}
}

func (c *checker) required(arg string, ok bool, want string) {
	if !ok {
		c.fail(ErrRequired, arg, "nothing", want)
	}
}

func inRange[N cmp.Ordered](c *checker, arg string, value, low, high N) {
	if value < low || value > high {
		c.fail(ErrRange, arg, value, fmt.Sprintf("%v to %v", low, high))
	}
}

func atLeast[N cmp.Ordered](c *checker, arg string, value, low N) {
	if value < low {
		c.fail(ErrRange, arg, value, fmt.Sprintf("at least %v", low))
	}
}

func oneOf[T ~string](c *checker, arg string, value T, allowed ...T) {
	if slices.Contains(allowed, value) {
		return
	}
	words := make([]string, len(allowed))
	for i, word := range allowed {
		words[i] = string(word)
	}
	c.fail(ErrChoice, arg, string(value), "one of "+strings.Join(words, ", "))
}

// schedule accepts a cron expression of five fields, or nothing.
func (c *checker) schedule(value string) {
	if value != "" && schedule.Check(value) != nil {
		c.fail(ErrSchedule, "schedule", value, `a cron expression of five fields in UTC such as "0 2 * * *"`)
	}
}

// cidr accepts an IPv4 range whose prefix is between two lengths.
func (c *checker) cidr(arg, value string, longest int) {
	prefix, err := netip.ParsePrefix(value)
	switch {
	case err != nil || !prefix.Addr().Is4():
		c.fail(ErrCIDR, arg, value, `an IPv4 range such as "10.20.0.0/16"`)
	case prefix.Masked() != prefix:
		c.fail(ErrCIDR, arg, value, "the first address of the range, "+prefix.Masked().String())
	case prefix.Bits() < 16 || prefix.Bits() > longest:
		c.fail(ErrCIDR, arg, value, fmt.Sprintf("a prefix between /16 and /%d", longest))
	}
}

// apart accepts a range that shares no address with another one.
func (c *checker) apart(arg, value, other string) {
	prefix, err := netip.ParsePrefix(value)
	if err != nil {
		c.fail(ErrCIDR, arg, value, `a range such as "10.20.0.0/16"`)
		return
	}
	if own, err := netip.ParsePrefix(other); err == nil && own.Overlaps(prefix) {
		c.fail(ErrCIDR, "cidr", other, "a range that does not overlap "+value)
	}
}

func quote(value any) string {
	if s, ok := value.(string); ok && s != "nothing" {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprint(value)
}
