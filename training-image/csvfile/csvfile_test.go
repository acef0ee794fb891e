package csvfile_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/csvfile"
)

var (
	zero, ten = 0.0, 10.0
	columns   = []pipeline.Column{
		{Name: "id", Type: pipeline.Integer},
		{Name: "size", Type: pipeline.Float, Optional: true, Min: &zero, Max: &ten},
		{Name: "color", Type: pipeline.Category, Values: []string{"red", "NA", "blue"}},
	}
)

type outcome struct {
	rows    [][]cell.Value
	lines   []int
	bad     []csvfile.Bad
	ignored []string
}

func readAll(name, text string, columns []pipeline.Column) (outcome, error) {
	var out outcome
	r, err := csvfile.NewReader(name, strings.NewReader(text), columns)
	if err != nil {
		return out, err
	}
	defer r.Close()
	out.ignored = r.Ignored()
	for {
		row, bad, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return out, err
		case bad != nil:
			out.bad = append(out.bad, *bad)
		default:
			out.rows = append(out.rows, slices.Clone(row.Values))
			out.lines = append(out.lines, row.Line)
		}
	}
}

func TestGoodFiles(t *testing.T) {
	t.Parallel()
	want := [][]cell.Value{cell.Row(int64(1), 2.5, "red"), cell.Row(int64(2), nil, "NA")}
	for name, text := range map[string]string{
		"plain":               "id,size,color\n1,2.5,red\n2,,NA\n",
		"no newline at end":   "id,size,color\n1,2.5,red\n2,nan,NA",
		"CRLF":                "id,size,color\r\n1,2.5,red\r\n2,NULL,NA\r\n",
		"byte order mark":     "\xef\xbb\xbfid,size,color\n1,2.5,red\n2,,NA\n",
		"mark and quotes":     "\xef\xbb\xbf\"id\",\"size\",\"color\"\n\"1\",\"2.5\",\"red\"\n2,,NA\n",
		"another order":       "color,id,size\nred,1,2.5\nNA,2,NA\n",
		"another column":      "id,note,size,color\n1,\"a, \"\"b\"\"\nc\",2.5,red\n2,x,,NA\n",
		"spaces":              " id , size,color\n 1, 2.5 , red\n2, ,NA\n",
		"blank lines":         "\n\nid,size,color\n\n1,2.5,red\n2,,NA\n\n",
		"integer as a float":  "id,size,color\n1.0,2.50,red\n2e0,,NA\n",
		"minus zero is a row": "id,size,color\n1,2.5,red\n2,,NA\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := readAll("x.csv", text, columns)
			require.NoError(t, err)
			assert.Equal(t, want, out.rows)
			assert.Empty(t, out.bad)
		})
	}
}

// Many more rows than are read ahead.
func TestManyRows(t *testing.T) {
	t.Parallel()
	const rows = 5_000
	var text strings.Builder
	text.WriteString("id,size,color\n")
	for i := range rows {
		_, _ = fmt.Fprintf(&text, "%d,%g,%s\n", i, float64(i%80)/8, []string{"red", "blue", "green"}[i%3])
	}
	out, err := readAll("x.csv", text.String(), columns)
	require.NoError(t, err)
	assert.Len(t, out.bad, rows/3)
	require.Len(t, out.rows, rows-rows/3)
	for i, row := range out.rows {
		n := i/2*3 + i%2
		require.Equal(t, cell.Row(int64(n), float64(n%80)/8, []string{"red", "blue"}[i%2]), row)
		require.Equal(t, n+2, out.lines[i])
	}
}

func TestIgnoredColumnsAreNamed(t *testing.T) {
	t.Parallel()
	out, err := readAll("x.csv", "id,note,size,color,\n1,n,2,red,\n", columns)
	require.NoError(t, err)
	assert.Equal(t, []string{"note", ""}, out.ignored)
	assert.Len(t, out.rows, 1)
}

func TestBadRowsAreReportedAndTheRestIsRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		row  string
		want csvfile.Bad
	}{
		"no number":     {"1,big,red", csvfile.Bad{Column: "size", Value: "big", Reason: "not a number"}},
		"infinite":      {"1,inf,red", csvfile.Bad{Column: "size", Value: "inf", Reason: "not a number"}},
		"no integer":    {"1.5,1,red", csvfile.Bad{Column: "id", Value: "1.5", Reason: "not a whole number"}},
		"huge integer":  {"1e300,1,red", csvfile.Bad{Column: "id", Value: "1e300", Reason: "not a whole number"}},
		"missing":       {",1,red", csvfile.Bad{Column: "id", Reason: "missing value in a column that is not optional"}},
		"unknown value": {"1,1,Red", csvfile.Bad{Column: "color", Value: "Red", Reason: "not one of red, NA, blue"}},
		"below min": {"1,-0.1,red", csvfile.Bad{Column: "size", Value: "-0.1",
			Reason: "below the least allowed value 0"}},
		"above max": {"1,10.1,red", csvfile.Bad{Column: "size", Value: "10.1",
			Reason: "above the greatest allowed value 10"}},
		"too few fields": {"1,1", csvfile.Bad{Value: "1,1", Reason: "wrong number of fields: 2, the header has 3"}},
		"too many fields": {"1,1,red,", csvfile.Bad{Value: "1,1,red,",
			Reason: "wrong number of fields: 4, the header has 3"}},
		"stray quote": {`1,1"2,red`, csvfile.Bad{Reason: "a quote stands in the wrong place"}},
		"text after":  {`1,"1"2,red`, csvfile.Bad{Reason: "a quote stands in the wrong place"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := readAll("x.csv", "id,size,color\n7,10,blue\n"+c.row+"\n8,0,red\n", columns)
			require.NoError(t, err)
			c.want.Line = 3
			assert.Equal(t, []csvfile.Bad{c.want}, out.bad)
			assert.Equal(t, [][]cell.Value{cell.Row(int64(7), 10.0, "blue"), cell.Row(int64(8), 0.0, "red")}, out.rows)
			assert.Equal(t, []int{2, 4}, out.lines)
		})
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	long := "id,size,color\n1,1,red\n2,2,\"" + strings.Repeat("x", csvfile.MaxRecordBytes+1<<16) + "\"\n"
	for name, c := range map[string]struct {
		text string
		want string
	}{
		"empty":             {"", "x.csv: the file is empty; give it a header"},
		"mark only":         {"\xef\xbb\xbf", "x.csv: the file is empty"},
		"missing column":    {"id,size\n1,2\n", `x.csv:1: the header lacks "color"; it has "id", "size": name the columns`},
		"semicolons":        {"id;size;color\n1;2;red\n", `its fields seem to be separated by ";"`},
		"twice":             {"id,size,color,id\n1,2,red,3\n", `x.csv:1: the column "id" stands in the header twice`},
		"latin 1":           {"id,size,color\n1,2,red\n2,2,gr\xfcn\n", `x.csv:3: "gr\xfcn" is not UTF-8 text; save`},
		"latin 1 elsewhere": {"id,note,size,color\n1,\xe4,2,red\n", `x.csv:2: "\xe4" is not UTF-8 text`},
		"latin 1 header":    {"id,size,color,gr\xf6sse\n", `x.csv:1: "gr\xf6sse" is not UTF-8`},
		"UTF-16":            {"\xff\xfei\x00d\x00", "this is UTF-16 text"},
		"binary":            {"id,size,color\n1,\x00\x01,red\n", "x.csv:2: it holds a zero byte"},
		"open quote":        {"id,size,color\n1,2,red\n2,\"2,red\n3,3,red\n", "x.csv:3: a quote that opens here is not"},
		"swallowed rows":    {"id,size,color\n2,\"2,red\n3,3\",red,4\n", "x.csv:2: a quote that opens here is not closed"},
		"open header":       {"id,size,\"color\n1,2,red\n2,2,red\n", "x.csv:1: a quote that opens here is not closed"},
		"too long":          {long, "x.csv:3: a row is longer than 16 MiB; look for a quote"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readAll("x.csv", c.text, columns)
			require.ErrorContains(t, err, c.want)
			var fileError *csvfile.FileError
			require.ErrorAs(t, err, &fileError)
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAReadErrorIsNotTheFilesFault(t *testing.T) {
	t.Parallel()
	disk := errors.New("input/output error")
	_, err := csvfile.NewReader("x.csv", io.MultiReader(strings.NewReader("id,si"), failing{disk}), columns)
	require.ErrorIs(t, err, disk)
	r, err := csvfile.NewReader("x.csv",
		io.MultiReader(strings.NewReader("id,size,color\n1,1,red\n2,"), failing{disk}), columns)
	require.NoError(t, err)
	defer r.Close()
	_, _, err = r.Read()
	require.NoError(t, err)
	_, _, err = r.Read()
	require.ErrorIs(t, err, disk)
}

func TestParse(t *testing.T) {
	t.Parallel()
	of := func(kind pipeline.Type) *pipeline.Column {
		return &pipeline.Column{Name: "c", Type: kind, Optional: true}
	}
	for _, c := range []struct {
		kind   pipeline.Type
		text   string
		want   any
		reason string
	}{
		{pipeline.Boolean, "Yes", true, ""},
		{pipeline.Boolean, "1", true, ""},
		{pipeline.Boolean, " false ", false, ""},
		{pipeline.Boolean, "maybe", nil, "not true or false"},
		{pipeline.Text, "NA", "NA", ""},
		{pipeline.Text, "", nil, ""},
		{pipeline.Text, " x ", " x ", ""},
		{pipeline.Timestamp, "1970-01-02", int64(86_400_000_000), ""},
		{pipeline.Timestamp, "1970-01-01T01:00:00+01:00", int64(0), ""},
		{pipeline.Timestamp, "yesterday", nil, "not a time such as 2026-11-22 or 2026-11-22T12:00:00Z"},
		{pipeline.Integer, "-9223372036854775808", int64(-1 << 63), ""},
		{pipeline.Integer, "9223372036854775808", nil, "not a whole number"},
		{pipeline.Float, "NaN", nil, ""},
		{pipeline.Float, "1e400", nil, "not a number"},
	} {
		got, reason := csvfile.Parse(of(c.kind), c.text)
		assert.Equal(t, c.reason, reason, "%s %q", c.kind, c.text)
		if c.reason == "" {
			assert.Equal(t, c.want, got.Any(), "%s %q", c.kind, c.text)
		}
	}
	x, _ := csvfile.Parse(of(pipeline.Float), "-0")
	assert.False(t, x.Float() != 0 || 1/x.Float() < 0, "-0 becomes 0, so that equal rows have equal bytes")
}

// FuzzReader checks that no content makes the reader panic, loop or lose a row without saying so.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"id,size,color\n1,2.5,red\n2,,NA\n", "", "\xef\xbb\xbf", "id,size,color\n1,\"2,red\n", "id;size;color\n",
		"id,size,color\r\n1,2,\"re\r\nd\"\r\n", "id,size,color\n\"", "id,size,color\n1,2\"3,red\n1,2,blue", "\xff\xfe",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out, err := readAll("x.csv", text, columns)
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 1
		if len(out.rows)+len(out.bad) > lines {
			t.Errorf("%d rows out of %d lines", len(out.rows)+len(out.bad), lines)
		}
		for _, row := range out.rows {
			if row[0].Kind() != cell.Integer {
				t.Errorf("a good row without its key: %v", row)
			}
			if size := row[1].Float(); row[1].Kind() == cell.Float && (size < zero || size > ten) {
				t.Errorf("a size outside its bounds: %v", size)
			}
		}
		for _, bad := range out.bad {
			if bad.Reason == "" || bad.Line < 2 {
				t.Errorf("a bad row without its line and reason: %+v", bad)
			}
		}
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Error("an error without words")
		}
		// A plain file without quotes loses nothing: each line below the header that is not blank is good or bad.
		if err == nil && !strings.ContainsAny(text, "\"\r") {
			body := 0
			for _, line := range strings.Split(text, "\n") {
				if line != "" {
					body++
				}
			}
			if strings.TrimPrefix(text, "\xef\xbb\xbf") != text {
				return // a mark before a blank first line hides that line from this simple count
			}
			if got := len(out.rows) + len(out.bad); got != body-1 {
				t.Errorf("%d rows below the header, %d seen", body-1, got)
			}
		}
	})
}
