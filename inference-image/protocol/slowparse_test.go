package protocol

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// slowParse is the parser again, written with encoding/json for a model of x0 and an optional x1, to compare with.
func slowParse(body []byte) (values []float32, ok bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if !utf8.Valid(body) || !json.Valid(body) { // encoding/json replaces what is not UTF-8
		return nil, false
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	if t, err := d.Token(); err != nil || t != "features" {
		return nil, false
	}
	values, ok = slowFeatures(d)
	if !ok {
		return nil, false
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	return values, true
}

func slowFeatures(d *json.Decoder) (values []float32, ok bool) {
	var raw json.RawMessage
	if d.Decode(&raw) != nil {
		return nil, false
	}
	if values, ok = slowRow(raw); ok {
		return values, true
	}
	var rows []json.RawMessage
	if json.Unmarshal(raw, &rows) != nil || len(rows) == 0 || len(rows) > MaxRows {
		return nil, false
	}
	for _, row := range rows {
		more, ok := slowRow(row)
		if !ok {
			return nil, false
		}
		values = append(values, more...)
	}
	return values, true
}

func slowRow(raw json.RawMessage) ([]float32, bool) {
	row := []float32{float32(math.NaN()), float32(math.NaN())}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	open, err := d.Token()
	if err != nil {
		return nil, false
	}
	seen := [2]bool{}
	for i := 0; d.More(); i++ {
		at := i
		if open == json.Delim('{') {
			name, err := d.Token()
			if err != nil {
				return nil, false
			}
			at = map[any]int{"x0": 0, "x1": 1}[name]
			if name != "x0" && name != "x1" {
				return nil, false
			}
		}
		value, err := d.Token()
		if err != nil || at > 1 || seen[at] {
			return nil, false
		}
		seen[at] = true
		switch value := value.(type) {
		case nil:
			if at == 0 {
				return nil, false
			}
		case json.Number:
			x, err := strconv.ParseFloat(value.String(), 64)
			if err != nil || math.IsInf(float64(float32(x)), 0) {
				return nil, false
			}
			row[at] = float32(x)
		default:
			return nil, false
		}
	}
	return row, seen[0] && (seen[1] || open == json.Delim('{')) && (open == json.Delim('{') || open == json.Delim('['))
}
