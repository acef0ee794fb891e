package rules

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Item is one value that a path leads to.
type Item struct {
	Value
	// Path is where it stands, with the index of every list: blockDeviceMappings[0].ebs.encrypted.
	Path string
}

// Each gives every value that a path leads to. A path is a row of keys with dots between them; `[]` behind a key says
// that it holds a list of which every element is meant. A list is entered even where the path has no `[]`, and a single
// mapping is taken where it has one: schemas change between the two.
//
// No value is left out: where something on the way is absent, unknown or no mapping, the item says so. Only an absent
// or empty list behind a key with `[]` gives no item.
func (v Value) Each(path string) []Item {
	var items []Item
	walk(v, path, func(i Item) { items = append(items, i) })
	return items
}

// Get gives the one value that a path leads to; the first where there are several, absent where there is none.
func (v Value) Get(path string) Value {
	var found Value
	first := true
	walk(v, path, func(i Item) {
		if first {
			found, first = i.Value, false
		}
	})
	return found
}

// walker goes where a path leads.
type walker struct {
	path  string
	visit func(Item)
}

func walk(v Value, path string, visit func(Item)) {
	w := walker{path: path, visit: visit}
	w.from(v, 0, "", true)
}

// from goes on from v with the path from an offset on. at is where v stands; as long as the way is plain, that is the
// path itself up to there, and at is not made.
func (w *walker) from(v Value, offset int, at string, plain bool) {
	if offset >= len(w.path) || v.kind == Unknown {
		w.visit(Item{Value: v, Path: w.place(offset, at, plain)})
		return
	}
	if v.kind == List {
		w.elements(v, offset, w.place(offset, at, plain))
		return
	}
	segment, next := w.path[offset:], len(w.path)
	if dot := strings.IndexByte(segment, '.'); dot >= 0 {
		segment, next = segment[:dot], offset+dot+1
	}
	key, each := strings.CutSuffix(segment, "[]")
	entry := v.Key(key)
	if plain && (each || strings.ContainsAny(key, "[]") || next == len(w.path) && segment == "") {
		at, plain = w.place(offset, at, plain), false
	}
	if !plain {
		at = join(at, key)
	}
	switch {
	case each && entry.kind == Absent:
	case each && entry.kind == List:
		w.elements(entry, next, at)
	default:
		w.from(entry, next, at, plain)
	}
}

func (w *walker) elements(v Value, offset int, at string) {
	items, _ := v.List()
	for i, item := range items {
		w.from(item, offset, at+"["+strconv.Itoa(i)+"]", false)
	}
}

// place is where a value stands that was reached with the path up to an offset.
func (w *walker) place(offset int, at string, plain bool) string {
	if !plain {
		return at
	}
	if offset >= len(w.path) {
		return w.path
	}
	return strings.TrimSuffix(w.path[:offset], ".")
}

// join adds a key to a path; one with a dot of its own in quotes.
func join(at, key string) string {
	switch {
	case strings.ContainsAny(key, ".[]"):
		return at + "[" + strconv.Quote(key) + "]"
	case at == "":
		return key
	default:
		return at + "." + key
	}
}

// root is the name of the property that a path begins with.
func root(path string) string {
	name, _, _ := strings.Cut(path, ".")
	name, _, _ = strings.Cut(name, "[")
	return name
}

// generic is a path without indexes and without `[]`: how a rule declares it and how it reads it compare equal.
func generic(path string) string {
	for {
		open := strings.IndexByte(path, '[')
		if open < 0 {
			return path
		}
		end := strings.IndexByte(path[open:], ']')
		if end < 0 {
			return path
		}
		path = path[:open] + path[open+end+1:]
	}
}

// With gives a copy of the value in which the one at a path is another; absent removes it, and missing mappings are
// made. The path names list elements by index ([0]), or all of them ([]), and keys with a dot in quotes (["a.b"]), as
// the path of an Item does.
func (v Value) With(path string, value Value) Value {
	if path == "" {
		value.secret = value.secret || v.secret
		return value
	}
	step, rest := cutStep(path)
	if index, ok := strings.CutPrefix(step, "["); ok {
		return v.withElement(index, rest, value)
	}
	entries, _ := v.data.(map[string]Value)
	m := maps.Clone(entries)
	if m == nil {
		m = map[string]Value{}
	}
	m[step] = m[step].With(rest, value)
	return Value{kind: Map, secret: v.secret, data: m}
}

// withElement replaces one element of a list, or with no index each of them.
func (v Value) withElement(index, rest string, value Value) Value {
	items, _ := v.data.([]Value)
	list := slices.Clone(items)
	for i := range list {
		if index == "" || index == strconv.Itoa(i) {
			list[i] = list[i].With(rest, value)
		}
	}
	return Value{kind: List, secret: v.secret, data: list}
}

// cutStep takes the first step off a path that is not empty: a key, or a bracket with the index behind it.
func cutStep(path string) (step, rest string) {
	if quoted, err := strconv.QuotedPrefix(strings.TrimPrefix(path, "[")); err == nil && path[0] == '[' {
		key, _ := strconv.Unquote(quoted)
		rest = strings.TrimPrefix(path[1+len(quoted):], "]")
		return key, strings.TrimPrefix(rest, ".")
	}
	if index, rest, ok := strings.Cut(path, "]"); ok && path[0] == '[' {
		return index, strings.TrimPrefix(rest, ".")
	}
	end := strings.IndexAny(path[1:], ".[") + 1
	if end == 0 {
		return path, ""
	}
	return path[:end], strings.TrimPrefix(path[end:], ".")
}

// Step is one step of a concrete path: a key of a mapping, or the index of an element of a list.
type Step struct {
	Key     string
	Element bool
	Index   int
}

// Steps takes the path of an Item or a Change apart. It is nil where an index is no number.
func Steps(path string) []Step {
	var steps []Step
	for path != "" {
		var text string
		text, path = cutStep(path)
		index, ok := strings.CutPrefix(text, "[")
		if !ok {
			steps = append(steps, Step{Key: text})
			continue
		}
		n, err := strconv.Atoi(index)
		if err != nil || n < 0 {
			return nil
		}
		steps = append(steps, Step{Element: true, Index: n})
	}
	return steps
}
