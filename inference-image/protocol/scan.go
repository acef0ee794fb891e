package protocol

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/mlpathway/mlpathway/inference-image/model"
)

// parser is a position in a JSON text.
type parser struct {
	data []byte
	at   int
	m    *model.Model
	q    *Rows
	row  place // the row that is being read
	// strict takes rows only as lists of numbers and as objects of the inputs' names.
	strict bool
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

// end refuses what follows the value.
func (p *parser) end() error {
	if p.peek(); p.at < len(p.data) {
		return bad("something follows the JSON object at byte %d", p.at)
	}
	return nil
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
	return p.at == len(p.data) || endsNumber(p.data[p.at])
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
	if p.peek() != '"' {
		return nil, bad("broken JSON at byte %d: want a name in quotation marks", p.at)
	}
	text, err := p.text()
	if err != nil {
		return nil, err
	}
	if !p.take(':') {
		return nil, bad("broken JSON at byte %d: want ':' after the name %.60q", p.at, text)
	}
	return text, nil
}

// text reads a string; the next byte must be a quotation mark.
func (p *parser) text() ([]byte, error) {
	p.at++
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

// object calls field for each name of an object, with the position behind the colon; field reads the value.
func (p *parser) object(field func(key []byte) error) error {
	if !p.take('{') {
		return bad("broken JSON at byte %d: want an object", p.at)
	}
	for first := true; !p.take('}'); first = false {
		if !first && !p.take(',') {
			return bad("broken JSON at byte %d: want ',' or '}'", p.at)
		}
		key, err := p.key()
		if err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
	}
	return nil
}

// list calls item at each item of a list; item reads it.
func (p *parser) list(item func() error) error {
	if !p.take('[') {
		return bad("broken JSON at byte %d: want a list, found %s", p.at, p.kind())
	}
	for first := true; !p.take(']'); first = false {
		if !first && !p.take(',') {
			return bad("broken JSON at byte %d: want ',' or ']'", p.at)
		}
		if err := item(); err != nil {
			return err
		}
	}
	return nil
}

// value steps over any value and returns its text.
func (p *parser) value(depth int) ([]byte, error) {
	c := p.peek()
	start := p.at
	var err error
	switch {
	case depth > maxDepth:
		return nil, bad("the JSON is nested deeper than %d at byte %d", maxDepth, p.at)
	case c == '{':
		err = p.object(func([]byte) error { _, err := p.value(depth + 1); return err })
	case c == '[':
		err = p.list(func() error { _, err := p.value(depth + 1); return err })
	case c == '"':
		_, err = p.text()
	case c == '-' || c >= '0' && c <= '9':
		if !p.skipNumber() {
			err = bad("broken JSON: no number at byte %d", start)
		}
	case p.word("true") || p.word("false") || p.word("null"):
	default:
		err = bad("broken JSON at byte %d: %s", start, p.kind())
	}
	return p.data[start:p.at], err
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
