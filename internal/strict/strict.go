// Package strict decodes YAML into Go structs and refuses everything that the struct does not name.
//
// A wrong file is reported whole: every problem with its line, its key, the value that was found and what was
// expected, and for an unknown key the list of keys that are allowed at that place. JSON is a subset of YAML, so the
// same decoder reads structured stack configuration.
//
// A field is known by its yaml tag, or by its pulumi tag where it has no yaml tag, so that the arguments of a component
// can be read from a stack file as they are. Fields of interface type are left out: they are wired by the program.
package strict

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"
)

// Problem is one thing that is wrong with a document.
type Problem struct {
	// File is the name that was given to Decode.
	File string
	// Line is the line of the offending key or value, counted from 1; 0 where the document has no lines.
	Line int
	// Key is the dotted path to the key, such as "model.parameters.rounds".
	Key string
	// Message says what was found and what was expected.
	Message string
}

// Error formats a problem as "file:line: key: message".
func (p *Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	if p.Key == "" {
		return fmt.Sprintf("%s: %s", where, p.Message)
	}
	return fmt.Sprintf("%s: %s: %s", where, p.Key, p.Message)
}

// Decode reads the YAML document data into the struct that v points to. name stands for the document in messages.
// The error joins one *Problem for each thing that is wrong; v is unchanged then.
func Decode(name string, data []byte, v any) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return &Problem{File: name, Message: "this is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if doc.Kind == 0 {
		return &Problem{File: name, Message: "the file is empty"}
	}
	return DecodeNode(name, doc.Content[0], v)
}

// DecodeNode is Decode for a document that has been parsed already.
func DecodeNode(name string, n *yaml.Node, v any) error {
	result := reflect.New(reflect.TypeOf(v).Elem()).Elem()
	result.Set(reflect.ValueOf(v).Elem())
	d := decoder{file: name}
	d.decode(n, result, "")
	if len(d.problems) > 0 {
		return errors.Join(d.problems...)
	}
	reflect.ValueOf(v).Elem().Set(result)
	return nil
}

// Keys lists the YAML keys of a struct type in alphabetical order.
func Keys(t reflect.Type) []string {
	var keys []string
	for key := range fields(t) {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

type decoder struct {
	file     string
	problems []error
}

func (d *decoder) fail(n *yaml.Node, key, format string, args ...any) {
	d.problems = append(d.problems, &Problem{
		File: d.file, Line: n.Line, Key: key, Message: fmt.Sprintf(format, args...),
	})
}

// nullable are the kinds that may be left out.
var nullable = []reflect.Kind{reflect.Pointer, reflect.Map, reflect.Slice}

var unmarshaler = reflect.TypeFor[yaml.Unmarshaler]()

// decode fills v from n and records what does not fit.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Tag == "!!null" && slices.Contains(nullable, v.Kind()):
		v.SetZero() // a key without a value leaves what may be left out
	case v.Addr().Type().Implements(unmarshaler):
		if err := n.Decode(v.Addr().Interface()); err != nil {
			d.fail(n, key, "%s", err)
		}
	case v.Kind() == reflect.Pointer:
		inner := reflect.New(v.Type().Elem())
		d.decode(n, inner.Elem(), key)
		v.Set(inner)
	case v.Kind() == reflect.Struct:
		d.decodeStruct(n, v, key)
	case v.Kind() == reflect.Map:
		d.decodeMap(n, v, key)
	case v.Kind() == reflect.Slice:
		d.decodeList(n, v, key)
	default:
		d.decodeScalar(n, v, key)
	}
}

func (d *decoder) decodeStruct(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, key, "found %s, want a mapping with the keys %s", found(n), strings.Join(Keys(v.Type()), ", "))
		return
	}
	known := fields(v.Type())
	d.eachKey(n, key, func(name, value *yaml.Node, path string) {
		index, ok := known[name.Value]
		if !ok {
			d.fail(name, path, "unknown key; allowed here: %s", strings.Join(Keys(v.Type()), ", "))
			return
		}
		d.decode(value, v.Field(index), path)
	})
}

func (d *decoder) decodeMap(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, key, "found %s, want a mapping", found(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	d.eachKey(n, key, func(name, value *yaml.Node, path string) {
		inner := reflect.New(v.Type().Elem()).Elem()
		d.decode(value, inner, path)
		v.SetMapIndex(reflect.ValueOf(name.Value).Convert(v.Type().Key()), inner)
	})
}

// eachKey calls f for each key of a mapping and reports keys that stand there twice.
func (d *decoder) eachKey(n *yaml.Node, key string, f func(name, value *yaml.Node, path string)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		path := join(key, name.Value)
		if line, ok := first[name.Value]; ok {
			d.fail(name, path, "this key stands here twice; the first is on line %d", line)
			continue
		}
		first[name.Value] = name.Line
		f(name, value, path)
	}
}

func (d *decoder) decodeList(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, key, "found %s, want a list", found(n))
		return
	}
	v.SetZero() // an empty list is the same as none
	if len(n.Content) > 0 {
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	}
	for i, item := range n.Content {
		d.decode(item, v.Index(i), fmt.Sprintf("%s[%d]", key, i))
	}
}

func (d *decoder) decodeScalar(n *yaml.Node, v reflect.Value, key string) {
	ok := n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" && n.Decode(v.Addr().Interface()) == nil
	switch {
	case !ok:
	case v.CanInt() || v.CanUint():
		ok = n.ShortTag() == "!!int" // the library would cut 1.5 to 1
	case v.CanFloat():
		ok = !math.IsNaN(v.Float()) && !math.IsInf(v.Float(), 0)
	}
	if !ok {
		d.fail(n, key, "found %s, want %s", found(n), kindName(v.Type()))
	}
}

// fields maps the keys of a struct to the indices of its fields.
func fields(t reflect.Type) map[string]int {
	all := map[string]int{}
	for i := range t.NumField() {
		field := t.Field(i)
		tag, ok := field.Tag.Lookup("yaml")
		if !ok {
			tag = field.Tag.Get("pulumi")
		}
		name, _, _ := strings.Cut(tag, ",")
		if name != "" && name != "-" && field.Type.Kind() != reflect.Interface {
			all[name] = i
		}
	}
	return all
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		if n.Tag == "!!null" {
			return "nothing"
		}
		return fmt.Sprintf("%q", n.Value)
	}
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of at least 0"
	default:
		return "a whole number"
	}
}
