package serve

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/mlpathway/mlpathway/inference-image/model"
)

// request is a parsed body of POST /predict. It is used again and again, so that parsing allocates nothing.
type request struct {
	values []float32 // the rows one after the other, NaN where missing
	rows   int
	list   bool // the answer is a list

	seen []bool // of a row that is given by names
}

// The bounds of one request; more is a job for batch prediction. They bound the memory of the answer, and of rows that
// leave optional features out.
const (
	maxRows   = 50_000
	maxValues = 4 << 20
)

// badRequest is what is wrong with a body, in words for the caller.
type badRequest struct{ message string }

func (e *badRequest) Error() string { return e.message }

func bad(format string, args ...any) error { return &badRequest{fmt.Sprintf(format, args...)} }

// parse reads a body for a model:
//
//	{"features": [1, 2.5, null]}             one row, in the order of the inputs
//	{"features": {"age": 1, "height": 2.5}}  one row, by the names of the inputs
//	{"features": [[1, 2.5], {"age": 1}]}     many rows of either form
//
// null, and a name that is left out, stand for a missing value, which only an optional input may have. Everything else
// that is not exactly this is refused.
func (q *request) parse(body []byte, m *model.Model) error {
	q.values, q.rows, q.list = q.values[:0], 0, false
	p := parser{data: body, m: m, q: q}
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
	if err := p.features(); err != nil {
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
	if p.peek(); p.at < len(p.data) {
		return bad("something follows the JSON object at byte %d", p.at)
	}
	return nil
}

// parser is a position in a body.
type parser struct {
	data []byte
	at   int
	m    *model.Model
	q    *request
	row  int // the row that is being read, from 0, for messages; -1 where there is only one
}

// peek skips white space and returns the next byte; 0 at the end.
func (p *parser) peek() byte {
	for ; p.at < len(p.data); p.at++ {
		switch c := p.data[p.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (p *parser) take(want byte) bool {
	if p.peek() != want || p.at >= len(p.data) {
		return false
	}
	p.at++
	return true
}

func (p *parser) features() error {
	p.row = -1
	switch p.peek() {
	case '{':
		return p.named()
	case '[':
	default:
		return bad(`"features" is %s; want a list of numbers, an object of names and numbers, or a list of these`,
			p.kind())
	}
	start := p.at
	p.at++
	if next := p.peek(); next != '[' && next != '{' {
		p.at = start
		return p.positional()
	}
	p.q.list = true
	for p.row = 0; ; p.row++ {
		if p.row == maxRows || len(p.q.values)+p.m.Inputs() > maxValues {
			return bad("there are more than %d rows; predict them with several requests or as a batch", p.row)
		}
		var err error
		switch p.peek() {
		case '[':
			err = p.positional()
		case '{':
			err = p.named()
		default:
			return bad("row %d is %s; want a list of numbers or an object", p.row, p.kind())
		}
		if err != nil {
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
			return bad("%sthere are more than %d features", p.prefix(), len(inputs))
		}
		x, err := p.number(count)
		if err != nil {
			return err
		}
		p.q.values = append(p.q.values, x)
	}
	if count < len(inputs) {
		return bad("%sthere are %d features, want %d; the first that is missing is %q",
			p.prefix(), count, len(inputs), inputs[count].Name)
	}
	p.q.rows++
	return nil
}

// named reads one row by the names of the inputs.
func (p *parser) named() error {
	p.at++ // '{'
	inputs := p.m.Manifest.Inputs
	q := p.q
	start := len(q.values)
	q.seen = q.seen[:0]
	for range inputs {
		q.values = append(q.values, float32(math.NaN()))
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
		i := p.m.Input(key)
		if i < 0 {
			return bad("%sunknown feature %.100q", p.prefix(), key)
		}
		if q.seen[i] {
			return bad("%sthe feature %q stands there twice", p.prefix(), key)
		}
		q.seen[i] = true
		if q.values[start+i], err = p.number(i); err != nil {
			return err
		}
	}
	for i, seen := range q.seen {
		if !seen && !inputs[i].Optional {
			return bad("%sthe feature %q is missing", p.prefix(), inputs[i].Name)
		}
	}
	q.rows++
	return nil
}

// number reads the value of an input.
func (p *parser) number(input int) (float32, error) {
	in := &p.m.Manifest.Inputs[input]
	c := p.peek()
	switch {
	case c == '-' || c >= '0' && c <= '9':
	case p.word("null"):
		if !in.Optional {
			return 0, bad("%sthe feature %q is null, and it is not optional", p.prefix(), in.Name)
		}
		return float32(math.NaN()), nil
	default:
		return 0, bad("%sthe feature %q is %s; want a number", p.prefix(), in.Name, p.kind())
	}
	start := p.at
	if !p.skipNumber() {
		return 0, bad("%sthe feature %q is no JSON number (byte %d)", p.prefix(), in.Name, start)
	}
	text := p.data[start:p.at]
	// Through 64 bits, as training and batch prediction read it, so that all three see the same 32 bits.
	x, err := strconv.ParseFloat(unsafe.String(&text[0], len(text)), 64)
	if x32 := float32(x); err == nil && !math.IsInf(float64(x32), 0) {
		return x32, nil
	}
	return 0, bad("%sthe feature %q is too large for a 32-bit number: %.40s", p.prefix(), in.Name, text)
}

// skipNumber steps over a number of the JSON grammar and reports whether there was one.
func (p *parser) skipNumber() bool {
	p.skip('-')
	if !p.skip('0') && !p.digits() {
		return false
	}
	if p.skip('.') && !p.digits() {
		return false
	}
	if p.skip('e') || p.skip('E') {
		if !p.skip('+') {
			p.skip('-')
		}
		if !p.digits() {
			return false
		}
	}
	if p.at == len(p.data) {
		return true
	}
	switch p.data[p.at] {
	case ' ', '\t', '\r', '\n', ',', ']', '}':
		return true
	default:
		return false
	}
}

func (p *parser) skip(c byte) bool {
	if p.at < len(p.data) && p.data[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) digits() bool {
	start := p.at
	for p.at < len(p.data) && p.data[p.at] >= '0' && p.data[p.at] <= '9' {
		p.at++
	}
	return p.at > start
}

// key reads a string and the colon behind it.
func (p *parser) key() ([]byte, error) {
	if !p.take('"') {
		return nil, bad("broken JSON at byte %d: want a name in quotation marks", p.at)
	}
	start, plain := p.at, true
	for ; p.at < len(p.data) && p.data[p.at] != '"'; p.at++ {
		switch c := p.data[p.at]; {
		case c == '\\':
			plain = false
			p.at++
		case c < ' ':
			return nil, bad("broken JSON at byte %d: a control character in a name", p.at)
		}
	}
	if p.at >= len(p.data) {
		return nil, bad("broken JSON: the name at byte %d does not end", start)
	}
	p.at++
	text := p.data[start : p.at-1]
	if !plain {
		var s string
		if err := json.Unmarshal(p.data[start-1:p.at], &s); err != nil {
			return nil, bad("broken JSON at byte %d: a wrong escape in a name", start)
		}
		text = []byte(s)
	}
	if !utf8.Valid(text) {
		return nil, bad("the name at byte %d is not UTF-8", start)
	}
	if !p.take(':') {
		return nil, bad("broken JSON at byte %d: want ':' after the name %.60q", p.at, text)
	}
	return text, nil
}

func (p *parser) word(word string) bool {
	end := p.at + len(word)
	if end > len(p.data) || string(p.data[p.at:end]) != word {
		return false
	}
	p.at = end
	return true
}

// kind says in words what stands at the position.
func (p *parser) kind() string {
	switch c := p.peek(); {
	case p.at >= len(p.data):
		return "cut off"
	case c == '"':
		return "a string"
	case c == '[':
		return "a list"
	case c == '{':
		return "an object"
	case p.word("true") || p.word("false"):
		return "true or false (write 1 or 0)"
	case p.word("null"):
		return "null"
	case c == '-' || c >= '0' && c <= '9':
		return "a number"
	case p.word("NaN") || p.word("Infinity"):
		return "NaN or Infinity, which JSON does not have (null is missing)"
	default:
		return fmt.Sprintf("no JSON value (byte %d)", p.at)
	}
}

// prefix names the row at the beginning of a message, where there are many.
func (p *parser) prefix() string {
	if p.row < 0 {
		return ""
	}
	return fmt.Sprintf("row %d: ", p.row)
}

func (p *parser) where() string {
	if p.row < 0 {
		return ""
	}
	return fmt.Sprintf(" in row %d", p.row)
}
