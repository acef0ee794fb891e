package registry

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// ExampleBodies makes the bodies of a prediction request out of the middle of the training data, with the features by
// position and by name. They may stand between apostrophes on a command line.
func ExampleBodies(m *Manifest, p *Profile) (positional, named string) {
	values := ExampleValues(m, p)
	var list, object strings.Builder
	for i, input := range m.Inputs {
		separator := ", "
		if i == 0 {
			separator = ""
		}
		value := values[i]
		if input.Type == Category {
			value = quoted(value)
		}
		list.WriteString(separator + value)
		object.WriteString(separator + quoted(input.Name) + ": " + value)
	}
	return `{"features": [` + list.String() + `]}`, `{"features": {` + object.String() + `}}`
}

// quoted writes a string as JSON that may stand between apostrophes on a command line.
func quoted(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		return `""` // no string fails to be JSON
	}
	return string(bytes.ReplaceAll(data, []byte("'"), []byte(`\u0027`)))
}

// ExampleValues gives a value from the middle of the training data for each input, as a person would write it.
func ExampleValues(m *Manifest, p *Profile) []string {
	middles := map[string]float64{}
	for _, d := range p.Features {
		middles[d.Name] = middle(&d)
	}
	values := make([]string, len(m.Inputs))
	for i, input := range m.Inputs {
		x := middles[input.Name]
		switch input.Type {
		case Category:
			if at := int(x); at >= 0 && at < len(input.Values) {
				values[i] = input.Values[at]
			}
		case Boolean:
			values[i] = short(math.Round(min(max(x, 0), 1)))
		case Number:
			values[i] = short(x)
		}
	}
	return values
}

// middle is a value that the training rows really had about: the edge in the middle, or the mean.
func middle(d *Distribution) float64 {
	x := d.Mean
	if len(d.Edges) > 0 {
		x = d.Edges[len(d.Edges)/2]
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

// short writes a number with four digits.
func short(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
