package rules

import (
	"strconv"
	"strings"
)

// documents keeps what was parsed, since many rules read the same document.
type documents map[documentKey]*Document

type documentKey struct {
	text   string
	secret bool
}

// parse reads a policy document from a text or a mapping.
func (d documents) parse(v Value) *Document {
	text, isText := v.Text()
	if !isText {
		return readDocument(v)
	}
	key := documentKey{text, v.Secret()}
	document := d[key]
	if document == nil {
		document = ParseDocument(v)
		d[key] = document
	}
	return document
}

// ParseDocument reads an IAM policy document from its JSON text, or from a mapping of which parts may be unknown.
// Element names are read without regard to case, because a reader that accepts less might overlook a statement.
func ParseDocument(v Value) *Document {
	text, ok := v.Text()
	if !ok {
		return readDocument(v)
	}
	parsed, err := ParseJSON(text)
	if err != nil {
		// The error may quote the text, and the text may be secret.
		return &Document{Problem: "it is not JSON"}
	}
	parsed.secret = v.secret
	return readDocument(parsed)
}

func readDocument(v Value) *Document {
	switch v.Kind() {
	case Unknown:
		return &Document{Unknown: true}
	case Map:
	default:
		return &Document{Problem: "it is " + v.Kind().String() + ", want a JSON object"}
	}
	statements := field(v, "Statement")
	switch statements.Kind() {
	case Unknown:
		return &Document{Unknown: true}
	case Map:
		statements = ListValue([]Value{statements})
	case List:
	default:
		return &Document{Problem: "Statement is " + statements.Kind().String() + ", want a list"}
	}
	var d Document
	items, _ := statements.List()
	for i, item := range items {
		switch item.Kind() {
		case Map:
			d.Statements = append(d.Statements, readStatement(i, item))
		case Unknown:
			d.Unknown = true
		default:
			return &Document{Problem: "a statement is " + item.Kind().String() + ", want an object"}
		}
	}
	return &d
}

// field reads an element by its name without regard to case. Two that differ only in case are unknown: which of them
// counts can not be told.
func field(v Value, name string) Value {
	entry, count := Value{}, 0
	entries, _ := v.data.(map[string]Value)
	for key := range entries {
		if strings.EqualFold(key, name) {
			entry, count = v.Key(key), count+1
		}
	}
	if count > 1 {
		return UnknownValue()
	}
	return entry
}

func readStatement(i int, v Value) Statement {
	s := Statement{
		Name:          "statement " + strconv.Itoa(i+1),
		Allows:        Maybe,
		Actions:       terms(field(v, "Action")),
		NotActions:    terms(field(v, "NotAction")),
		Resources:     terms(field(v, "Resource")),
		NotResources:  terms(field(v, "NotResource")),
		Principals:    principals(field(v, "Principal")),
		NotPrincipals: principals(field(v, "NotPrincipal")),
		Conditions:    conditions(field(v, "Condition")),
	}
	if sid := field(v, "Sid"); sid.Kind() == String && !sid.Empty() {
		s.Name = "statement " + sid.String()
	}
	switch effect, _ := field(v, "Effect").Text(); {
	case strings.EqualFold(effect, "Allow"):
		s.Allows = Yes
	case strings.EqualFold(effect, "Deny"):
		s.Allows = No
	}
	return s
}

// terms reads a text or a list of texts. What is neither is taken as unknown, so that it does not pass.
func terms(v Value) Terms {
	switch v.Kind() {
	case Absent:
		return Terms{}
	case List:
		items, _ := v.List()
		t := Terms{given: true}
		for _, item := range items {
			t.items = append(t.items, term(item))
		}
		return t
	default:
		return Terms{given: true, items: []Value{term(v)}}
	}
}

func term(v Value) Value {
	switch v.Kind() {
	case String:
		return v
	case Bool, Number: // as in "aws:SecureTransport": false
		return Value{kind: String, secret: v.secret, data: Value{kind: v.kind, data: v.data}.String()}
	default:
		return UnknownValue()
	}
}

func principals(v Value) Principals {
	switch v.Kind() {
	case Absent:
		return Principals{}
	case String:
		return Principals{given: true, byKind: map[string]Terms{"*": terms(v)}}
	case Map:
		p := Principals{given: true, byKind: map[string]Terms{}}
		for _, kind := range v.Keys() {
			p.byKind[kind] = terms(v.Key(kind))
		}
		return p
	default:
		return Principals{given: true, unknown: true}
	}
}

func conditions(v Value) Conditions {
	if v.Kind() == Absent {
		return Conditions{}
	}
	all := Conditions{unknown: v.Kind() != Map}
	for _, operator := range v.Keys() {
		tests := v.Key(operator)
		all.unknown = all.unknown || tests.Kind() != Map
		for _, key := range tests.Keys() {
			all.list = append(all.list, Condition{
				Operator: operator, Key: strings.ToLower(key), Values: terms(tests.Key(key)),
			})
		}
	}
	return all
}
