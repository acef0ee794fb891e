package features

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/duck"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
)

// role is what a column of the query's result is for.
type role int

const (
	noRole role = iota // not known yet
	keyRole
	labelRole
	weightRole
	splitRole    // what rows are divided by: no input
	numberRole   // an input that is a number
	booleanRole  // an input that is true or false
	categoryRole // an input that is one of a category's values
)

// planned is one column of the query's result.
type planned struct {
	name   string
	role   role
	kind   string   // DuckDB's name of the type
	values []string // of a category
	time   bool     // rows are divided by it as a time
}

// numbers are the types of DuckDB that become inputs as they are.
var numbers = []string{"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
	"UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL"}

// newPlan looks at the columns of the query without computing rows, and refuses a result that cannot be trained from.
func newPlan(ctx context.Context, db *sql.DB, spec *pipeline.Spec, query string) ([]planned, error) {
	rows, err := db.QueryContext(ctx, "DESCRIBE (\n"+query+"\n)") // unlike a subquery it keeps names that stand twice
	if err != nil {
		return nil, queryError(err)
	}
	defer func() { _ = rows.Close() }()
	var plan []planned
	var problems []error
	for rows.Next() {
		var name, kind string
		var rest [4]any
		if err := rows.Scan(&name, &kind, &rest[0], &rest[1], &rest[2], &rest[3]); err != nil {
			return nil, queryError(err)
		}
		p, err := planColumn(spec, name, kind)
		plan, problems = append(plan, p), append(problems, err)
	}
	if err := rows.Err(); err != nil {
		return nil, queryError(err)
	}
	problems = append(problems, missing(spec, plan)...)
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("the query in features of pipeline.yaml gives no usable inputs: %w", err)
	}
	return plan, nil
}

func planColumn(spec *pipeline.Spec, name, kind string) (planned, error) {
	p := planned{name: name, kind: kind}
	column, declared := spec.Column(name)
	base, _, _ := strings.Cut(kind, "(")
	number := slices.Contains(numbers, base)
	p.role = namedRole(spec, name)
	p.time = p.role == splitRole && name == spec.Split.Time
	switch {
	case p.role == weightRole && !number:
		return p, fmt.Errorf("the weight %q is of type %s and not a number", name, kind)
	case p.time && !number && !isTime(kind):
		return p, fmt.Errorf("the time %q of split is of type %s and neither time nor number", name, kind)
	case p.role != noRole:
	case name == registry.SplitColumn, name == registry.FoldColumn:
		return p, fmt.Errorf("the name %q is reserved: name the column otherwise", name)
	case number:
		p.role = numberRole
	case kind == "BOOLEAN":
		p.role = booleanRole
	case kind == "VARCHAR" && declared && column.Type == pipeline.Category:
		p.role, p.values = categoryRole, column.Values
	default:
		return p, fmt.Errorf("the input %q is of type %s and not a number: turn it into one, or leave it out with "+
			"SELECT * EXCLUDE (%s) FROM curated", name, kind, name)
	}
	return p, nil
}

// kept is the kind that a column has in the file of the query's result.
func (p planned) kept() parquetfile.Kind {
	base, _, _ := strings.Cut(p.kind, "(")
	switch {
	case p.role == numberRole, p.role == weightRole, base == "DOUBLE", base == "FLOAT", base == "DECIMAL":
		return parquetfile.Double
	case p.time && slices.Contains(numbers, base):
		return parquetfile.Double
	case p.kind == "BOOLEAN":
		return parquetfile.Boolean
	case slices.Contains([]string{"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UINTEGER", "USMALLINT", "UTINYINT"}, base):
		return parquetfile.Integer
	case p.time, strings.HasPrefix(p.kind, "TIMESTAMP"):
		return parquetfile.Timestamp
	default:
		return parquetfile.Text
	}
}

// typed is the SQL that gives a column of the query the kind that is kept.
func (p planned) typed() string {
	kinds := map[parquetfile.Kind]string{parquetfile.Double: "DOUBLE", parquetfile.Integer: "BIGINT",
		parquetfile.Boolean: "BOOLEAN", parquetfile.Timestamp: "TIMESTAMP", parquetfile.Text: "VARCHAR"}
	return "CAST(computed." + duck.Name(p.name) + " AS " + kinds[p.kept()] + ")"
}

func isTime(kind string) bool { return strings.HasPrefix(kind, "TIMESTAMP") || kind == "DATE" }

// namedRole is what a column is because pipeline.yaml names it.
func namedRole(spec *pipeline.Spec, name string) role {
	switch name {
	case "":
	case spec.Source.Key:
		return keyRole
	case spec.Label:
		return labelRole
	case spec.Weight:
		return weightRole
	case spec.Split.By, spec.Split.Time:
		return splitRole
	}
	return noRole
}

// missing says which columns the result lacks or has twice.
func missing(spec *pipeline.Spec, plan []planned) []error {
	var problems []error
	count := map[string]int{}
	inputs := 0
	for _, p := range plan {
		count[p.name]++
		if p.role >= numberRole {
			inputs++
		}
		if count[p.name] == 2 {
			problems = append(problems, fmt.Errorf("the column %q is in the result twice", p.name))
		}
	}
	if count[spec.Label] == 0 {
		problems = append(problems, fmt.Errorf("the label %q is not in the result: select it too", spec.Label))
	}
	for what, name := range map[string]string{"weight": spec.Weight, "column of split.by": spec.Split.By,
		"column of split.time": spec.Split.Time} {
		if name != "" && count[name] == 0 {
			problems = append(problems, fmt.Errorf("the %s %q is not in the result: select it too", what, name))
		}
	}
	if key := spec.Source.Key; key != "" && count[key] == 0 {
		problems = append(problems, fmt.Errorf("the key %q is not in the result: select it too", key))
	}
	if inputs == 0 {
		problems = append(problems, errors.New("there is no input besides key and label"))
	}
	return problems
}
