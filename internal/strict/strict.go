// Package strict decodes YAML into Go structs and refuses everything that the struct does not name.
//
// A wrong file is reported whole: every problem with its line, its key, the value that was found and what was
// expected, and for an unknown key the list of keys that are allowed at that place. JSON is a subset of YAML, so the
// same decoder reads structured stack configuration.
package strict

import (
	"errors"
	"fmt"
	"reflect"
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
	target := reflect.TypeOf(v).Elem()
	c := checker{file: name}
	c.check(doc.Content[0], target, "")
	if len(c.problems) > 0 {
		return errors.Join(c.problems...)
	}
	return doc.Content[0].Decode(v)
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

type checker struct {
	file     string
	problems []error
}

func (c *checker) fail(n *yaml.Node, key, format string, args ...any) {
	c.problems = append(c.problems, &Problem{
		File: c.file, Line: n.Line, Key: key, Message: fmt.Sprintf(format, args...),
	})
}

var unmarshaler = reflect.TypeFor[yaml.Unmarshaler]()

func (c *checker) check(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case reflect.PointerTo(t).Implements(unmarshaler):
		c.decode(n, t, key)
	case t.Kind() == reflect.Struct:
		c.checkStruct(n, t, key)
	case t.Kind() == reflect.Map:
		c.checkMap(n, t, key)
	case t.Kind() == reflect.Slice:
		c.checkList(n, t, key)
	case t.Kind() == reflect.Interface:
	default:
		c.checkScalar(n, t, key)
	}
}

func (c *checker) checkStruct(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind != yaml.MappingNode {
		c.fail(n, key, "found %s, want a mapping with the keys %s", found(n), strings.Join(Keys(t), ", "))
		return
	}
	known := fields(t)
	c.eachKey(n, key, func(name, value *yaml.Node, path string) {
		field, ok := known[name.Value]
		if !ok {
			c.fail(name, path, "unknown key; allowed here: %s", strings.Join(Keys(t), ", "))
			return
		}
		c.check(value, field, path)
	})
}

func (c *checker) checkMap(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind != yaml.MappingNode {
		c.fail(n, key, "found %s, want a mapping", found(n))
		return
	}
	c.eachKey(n, key, func(_, value *yaml.Node, path string) { c.check(value, t.Elem(), path) })
}

// eachKey calls f for each key of a mapping and reports keys that stand there twice.
func (c *checker) eachKey(n *yaml.Node, key string, f func(name, value *yaml.Node, path string)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		path := join(key, name.Value)
		if line, ok := first[name.Value]; ok {
			c.fail(name, path, "this key stands here twice; the first is on line %d", line)
			continue
		}
		first[name.Value] = name.Line
		f(name, value, path)
	}
}

func (c *checker) checkList(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind != yaml.SequenceNode {
		c.fail(n, key, "found %s, want a list", found(n))
		return
	}
	for i, item := range n.Content {
		c.check(item, t.Elem(), fmt.Sprintf("%s[%d]", key, i))
	}
}

func (c *checker) checkScalar(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind != yaml.ScalarNode || n.Decode(reflect.New(t).Interface()) != nil ||
		t.Kind() == reflect.String && n.Tag == "!!null" {
		c.fail(n, key, "found %s, want %s", found(n), kindName(t))
	}
}

// decode lets a type that reads itself do so, and puts its error in place.
func (c *checker) decode(n *yaml.Node, t reflect.Type, key string) {
	if err := n.Decode(reflect.New(t).Interface()); err != nil {
		c.fail(n, key, "%s", err)
	}
}

// fields maps the YAML keys of a struct to the types of its fields; inlined structs are followed.
func fields(t reflect.Type) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case !field.IsExported() || name == "-":
		case strings.Contains(options, "inline"):
			for key, inner := range fields(field.Type) {
				all[key] = inner
			}
		case name == "":
			all[strings.ToLower(field.Name)] = field.Type
		default:
			all[name] = field.Type
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
