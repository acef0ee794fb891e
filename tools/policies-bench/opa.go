package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/mlpathway/mlpathway/policies/rules"
)

//go:embed twins.rego
var module string

// measureOPA lets Open Policy Agent judge. It starts from a parsed input in which resources are grouped by type, and from
// a prepared query, as our engine starts from its own graph.
func measureOPA(m *measurement, resources []*rules.Resource, stack *rules.Stack) error {
	ctx := context.Background()
	query, err := rego.New(rego.Query("found = data.policies.deny"), rego.Module("twins.rego", module)).
		PrepareForEval(ctx)
	if err != nil {
		return err
	}
	input, err := parsed(resources, stack)
	if err != nil {
		return err
	}
	m.Rules = len(twinned)
	var results rego.ResultSet
	m.Seconds, err = best(func() error {
		results, err = query.Eval(ctx, rego.EvalParsedInput(input))
		return err
	})
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for _, result := range results {
		places, ok := result.Bindings["found"].([]any)
		if !ok {
			return fmt.Errorf("want a list of findings, found %T", result.Bindings["found"])
		}
		for _, place := range places {
			found[fmt.Sprint(place)] = true
		}
	}
	m.sum(found)
	return nil
}

// document is a stack as Open Policy Agent sees it.
type document struct {
	Environment string                `json:"environment"`
	DataClass   string                `json:"dataClass"`
	ByType      map[string][]resource `json:"byType"`
}

type resource struct {
	URN   string `json:"urn"`
	Props any    `json:"props"`
	// From are the types of the resources that a property takes its value from.
	From map[string][]string `json:"from"`
}

// parsed turns a stack into an input.
func parsed(resources []*rules.Resource, stack *rules.Stack) (ast.Value, error) {
	graph := rules.NewGraph(resources)
	d := document{Environment: string(stack.Environment), DataClass: stack.DataClass, ByType: map[string][]resource{}}
	for _, r := range graph.Resources() {
		made := resource{URN: r.URN, Props: plain(r.Properties), From: map[string][]string{}}
		for property := range r.PropertyDependencies {
			for _, target := range graph.Refers(r, property) {
				made.From[property] = append(made.From[property], target.Type)
			}
		}
		d.ByType[r.Type] = append(d.ByType[r.Type], made)
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return ast.ValueFromReader(bytes.NewReader(text))
}

// plain turns a value into JSON. What is unknown is {"$unknown": true}: JSON has no word for it.
func plain(v rules.Value) any {
	if b, ok := v.Bool(); ok && v.Kind() == rules.Bool {
		return b
	}
	if n, ok := v.Number(); ok && v.Kind() == rules.Number {
		return n
	}
	if text, ok := v.Text(); ok {
		return text
	}
	if items, ok := v.List(); ok {
		list := make([]any, 0, len(items))
		for _, item := range items {
			list = append(list, plain(item))
		}
		return list
	}
	switch v.Kind() {
	case rules.Map:
		m := map[string]any{}
		for _, key := range v.Keys() {
			if entry := v.Key(key); !entry.IsAbsent() {
				m[key] = plain(entry)
			}
		}
		return m
	case rules.Unknown:
		return map[string]any{"$unknown": true}
	default:
		return nil
	}
}
