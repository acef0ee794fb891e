// Package cell has the values that typed rows are made of. They take no memory of their own, unlike values of the type
// any, of which a million rows make many millions.
package cell

import (
	"fmt"
	"math"
	"strconv"
)

// Kind is the type of a value.
type Kind uint8

// The kinds of values.
const (
	Missing Kind = iota
	Float        // 64 bits
	Integer      // 64 bits, also microseconds since 1970
	Boolean
	Text
)

// Value is one value of a row. The zero value is a missing one. Values can be compared with ==, save for NaN.
type Value struct {
	bits uint64
	text string
	kind Kind
}

// OfFloat makes a value of a number.
func OfFloat(x float64) Value { return Value{bits: math.Float64bits(x), kind: Float} }

// OfInteger makes a value of a whole number.
func OfInteger(x int64) Value { return Value{bits: uint64(x), kind: Integer} }

// OfBoolean makes a value of a boolean.
func OfBoolean(x bool) Value {
	if x {
		return Value{bits: 1, kind: Boolean}
	}
	return Value{kind: Boolean}
}

// OfText makes a value of a text, whose memory it shares.
func OfText(s string) Value { return Value{text: s, kind: Text} }

// Of makes a value of what Any gives. It panics where x is something else, which is a mistake of the program.
func Of(x any) Value {
	switch x := x.(type) {
	case nil:
		return Value{}
	case float64:
		return OfFloat(x)
	case int64:
		return OfInteger(x)
	case bool:
		return OfBoolean(x)
	case string:
		return OfText(x)
	default:
		panic(fmt.Sprintf("a row has no values of the type %T", x))
	}
}

// Row is Of for each value of a row.
func Row(values ...any) []Value {
	row := make([]Value, len(values))
	for i, x := range values {
		row[i] = Of(x)
	}
	return row
}

// Kind tells the type.
func (v Value) Kind() Kind { return v.kind }

// Float is the number of a value of the kind Float.
func (v Value) Float() float64 { return math.Float64frombits(v.bits) }

// Integer is the number of a value of the kind Integer.
func (v Value) Integer() int64 { return int64(v.bits) }

// Boolean is that of a value of the kind Boolean.
func (v Value) Boolean() bool { return v.bits != 0 }

// Text is that of a value of the kind Text; empty for others.
func (v Value) Text() string { return v.text }

// Any gives a float64, int64, bool, string or nil.
func (v Value) Any() any {
	switch v.kind {
	case Float:
		return v.Float()
	case Integer:
		return v.Integer()
	case Boolean:
		return v.Boolean()
	case Text:
		return v.text
	case Missing:
	}
	return nil
}

// String writes the value as a CSV file has it; a missing one is empty.
func (v Value) String() string {
	if v.kind == Text {
		return v.text
	}
	return string(v.Append(nil))
}

// Append appends what String gives.
func (v Value) Append(b []byte) []byte {
	switch v.kind {
	case Float:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	case Integer:
		return strconv.AppendInt(b, v.Integer(), 10)
	case Boolean:
		return strconv.AppendBool(b, v.Boolean())
	case Text:
		return append(b, v.text...)
	case Missing:
	}
	return b
}
