package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ParseJSON reads one JSON document. Other than encoding/json it refuses a key that stands twice in one object: which
// of the two counts depends on the reader, and a rule must not judge the harmless one. What is nested too deep is
// unknown.
func ParseJSON(text string) (Value, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	v, err := parseJSON(decoder, 0)
	if err != nil {
		return Value{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Value{}, errors.New("text after the end of the document")
	}
	return v, nil
}

func parseJSON(decoder *json.Decoder, depth int) (Value, error) {
	token, err := decoder.Token()
	if err != nil {
		return Value{}, err
	}
	_, opens := token.(json.Delim)
	switch {
	case opens && depth >= maxDepth:
		return UnknownValue(), skip(decoder)
	case token == json.Delim('{'):
		return parseObject(decoder, depth)
	case token == json.Delim('['):
		return parseArray(decoder, depth)
	default:
		return Of(token), nil
	}
}

// skip reads to the end of what has just been opened. It does not recurse: the stack of a goroutine has an end too.
func skip(decoder *json.Decoder) error {
	for level := 1; level > 0; {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			level++
		case json.Delim('}'), json.Delim(']'):
			level--
		}
	}
	return nil
}

func parseObject(decoder *json.Decoder, depth int) (Value, error) {
	m := map[string]Value{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return Value{}, err
		}
		key, _ := token.(string)
		if _, twice := m[key]; twice {
			return Value{}, fmt.Errorf("the key %q stands twice", shorten(key))
		}
		if m[key], err = parseJSON(decoder, depth+1); err != nil {
			return Value{}, err
		}
	}
	_, err := decoder.Token()
	return MapValue(m), err
}

func parseArray(decoder *json.Decoder, depth int) (Value, error) {
	list := []Value{}
	for decoder.More() {
		item, err := parseJSON(decoder, depth+1)
		if err != nil {
			return Value{}, err
		}
		list = append(list, item)
	}
	_, err := decoder.Token()
	return ListValue(list), err
}
