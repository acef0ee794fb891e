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
	var v Value
	switch token {
	case json.Delim('{'):
		v, err = parseObject(decoder, depth)
	case json.Delim('['):
		v, err = parseArray(decoder, depth)
	default:
		return Of(token), nil
	}
	if depth >= maxDepth {
		v = UnknownValue()
	}
	return v, err
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
