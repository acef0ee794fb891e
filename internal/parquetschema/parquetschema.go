// Package parquetschema makes schemas of flat Parquet files whose columns are known only at run time.
package parquetschema

import (
	"fmt"

	"github.com/parquet-go/parquet-go"
)

// Column is a column of a file.
type Column struct {
	// Name of the column.
	Name string
	// Node is its type.
	Node parquet.Node
}

// New makes a schema that keeps its columns in their order; parquet.Group alone sorts them by name. Two columns of the
// same name are an error.
func New(name string, columns []Column) (*parquet.Schema, error) {
	group := parquet.Group{}
	for _, c := range columns {
		if _, taken := group[c.Name]; taken {
			return nil, fmt.Errorf("two columns of a Parquet file have the name %q; rename one", c.Name)
		}
		group[c.Name] = c.Node
	}
	byName := make(map[string]parquet.Field, len(columns))
	for _, f := range group.Fields() {
		byName[f.Name()] = f
	}
	root := ordered{Group: group}
	for _, c := range columns {
		root.fields = append(root.fields, byName[c.Name])
	}
	return parquet.NewSchema(name, root), nil
}

// ordered is a group whose fields have an order of their own.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

// Fields implements parquet.Node.
func (g ordered) Fields() []parquet.Field { return g.fields }
