package features

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Functions are those that DuckDB and Spark SQL share with the same meaning; docs/pipeline.md lists them.
var Functions = []string{"abs", "avg", "cast", "ceil", "coalesce", "concat", "count", "dense_rank", "exp",
	"first_value",
	"floor", "greatest", "lag", "last_value", "lead", "least", "length", "ln", "log10", "lower", "ltrim",
	"max", "min", "mod",
	"nullif", "power", "rank", "replace", "round", "row_number", "rtrim", "sign", "sqrt", "stddev_pop", "stddev_samp",
	"substring", "sum", "trim", "upper", "var_pop", "var_samp"}

// words may stand before a parenthesis and are no functions.
var words = []string{"and", "as", "by", "case", "distinct", "else", "exists", "filter", "from", "in", "join", "not",
	"on", "or",
	"over", "partition", "select", "then", "union", "all", "using", "values", "when", "where", "with",
	"having", "between", "like",
	"except", "intersect", "order", "group", "limit", "decimal", "varchar", "char"}

// elsewhere are words that only one of the two knows, with what to write instead.
var elsewhere = map[string]string{
	"exclude": "list the columns", "qualify": "filter an outer query", "asof": "join on a condition",
	"positional": "join on a condition", "sample": "choose rows by a condition", "pivot": "write CASE",
	"unpivot": "write UNION ALL",
	"semi":    "write EXISTS", "anti": "write NOT EXISTS", "ilike": "write lower(x) LIKE",
}

// signs are those that only one of the two knows, with what to write instead.
var signs = map[string]string{
	"::": "is no cast there: write CAST(x AS type)",
	"//": "is no operator there: write floor(x / y) or power(x, y)",
	"**": "is no operator there: write floor(x / y) or power(x, y)",
	"[":  "begins no list there", "{": "begins no list there",
}

// token is a string, a quoted name, a comment, a name, a number, or one sign.
var token = regexp.MustCompile(`'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|(?s:/\*.*?\*/)|` +
	`[A-Za-z_][A-Za-z0-9_]*|[0-9][0-9.eE]*|::|//|\*\*|\S`)

// Portable lists what Spark SQL does not understand in a query as DuckDB does: nothing where the query keeps to the
// part that both share.
func Portable(query string) []string {
	var problems []string
	add := func(format string, args ...any) {
		if p := fmt.Sprintf(format, args...); !slices.Contains(problems, p) {
			problems = append(problems, p)
		}
	}
	all := slices.DeleteFunc(token.FindAllString(query, -1), func(t string) bool {
		return strings.HasPrefix(t, "--") || strings.HasPrefix(t, "/*")
	})
	for i, t := range all {
		name := strings.ToLower(t)
		call := i+1 < len(all) && all[i+1] == "("
		switch {
		case signs[t] != "":
			add("%s %s", t, signs[t])
		case strings.HasPrefix(t, `"`):
			add("%s is a text there and no name: choose names that need no quotes", t)
		case elsewhere[name] != "":
			add("%s is not known there: %s", strings.ToUpper(t), elsewhere[name])
		case call && isName(name) && !slices.Contains(Functions, name) && !slices.Contains(words, name):
			add("the function %s is not among those that both have", name)
		}
	}
	return problems
}

func isName(t string) bool { return t[0] >= 'a' && t[0] <= 'z' || t[0] == '_' }
