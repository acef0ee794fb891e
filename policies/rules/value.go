package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind is what is known of a value.
type Kind uint8

// The kinds. A value is absent, unknown, or known with a type.
const (
	Absent  Kind = iota // not given, or null
	Unknown             // given, but its content is not known before the deployment
	Bool
	Number
	String
	List
	Map
	Other // an asset, an archive, a reference: known to be there, not inspected
	// Misplaced is a value where the path expects a mapping: its content is not what the schema says.
	Misplaced
)

var kindNames = [...]string{
	Absent: "nothing", Unknown: "an unknown value", Bool: "true or false", Number: "a number", String: "a text",
	List: "a list", Map: "a mapping", Other: "an asset", Misplaced: "a value of another shape",
}

// String names the kind in words.
func (k Kind) String() string { return kindNames[k] }

// Value is a property of a resource as far as it is known. The zero Value is absent. No method panics, and no method
// that writes text writes the content of a secret.
type Value struct {
	kind   Kind
	secret bool
	data   any // bool, float64, string, []Value or map[string]Value
}

// UnknownValue is given, but not known yet.
func UnknownValue() Value { return Value{kind: Unknown} }

// OtherValue is an asset or an archive.
func OtherValue() Value { return Value{kind: Other} }

// BoolValue holds true or false.
func BoolValue(b bool) Value { return Value{kind: Bool, data: b} }

// NumberValue holds a number.
func NumberValue(n float64) Value { return Value{kind: Number, data: n} }

// StringValue holds a text.
func StringValue(s string) Value { return Value{kind: String, data: s} }

// ListValue holds a list, which the caller gives away.
func ListValue(list []Value) Value { return Value{kind: List, data: list} }

// MapValue holds a mapping, which the caller gives away.
func MapValue(m map[string]Value) Value { return Value{kind: Map, data: m} }

// AsSecret marks the value, and with it everything inside, as secret.
func (v Value) AsSecret() Value {
	v.secret = true
	return v
}

// maxDepth bounds nesting. What lies deeper is unknown, so that a rule which looks there can not pass.
const maxDepth = 256

// Of turns plain Go values, such as JSON and YAML decode to, into a Value: nil, bool, numbers, text, []any,
// map[string]any and Values themselves. Everything else is Other.
func Of(plain any) Value { return of(plain, 0) }

func of(plain any, depth int) Value {
	if depth > maxDepth {
		return UnknownValue()
	}
	switch p := plain.(type) {
	case nil:
		return Value{}
	case Value:
		return p
	case bool:
		return BoolValue(p)
	case int:
		return NumberValue(float64(p))
	case float64:
		return NumberValue(p)
	case string:
		return StringValue(p)
	case []any:
		list := make([]Value, len(p))
		for i, item := range p {
			list[i] = of(item, depth+1)
		}
		return ListValue(list)
	case map[string]any:
		m := make(map[string]Value, len(p))
		for key, item := range p {
			m[key] = of(item, depth+1)
		}
		return MapValue(m)
	default:
		return OtherValue()
	}
}

// Kind tells what is known of the value.
func (v Value) Kind() Kind { return v.kind }

// IsAbsent reports whether nothing is given.
func (v Value) IsAbsent() bool { return v.kind == Absent }

// IsUnknown reports whether the value is given and not known yet.
func (v Value) IsUnknown() bool { return v.kind == Unknown }

// Secret reports whether the content must not be shown.
func (v Value) Secret() bool { return v.secret }

// Bool gives the content of a known truth value; texts "true" and "false" count, since some properties are typed so.
func (v Value) Bool() (value, ok bool) {
	switch d := v.data.(type) {
	case bool:
		return d, true
	case string:
		return d == "true", d == "true" || d == "false"
	}
	return false, false
}

// Number gives the content of a known number; a text that is a number counts.
func (v Value) Number() (value float64, ok bool) {
	switch d := v.data.(type) {
	case float64:
		return d, true
	case string:
		n, err := strconv.ParseFloat(d, 64)
		return n, err == nil && n == n // not NaN
	}
	return 0, false
}

// Text gives the content of a known text. Never print it: print the Value, which hides secrets.
func (v Value) Text() (value string, ok bool) {
	value, ok = v.data.(string)
	return value, ok
}

// List gives the elements of a known list; those of a secret list are secret.
func (v Value) List() (items []Value, ok bool) {
	items, ok = v.data.([]Value)
	if ok && v.secret {
		items = slices.Clone(items)
		for i := range items {
			items[i].secret = true
		}
	}
	return items, ok
}

// Len is the number of elements of a known list or mapping, else 0.
func (v Value) Len() int {
	switch d := v.data.(type) {
	case []Value:
		return len(d)
	case map[string]Value:
		return len(d)
	}
	return 0
}

// Keys are the sorted keys of a known mapping.
func (v Value) Keys() []string {
	m, _ := v.data.(map[string]Value)
	return slices.Sorted(maps.Keys(m))
}

// Key gives one entry of a mapping, by its exact name: dots have no meaning here. It is absent where there is none,
// unknown where the mapping is unknown and misplaced where the value is no mapping.
func (v Value) Key(name string) Value {
	switch v.kind {
	case Map:
		m, _ := v.data.(map[string]Value)
		entry := m[name]
		entry.secret = entry.secret || v.secret
		return entry
	case Absent, Unknown:
		return v
	default:
		return Value{kind: Misplaced, secret: v.secret}
	}
}

// Empty reports whether the value is absent, or known to be "", an empty list or an empty mapping.
func (v Value) Empty() bool {
	switch v.kind {
	case Absent:
		return true
	case String:
		return v.data == ""
	case List, Map:
		return v.Len() == 0
	default:
		return false
	}
}

// HasUnknown reports whether the value or anything inside it is unknown.
func (v Value) HasUnknown() bool {
	switch d := v.data.(type) {
	case []Value:
		return slices.ContainsFunc(d, Value.HasUnknown)
	case map[string]Value:
		for _, item := range d {
			if item.HasUnknown() {
				return true
			}
		}
	}
	return v.kind == Unknown
}

// shown bounds what a message shows of a value, in bytes.
const shown = 80

// String shows the value in a message: short, in valid UTF-8, and never the content of a secret.
func (v Value) String() string {
	if v.secret && v.kind != Absent && v.kind != Unknown {
		return "[secret]"
	}
	switch d := v.data.(type) {
	case bool:
		return strconv.FormatBool(d)
	case float64:
		return strconv.FormatFloat(d, 'f', -1, 64)
	case string:
		return strconv.Quote(shorten(d))
	case []Value:
		return fmt.Sprintf("a list of %d", len(d))
	case map[string]Value:
		return fmt.Sprintf("a mapping with %d keys", len(d))
	}
	return v.kind.String()
}

func shorten(s string) string {
	if len(s) > shown {
		cut := shown
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
