package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Expectations read every value that a path leads to and say what they find: nothing for a value that is as wanted, a
// finding for one that is not, is missing or has another type, and "unverified" for one that is not known yet. Each
// returns whether all values are as wanted.

// Option changes an expectation.
type Option uint8

// AbsentOK accepts a value that is not given: the provider's default is as wanted.
const AbsentOK Option = 1

// Expect says of each value at a path whether it is as wanted. The function sees known values only.
func (c *Check) Expect(path, want string, ok func(Value) bool, options ...Option) bool {
	all := true
	for _, item := range c.Each(path) {
		all = c.expect(item, want, ok, options) && all
	}
	return all
}

func (c *Check) expect(item Item, want string, ok func(Value) bool, options []Option) bool {
	switch item.Kind() {
	case Absent:
		if slices.Contains(options, AbsentOK) {
			c.Pass()
			return true
		}
		c.Fail(item.Path, "is not set, want %s", want)
	case Unknown:
		c.Unsure(item.Path, "is not known yet, want %s", want)
	default:
		if ok(item.Value) {
			c.Pass()
			return true
		}
		c.Fail(item.Path, "is %s, want %s", item.Value, want)
	}
	return false
}

// True wants true.
func (c *Check) True(path string, options ...Option) bool {
	return c.Expect(path, "true", isBool(true), options...)
}

// False wants false.
func (c *Check) False(path string, options ...Option) bool {
	return c.Expect(path, "false", isBool(false), options...)
}

func isBool(want bool) func(Value) bool {
	return func(v Value) bool {
		b, ok := v.Bool()
		return ok && b == want
	}
}

// Set wants a value that is not empty.
func (c *Check) Set(path string, options ...Option) bool {
	return c.Expect(path, "a value", func(v Value) bool { return !v.Empty() && v.Kind() != Misplaced }, options...)
}

// Empty wants nothing, or something empty.
func (c *Check) Empty(path string) bool {
	return c.Expect(path, "nothing", Value.Empty, AbsentOK)
}

// OneOf wants one of the texts, whatever their case.
func (c *Check) OneOf(path string, texts []string, options ...Option) bool {
	return c.Expect(path, anyOf(texts), func(v Value) bool {
		text, ok := v.Text()
		return ok && slices.ContainsFunc(texts, func(t string) bool { return strings.EqualFold(t, text) })
	}, options...)
}

// Is wants one text, whatever its case.
func (c *Check) Is(path, text string, options ...Option) bool {
	return c.OneOf(path, []string{text}, options...)
}

// NoneOf wants any text but these, whatever their case.
func (c *Check) NoneOf(path string, texts []string, options ...Option) bool {
	return c.Expect(path, "none of "+strings.Join(texts, ", "), func(v Value) bool {
		text, ok := v.Text()
		return ok && !slices.ContainsFunc(texts, func(t string) bool { return strings.EqualFold(t, text) })
	}, options...)
}

// Matches wants a text that fits one of the globs, where * stands for any text.
func (c *Check) Matches(path string, globs []string, options ...Option) bool {
	return c.Expect(path, anyOf(globs), func(v Value) bool {
		text, ok := v.Text()
		return ok && slices.ContainsFunc(globs, func(g string) bool { return glob(g, text) })
	}, options...)
}

// AtLeast wants a number that is not below the bound.
func (c *Check) AtLeast(path string, bound float64, options ...Option) bool {
	return c.Between(path, bound, math.Inf(1), options...)
}

// AtMost wants a number that is not above the bound.
func (c *Check) AtMost(path string, bound float64, options ...Option) bool {
	return c.Between(path, math.Inf(-1), bound, options...)
}

// Between wants a number within both bounds.
func (c *Check) Between(path string, low, high float64, options ...Option) bool {
	var want string
	switch {
	case math.IsInf(high, 1):
		want = fmt.Sprintf("at least %v", low)
	case math.IsInf(low, -1):
		want = fmt.Sprintf("at most %v", high)
	default:
		want = fmt.Sprintf("%v to %v", low, high)
	}
	return c.Expect(path, want, func(v Value) bool {
		n, ok := v.Number()
		return ok && n >= low && n <= high
	}, options...)
}

// Includes wants a list that holds each of the texts, whatever their case. One that may still hold what is missing, in
// an element that is not known yet, is unverified.
func (c *Check) Includes(path string, texts ...string) bool {
	return c.includes(Item{Value: c.Get(path), Path: path}, texts...)
}

func (c *Check) includes(item Item, texts ...string) bool {
	path, want := item.Path, "all of "+strings.Join(texts, ", ")
	items, isList := item.List()
	if !isList {
		return c.expect(item, want, never, nil)
	}
	var missing []string
	unknown := false
	for _, text := range texts {
		if !slices.ContainsFunc(items, func(i Value) bool {
			unknown = unknown || i.IsUnknown()
			t, ok := i.Text()
			return ok && strings.EqualFold(t, text)
		}) {
			missing = append(missing, text)
		}
	}
	switch {
	case len(missing) == 0:
		c.Pass()
		return true
	case unknown:
		c.Unsure(path, "has an element that is not known yet, want %s", want)
	default:
		c.Fail(path, "lacks %s", strings.Join(missing, ", "))
	}
	return false
}

// expectEach is expect for every element of a list.
func (c *Check) expectEach(list Item, want string, ok func(Value) bool, options ...Option) {
	items, isList := list.List()
	if !isList {
		c.expect(list, want, never, options)
	}
	for i, item := range items {
		c.expect(Item{Value: item, Path: list.Path + "[" + strconv.Itoa(i) + "]"}, want, ok, options)
	}
}

// never accepts nothing.
func never(Value) bool { return false }

// customerKeys are the types whose resources are keys that a customer owns.
var customerKeys = []string{
	"aws:kms/key:Key", "aws:kms/alias:Alias", "aws:kms/replicaKey:ReplicaKey", "gcp:kms/cryptoKey:CryptoKey",
	"gcp:kms/cryptoKeyVersion:CryptoKeyVersion", "azure-native:keyvault:Key",
}

// CustomerKey wants the name of an encryption key that the customer owns. A name that is not known yet is as wanted
// where it comes from a key of the same stack. The platform's own keys (alias/aws/...) are not the customer's.
func (c *Check) CustomerKey(path string, options ...Option) bool {
	all := true
	for _, item := range c.Each(path) {
		if item.IsUnknown() && c.TakesFrom(path, customerKeys...) {
			c.Pass()
			continue
		}
		all = c.expect(item, "a key of one's own", isCustomerKey, options) && all
	}
	return all
}

func isCustomerKey(v Value) bool {
	name, ok := v.Text()
	return ok && name != "" && !strings.Contains(name, "alias/aws/")
}

func anyOf(texts []string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	return "one of " + strings.Join(texts, ", ")
}

// The functions below make the Check of a Matcher that needs nothing but expectations.

// allOf does several checks.
func allOf(checks ...CheckFunc) CheckFunc {
	return func(c *Check) {
		for _, check := range checks {
			check(c)
		}
	}
}

// isTrue wants true at each path.
func isTrue(paths ...string) CheckFunc {
	return func(c *Check) {
		for _, p := range paths {
			c.True(p)
		}
	}
}

// isFalse wants false at each path.
func isFalse(paths ...string) CheckFunc {
	return func(c *Check) {
		for _, p := range paths {
			c.False(p)
		}
	}
}

// notTrue wants false or nothing at each path.
func notTrue(paths ...string) CheckFunc {
	return func(c *Check) {
		for _, p := range paths {
			c.False(p, AbsentOK)
		}
	}
}

// notFalse wants true or nothing at each path.
func notFalse(paths ...string) CheckFunc {
	return func(c *Check) {
		for _, p := range paths {
			c.True(p, AbsentOK)
		}
	}
}

// isSet wants a value at each path.
func isSet(paths ...string) CheckFunc {
	return func(c *Check) {
		for _, p := range paths {
			c.Set(p)
		}
	}
}

// isText wants one of the texts at a path.
func isText(path string, texts ...string) CheckFunc {
	return func(c *Check) { c.OneOf(path, texts) }
}

// hasCustomerKey wants a key of the customer's own at each path.
func hasCustomerKey(paths ...string) CheckFunc {
	return func(c *Check) {
		for _, p := range paths {
			c.CustomerKey(p)
		}
	}
}

// forbidden makes the existence of a resource the finding.
func forbidden(why string) CheckFunc {
	return func(c *Check) { c.Fail("", "%s", why) }
}

// glob matches a text against a pattern in which * stands for any text and ? for one byte, without regard to case. Its
// time is bounded by the product of both lengths.
func glob(pattern, text string) bool {
	pattern, text = strings.ToLower(pattern), strings.ToLower(text)
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			p, mark = star+1, mark+1
			t = mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
