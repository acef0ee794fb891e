// Package protocol reads rows in every form in which a caller may send them, and writes the answers. It knows formats
// and no transport: the same functions serve HTTP, gRPC and Lambda.
package protocol

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// The bounds of one request; more is a job for batch prediction. They bound the memory of the answer, and of rows that
// leave optional features out.
const (
	MaxRows   = 50_000
	MaxValues = 4 << 20
)

// maxDepth is how deep JSON may be nested where its content is skipped or flattened.
const maxDepth = 32

// Rows are the rows of a request. They are used again and again, so that the common forms are read without an
// allocation.
type Rows struct {
	// Values holds the rows one after the other, NaN where a value is missing.
	Values []float32
	// N is the number of rows.
	N int
	// Instances says that the rows came as {"instances": [...]}.
	Instances bool
	// List says that the caller sent a list and gets one.
	List bool

	seen []bool // of a row that is given by names
}

// Reset empties the rows and keeps their memory.
func (q *Rows) Reset() { q.Values, q.N, q.List, q.Instances = q.Values[:0], 0, false, false }

// Row is one row.
func (q *Rows) Row(i, inputs int) []float32 { return q.Values[i*inputs : (i+1)*inputs] }

// Error is what is wrong with a request, in words for the caller, and where.
type Error struct {
	// Message says it in one sentence.
	Message string
	// Row from 0; -1 where it is not about a row.
	Row int
	// Column is the name of the input; empty where it is not about one.
	Column string
	// Expected says what would be right; empty where that is not about one value.
	Expected string
	// Unknown is set where the value of a category is not among those that the model knows.
	Unknown bool
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Append writes the error as the JSON that callers get.
func (e *Error) Append(to []byte) []byte {
	body := struct {
		Error    string `json:"error"`
		Row      *int   `json:"row,omitempty"`
		Column   string `json:"column,omitempty"`
		Expected string `json:"expected,omitempty"`
	}{Error: e.Message, Column: e.Column, Expected: e.Expected}
	if e.Row >= 0 {
		body.Row = &e.Row
	}
	data, err := json.Marshal(body)
	if err != nil { // a struct of strings always marshals
		return append(to, `{"error":"the request is wrong"}`...)
	}
	return append(append(to, data...), '\n')
}

// bad is an error that is not about one value.
func bad(format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...), Row: -1}
}

// badRow is an error about one row.
func badRow(row int, expected, format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...), Row: row, Expected: expected}
}

// expectation says in words what an input takes.
func expectation(in *registry.Input) string {
	text := "a number"
	switch in.Type {
	case registry.Boolean:
		text = "true or false"
	case registry.Category:
		const most = 20
		names := in.Values
		if len(names) > most {
			names = append(append([]string(nil), names[:most]...), "...")
		}
		text = "one of " + strings.Join(names, ", ")
	case registry.Number:
	}
	if in.Optional {
		text += ", or null"
	}
	return text
}

// place is where a value stands, for messages.
type place struct {
	row  int
	many bool // there are many rows, so that messages name theirs
}

func (at place) prefix() string {
	if !at.many {
		return ""
	}
	return fmt.Sprintf("row %d: ", at.row)
}

// wrong is an error about one value; what follows the name of the feature comes from format.
func (at place) wrong(in *registry.Input, format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf("%sthe feature %q %s", at.prefix(), in.Name, fmt.Sprintf(format, args...)),
		Row: at.row, Column: in.Name, Expected: expectation(in)}
}

// admit checks a number for an input; NaN is a missing value.
func admit(in *registry.Input, x float32, at place) error {
	switch {
	case x != x:
		if !in.Optional {
			return at.wrong(in, "is missing (NaN), and it is not optional")
		}
	case math.IsInf(float64(x), 0):
		return at.wrong(in, "is infinite; want %s", expectation(in))
	case in.Type == registry.Boolean && x != 0 && x != 1:
		return at.wrong(in, "is %v; want %s", x, expectation(in))
	case in.Type == registry.Category && (x < 0 || int(x) >= len(in.Values) || x != float32(int(x))):
		err := at.wrong(in, "is %v, which is the index of no category; want %s", x, expectation(in))
		err.Unknown = true
		return err
	}
	return nil
}

// named turns the name of a category into its index.
func named(in *registry.Input, name []byte, at place) (float32, error) {
	for i, value := range in.Values {
		if value == string(name) {
			return float32(i), nil
		}
	}
	err := at.wrong(in, "is %.60q, an unknown category; want %s", name, expectation(in))
	err.Unknown = true
	return 0, err
}

// room reports whether one more row fits.
func (q *Rows) room(m *model.Model) error {
	if q.N >= MaxRows || len(q.Values)+m.Inputs() > MaxValues {
		return bad("there are more than %d rows; predict them with several requests or as a batch", q.N)
	}
	return nil
}
