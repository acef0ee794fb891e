package rules

import "fmt"

// Change is one property that a remedy sets.
type Change struct {
	// Path of the property, with indexes.
	Path string
	// Old is the value before; absent where there was none.
	Old Value
	// New is the value to set.
	New Value
}

// String shows the change as the two lines of a diff, without secrets.
func (c Change) String() string {
	return fmt.Sprintf("- %s: %s\n+ %s: %s", c.Path, c.Old, c.Path, c.New)
}

// sets makes a remedy that sets properties to a value where they are known to be missing or different. What is not
// known yet is left alone.
func sets(value any, paths ...string) func(*Check) []Change {
	return setsUnless(func(v Value) bool { return equal(v, Of(value)) }, value, paths...)
}

// setsUnless is sets for properties where other values are as good.
func setsUnless(fine func(Value) bool, value any, paths ...string) func(*Check) []Change {
	return func(c *Check) []Change {
		var changes []Change
		for _, path := range paths {
			for _, item := range c.Each(path) {
				if !item.IsUnknown() && !fine(item.Value) {
					changes = append(changes, Change{Path: item.Path, Old: item.Value, New: Of(value)})
				}
			}
		}
		return changes
	}
}

// setsAbsent is sets for properties that are only to be filled where nothing is given.
func setsAbsent(value any, paths ...string) func(*Check) []Change {
	return setsUnless(func(v Value) bool { return !v.IsAbsent() }, value, paths...)
}

// remedies makes one remedy of several.
func remedies(all ...func(*Check) []Change) func(*Check) []Change {
	return func(c *Check) []Change {
		var changes []Change
		for _, remedy := range all {
			changes = append(changes, remedy(c)...)
		}
		return changes
	}
}

// equal compares two known scalars.
func equal(a, b Value) bool {
	return a.kind == b.kind && a.kind != List && a.kind != Map && a.data == b.data
}
