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
	values := map[string]float64{}
	for _, d := range p.Features {
		values[d.Name] = middle(&d)
	}
	var list, object strings.Builder
	for i, input := range m.Inputs {
		separator := ", "
		if i == 0 {
			separator = ""
		}
		list.WriteString(separator + short(values[input.Name]))
		name, err := json.Marshal(input.Name)
		if err != nil {
			return "", "" // no string fails to be JSON
		}
		// The body stands between apostrophes on the command line.
		name = bytes.ReplaceAll(name, []byte("'"), []byte(`\u0027`))
		object.WriteString(separator + string(name) + ": " + short(values[input.Name]))
	}
	return `{"features": [` + list.String() + `]}`, `{"features": {` + object.String() + `}}`
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
