package protocol

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// ReadCSV reads comma-separated rows. A first line whose fields are all names of inputs is a header and gives the
// order; without one the order is the model's, as SageMaker sends it. An empty field is a missing value.
func (q *Rows) ReadCSV(body []byte, m *model.Model) error {
	q.Reset()
	q.List = true
	lines := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
	lines.ReuseRecord, lines.FieldsPerRecord = true, -1
	var order []int
	for first := true; ; first = false {
		fields, err := lines.Read()
		switch {
		case errors.Is(err, io.EOF) && q.N == 0:
			return bad("the body has no rows; want one on each line")
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return bad("broken CSV: %v", err)
		}
		if first {
			var header bool
			if order, header, err = csvOrder(fields, m); err != nil {
				return err
			}
			if header {
				continue
			}
		}
		if err := q.room(m); err != nil {
			return err
		}
		if err := q.csvRow(fields, order, m); err != nil {
			return err
		}
	}
}

// csvOrder finds which input each field is, and whether the line is a header.
func csvOrder(fields []string, m *model.Model) (order []int, header bool, err error) {
	seen := make([]bool, m.Inputs())
	for _, field := range fields {
		i := m.Input([]byte(strings.TrimSpace(field)))
		if i < 0 || seen[i] {
			order = make([]int, m.Inputs())
			for j := range order {
				order[j] = j
			}
			return order, false, nil
		}
		seen[i] = true
		order = append(order, i)
	}
	return order, true, missingColumn(m, seen)
}

func (q *Rows) csvRow(fields []string, order []int, m *model.Model) error {
	at := place{row: q.N, many: true}
	inputs := m.Manifest.Inputs
	if len(fields) < len(order) {
		return at.tooFew(inputs, len(fields))
	}
	if len(fields) > len(order) {
		return badRow(at.row, strconv.Itoa(len(order))+" fields", "row %d: there are more than %d features",
			at.row, len(order))
	}
	start := len(q.Values)
	for range inputs {
		q.Values = append(q.Values, float32(math.NaN()))
	}
	for i, field := range fields {
		x, err := FromText(&inputs[order[i]], strings.TrimSpace(field), at.row)
		if err != nil {
			return err
		}
		q.Values[start+order[i]] = x
	}
	q.N++
	return nil
}

// Missing reports whether a text of a CSV file stands for no value.
func Missing(text string) bool {
	switch text {
	case "", "NA", "NaN", "nan", "null":
		return true
	default:
		return false
	}
}

// FromText reads the text of a value as CSV files hold it: empty is a missing value, and so are NA, NaN and null for
// an optional input.
func FromText(in *registry.Input, text string, row int) (float32, error) {
	at := place{row: row, many: true}
	if Missing(text) {
		x := float32(math.NaN())
		return x, admit(in, x, at)
	}
	switch in.Type {
	case registry.Category:
		if x, err := named(in, []byte(text), at); err == nil {
			return x, nil
		}
	case registry.Boolean:
		switch strings.ToLower(text) {
		case "true":
			return 1, nil
		case "false":
			return 0, nil
		}
	case registry.Number:
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		if in.Type == registry.Category {
			_, err := named(in, []byte(text), at)
			return 0, err
		}
		return 0, at.wrong(in, "is the text %.40q; want %s", text, expectation(in))
	}
	return float32(x), admit(in, float32(x), at)
}
