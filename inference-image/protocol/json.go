package protocol

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unsafe"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// ReadPredict reads the body of POST /predict:
//
//	{"features": [1, 2.5, null]}             one row, in the order of the inputs
//	{"features": {"age": 1, "height": 2.5}}  one row, by the names of the inputs
//	{"features": [[1, 2.5], {"age": 1}]}     many rows of either form
//
// null, and a name that is left out, stand for a missing value, which only an optional input may have. Everything else
// that is not exactly this is refused.
func (q *Rows) ReadPredict(body []byte, m *model.Model) error {
	q.Reset()
	p := parser{data: body, m: m, q: q, strict: true}
	if !p.take('{') {
		return bad(`the body is no JSON object; want {"features": ...}`)
	}
	key, err := p.key()
	if err != nil {
		return err
	}
	if string(key) != "features" {
		return bad(`unknown key %.60q; want {"features": ...}`, key)
	}
	if err := p.rows("features", false); err != nil {
		return err
	}
	if p.take(',') {
		key, err := p.key()
		if err != nil {
			return err
		}
		return bad(`unknown key %.60q after "features"; want {"features": ...} alone`, key)
	}
	if !p.take('}') {
		return bad("broken JSON at byte %d: want '}'", p.at)
	}
	return p.end()
}

// platformKeys are the names under which the clients of the platforms send rows.
const platformKeys = `"features", "instances", "data" or "input_data"`

// ReadPlatform reads what the clients of SageMaker, Vertex AI and Azure ML send as JSON: the forms of ReadPredict, and
//
//	{"instances": [row, ...], "parameters": ...}                     Vertex AI; SageMaker's examples
//	{"data": [row, ...]}                                             Azure ML
//	{"input_data": {"columns": [...], "index": [...], "data": [...]}} Azure ML and MLflow; also as "dataframe_split"
//	[row, ...]                                                       the list alone
//
// where a row is a list, an object by names, or {"features": list or object}. Parameters are ignored.
func (q *Rows) ReadPlatform(body []byte, m *model.Model) error {
	q.Reset()
	p := parser{data: body, m: m, q: q}
	if p.peek() == '[' {
		if err := p.rows("the body", true); err != nil {
			return err
		}
		return p.end()
	}
	if p.peek() != '{' {
		return bad("the body is no JSON object; want %s", platformKeys)
	}
	found := ""
	err := p.object(func(key []byte) error {
		name := string(key)
		switch name {
		case "parameters":
			_, err := p.value(1)
			return err
		case "features", "instances", "data", "input_data", "dataframe_split":
		default:
			return bad("unknown key %.60q; want %s", key, platformKeys)
		}
		if found != "" {
			return bad("found %q and %q; want one of %s", found, name, platformKeys)
		}
		found, q.Instances = name, name == "instances"
		if name == "input_data" || name == "dataframe_split" {
			return p.table(name)
		}
		return p.rows(name, name != "features")
	})
	if err != nil {
		return err
	}
	if found == "" {
		return bad("the body has no rows; want %s", platformKeys)
	}
	return p.end()
}

// rows reads one row or a list of rows; one that must be a list may be empty of lists: a plain row.
func (p *parser) rows(name string, list bool) error {
	p.row = place{}
	switch p.peek() {
	case '{':
		p.q.List = list
		return p.named(!p.strict)
	case '[':
	default:
		return bad(`%q is %s; want a list of numbers, an object of names and numbers, or a list of these`,
			name, p.kind())
	}
	start := p.at
	p.at++
	if next := p.peek(); next != '[' && next != '{' && (!list || next != ']') {
		p.at = start
		p.q.List = list
		return p.positional()
	}
	p.q.List = true
	if list && p.take(']') {
		return bad("%q is empty; want at least one row", name)
	}
	p.row.many = true
	for ; ; p.row.row++ {
		if err := p.q.room(p.m); err != nil {
			return err
		}
		if err := p.anyRow(); err != nil {
			return err
		}
		if !p.take(',') {
			break
		}
	}
	if !p.take(']') {
		return bad("broken JSON at byte %d: want ',' or ']'", p.at)
	}
	return nil
}

// anyRow reads a row of either form.
func (p *parser) anyRow() error {
	switch p.peek() {
	case '[':
		return p.positional()
	case '{':
		return p.named(!p.strict)
	default:
		kind := p.kind()
		return badRow(p.row.row, "a list of numbers or an object",
			"row %d is %s; want a list of numbers or an object", p.row.row, kind)
	}
}

// positional reads one row in the order of the inputs.
func (p *parser) positional() error {
	p.at++ // '['
	inputs := p.m.Manifest.Inputs
	count := 0
	for ; !p.take(']'); count++ {
		if count > 0 && !p.take(',') {
			return bad("broken JSON at byte %d: want ',' or ']'%s", p.at, p.where())
		}
		if count >= len(inputs) {
			return badRow(p.row.row, strconv.Itoa(len(inputs))+" features",
				"%sthere are more than %d features", p.row.prefix(), len(inputs))
		}
		x, err := p.number(&inputs[count])
		if err != nil {
			return err
		}
		p.q.Values = append(p.q.Values, x)
	}
	if count < len(inputs) {
		return p.row.tooFew(inputs, count)
	}
	p.q.N++
	return nil
}

func (at place) tooFew(inputs []registry.Input, count int) error {
	return &Error{Message: at.prefix() + "there are " + strconv.Itoa(count) + " features, want " +
		strconv.Itoa(len(inputs)) + "; the first that is missing is " + strconv.Quote(inputs[count].Name),
		Row: at.row, Column: inputs[count].Name, Expected: expectation(&inputs[count])}
}

// named reads one row by the names of the inputs. With wrapped, {"features": row} for a model without such an input
// holds the row one level deeper.
func (p *parser) named(wrapped bool) error {
	inputs, q := p.m.Manifest.Inputs, p.q
	start := len(q.Values)
	p.at++ // '{'
	q.seen = q.seen[:0]
	for range inputs {
		q.Values = append(q.Values, float32(math.NaN()))
		q.seen = append(q.seen, false)
	}
	for first := true; !p.take('}'); first = false {
		if !first && !p.take(',') {
			return bad("broken JSON at byte %d: want ',' or '}'%s", p.at, p.where())
		}
		key, err := p.key()
		if err != nil {
			return err
		}
		if first && wrapped && string(key) == "features" && p.m.Input(key) < 0 {
			q.Values = q.Values[:start]
			return p.wrapped()
		}
		if err := p.member(key, start); err != nil {
			return err
		}
	}
	for i, seen := range q.seen {
		if !seen && !inputs[i].Optional {
			return p.row.wrong(&inputs[i], "is missing")
		}
	}
	q.N++
	return nil
}

// member reads the value of one name of a row that begins at start.
func (p *parser) member(key []byte, start int) (err error) {
	i := p.m.Input(key)
	if i < 0 {
		return &Error{Message: p.row.prefix() + "unknown feature " + strconv.Quote(shorten(key)), Row: p.row.row,
			Column: shorten(key), Expected: "the names of the model's inputs; see /model"}
	}
	in := &p.m.Manifest.Inputs[i]
	if p.q.seen[i] {
		return p.row.wrong(in, "stands there twice")
	}
	p.q.seen[i] = true
	p.q.Values[start+i], err = p.number(in)
	return err
}

func shorten(name []byte) string { return string(name[:min(len(name), 100)]) }

// wrapped reads the row of {"features": row}.
func (p *parser) wrapped() error {
	var err error
	switch p.peek() {
	case '[':
		err = p.positional()
	case '{':
		err = p.named(false)
	default:
		err = badRow(p.row.row, "a list of numbers or an object", `%s"features" is %s; want a list or an object`,
			p.row.prefix(), p.kind())
	}
	if err == nil && !p.take('}') {
		err = bad("broken JSON at byte %d: want '}'%s", p.at, p.where())
	}
	return err
}

// number reads the value of an input.
func (p *parser) number(in *registry.Input) (float32, error) {
	c := p.peek()
	if c == '-' || c >= '0' && c <= '9' {
		return p.numeral(in)
	}
	switch {
	case c == 'n' && p.word("null"):
		if !in.Optional {
			return 0, p.row.wrong(in, "is null, and it is not optional")
		}
		return float32(math.NaN()), nil
	case in.Type == registry.Category && c == '"':
		name, err := p.text()
		if err != nil {
			return 0, err
		}
		return named(in, name, p.row)
	case in.Type == registry.Boolean && p.word("true"):
		return 1, nil
	case in.Type == registry.Boolean && p.word("false"):
		return 0, nil
	default:
		return 0, p.row.wrong(in, "is %s; want %s", p.kind(), expectation(in))
	}
}

// numeral reads a value that is written as a number.
func (p *parser) numeral(in *registry.Input) (float32, error) {
	start := p.at
	short, ok := p.shortNumber()
	x, err := float32(short), error(nil)
	if !ok {
		if !p.skipNumber() {
			return 0, p.row.wrong(in, "is no JSON number (byte %d)", start)
		}
		x, err = p.row.float(in, p.data[start:p.at])
	}
	if err == nil && in.Type != registry.Number {
		err = admit(in, x, p.row)
	}
	return x, err
}

// float reads a number through 64 bits, as training and batch prediction do, so that all see the same 32 bits.
func (at place) float(in *registry.Input, text []byte) (float32, error) {
	x, err := strconv.ParseFloat(unsafe.String(&text[0], len(text)), 64)
	if x32 := float32(x); err == nil && !math.IsInf(float64(x32), 0) {
		return x32, nil
	}
	return 0, at.wrong(in, "is too large for a 32-bit number: %.40s", text)
}

func (p *parser) where() string {
	if !p.row.many {
		return ""
	}
	return " in row " + strconv.Itoa(p.row.row)
}

// table reads {"columns": [...], "index": [...], "data": [[...], ...]}; without columns the order is the model's.
func (p *parser) table(name string) error {
	if p.peek() == '[' {
		return p.rows(name, true)
	}
	var data []byte
	var order []int
	err := p.object(func(key []byte) (err error) {
		switch string(key) {
		case "columns":
			order, err = p.columns()
		case "index":
			_, err = p.value(1)
		case "data":
			p.peek()
			start := p.at
			if _, err = p.value(1); err == nil {
				data = p.data[start:p.at]
			}
		default:
			err = bad(`unknown key %.60q in %q; want "columns", "index" and "data"`, key, name)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case data == nil:
		return bad(`%q has no "data"`, name)
	}
	inner := parser{data: data, m: p.m, q: p.q}
	if order == nil {
		return inner.rows("data", true)
	}
	p.q.List = true
	inner.row.many = true
	return inner.list(func() error {
		if err := p.q.room(p.m); err != nil {
			return err
		}
		err := inner.ordered(order)
		inner.row.row++
		return err
	})
}

// columns reads the names of columns and returns which input each one is.
func (p *parser) columns() ([]int, error) {
	var order []int
	seen := make([]bool, p.m.Inputs())
	err := p.list(func() error {
		if p.peek() != '"' {
			return bad(`a column is %s; want its name`, p.kind())
		}
		name, err := p.text()
		if err != nil {
			return err
		}
		i := p.m.Input(name)
		if i < 0 || seen[i] {
			return &Error{Message: "unknown column or twice the same: " + strconv.Quote(shorten(name)), Row: -1,
				Column: shorten(name), Expected: "the names of the model's inputs; see /model"}
		}
		seen[i] = true
		order = append(order, i)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return order, missingColumn(p.m, seen)
}

// missingColumn refuses columns that leave out an input that is not optional.
func missingColumn(m *model.Model, seen []bool) error {
	for i := range m.Manifest.Inputs {
		if in := &m.Manifest.Inputs[i]; !seen[i] && !in.Optional {
			return &Error{Message: "the column " + strconv.Quote(in.Name) + " is missing", Row: -1, Column: in.Name,
				Expected: expectation(in)}
		}
	}
	return nil
}

// ordered reads a list whose items belong to the given inputs.
func (p *parser) ordered(order []int) error {
	start, count := len(p.q.Values), 0
	for range p.m.Inputs() {
		p.q.Values = append(p.q.Values, float32(math.NaN()))
	}
	err := p.list(func() error {
		if count == len(order) {
			return badRow(p.row.row, strconv.Itoa(len(order))+" values", "row %d has more values than columns", p.row.row)
		}
		x, err := p.number(&p.m.Manifest.Inputs[order[count]])
		p.q.Values[start+order[count]] = x
		count++
		return err
	})
	if err == nil && count < len(order) {
		err = badRow(p.row.row, strconv.Itoa(len(order))+" values", "row %d has %d values for %d columns",
			p.row.row, count, len(order))
	}
	p.q.N++
	return err
}

// ReadLines reads JSON Lines: on each line a row as in ReadPlatform, or {"features": row}. Empty lines are left out.
func (q *Rows) ReadLines(body []byte, m *model.Model) error {
	q.Reset()
	q.List = true
	rest := unsafe.String(unsafe.SliceData(body), len(body))
	at := place{many: true}
	for line := range strings.SplitSeq(rest, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := q.room(m); err != nil {
			return err
		}
		p := parser{data: unsafe.Slice(unsafe.StringData(line), len(line)), m: m, q: q, row: at}
		if err := p.anyRow(); err != nil {
			return err
		}
		if p.peek(); p.at < len(p.data) {
			return badRow(at.row, "one row on a line", "row %d: something follows the row", at.row)
		}
		at.row++
	}
	if q.N == 0 {
		return bad("the body has no rows; want one on each line")
	}
	return nil
}

// ReadRecord reads one row for batch prediction: an object that holds the inputs by their names, beside other members
// that are left out. Any value may be missing. The text of the member key comes back, where there is one.
func (q *Rows) ReadRecord(line []byte, m *model.Model, key string, row int) (keyText string, err error) {
	q.Reset()
	p := parser{data: line, m: m, q: q, row: place{row: row, many: true}}
	for range m.Inputs() {
		q.Values = append(q.Values, float32(math.NaN()))
	}
	err = p.object(func(name []byte) error {
		if string(name) == key && key != "" {
			p.peek()
			text, err := p.value(1)
			if keyText = string(text); err == nil && keyText[0] == '"' {
				err = json.Unmarshal(text, &keyText)
			}
			if keyText == "null" {
				keyText = ""
			}
			return err
		}
		i := m.Input(name)
		p.peek()
		if i < 0 || p.word("null") {
			if i < 0 {
				_, err := p.value(1)
				return err
			}
			return nil
		}
		x, err := p.number(&m.Manifest.Inputs[i])
		q.Values[i] = x
		return err
	})
	if err == nil {
		err = p.end()
	}
	q.N = 1
	return keyText, err
}
