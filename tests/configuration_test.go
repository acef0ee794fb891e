package tests

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/stacks"
)

// configurationTable lists every key of a stack file with the comment of its field.
func configurationTable(t *testing.T) string {
	t.Helper()
	d := &documenter{comments: map[string]string{}}
	d.read(t, "../stacks")
	d.read(t, "../components")
	d.read(t, "../components/kubernetes/settings")
	config := reflect.TypeFor[stacks.Config]()
	var b strings.Builder
	b.WriteString("| key | type | meaning |\n|---|---|---|\n")
	for i := range config.NumField() {
		field := config.Field(i)
		if inner := elem(field.Type); inner.Kind() != reflect.Struct {
			d.row(&b, "mlpathway:"+field.Tag.Get("yaml"), config.Name(), field)
		}
	}
	for i := range config.NumField() {
		field := config.Field(i)
		if inner := elem(field.Type); inner.Kind() == reflect.Struct {
			name := field.Tag.Get("yaml")
			fmt.Fprintf(&b, "\n### mlpathway:%s\n\n| key | type | meaning |\n|---|---|---|\n", name)
			d.rows(&b, "", inner)
		}
	}
	return b.String()
}

// documenter knows the comments of the fields of structs by "Struct.Field".
type documenter struct{ comments map[string]string }

func (d *documenter) read(t *testing.T, dir string) {
	t.Helper()
	//nolint:staticcheck // no build tags matter here
	packages, err := parser.ParseDir(token.NewFileSet(), dir, nil, parser.ParseComments)
	require.NoError(t, err)
	for _, p := range packages {
		ast.Inspect(p, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range s.Fields.List {
					for _, name := range field.Names {
						d.comments[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
					}
				}
			}
			return true
		})
	}
}

func (d *documenter) rows(b *strings.Builder, prefix string, t reflect.Type) {
	for i := range t.NumField() {
		field := t.Field(i)
		key := field.Tag.Get("yaml")
		if key == "" {
			key, _, _ = strings.Cut(field.Tag.Get("pulumi"), ",")
		}
		if key == "" || key == "-" || field.Type.Kind() == reflect.Interface {
			continue
		}
		d.row(b, prefix+key, t.Name(), field)
		if inner := elem(field.Type); inner.Kind() == reflect.Struct {
			suffix := "."
			if field.Type.Kind() == reflect.Slice {
				suffix = "[]."
			}
			d.rows(b, prefix+key+suffix, inner)
		}
	}
}

func (d *documenter) row(b *strings.Builder, key, owner string, field reflect.StructField) {
	comment := d.comments[owner+"."+field.Name]
	fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, kind(field.Type), strings.ReplaceAll(comment, "|", `\|`))
}

// elem looks through pointers, lists and maps.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return kind(t.Elem())
	case reflect.Slice:
		return "list of " + kind(t.Elem())
	case reflect.Map:
		return kind(t.Elem()) + " by name"
	case reflect.Struct:
		return "mapping"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float64:
		return "number"
	default:
		return "whole number"
	}
}
