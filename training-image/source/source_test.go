package source

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/csvfile"
)

// Whatever a file holds, reading ends, every line is a row or a bad row, and errors name the file.
func FuzzJSONLines(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"a":1,"b":"x"}` + "\n" + `{"a":null}`, "[1]\n", `{"a":{"b":1}}`,
		"\ufeff{}\r\n\r\n",
		`{"a":1e400}`, `{"a":"` + strings.Repeat("x", 100) + `"}`, "{\"a\":\"\x00\"}", "\xff", `{"a":1}{"a":2}`} {
		f.Add([]byte(seed))
	}
	s := &pipeline.Source{Format: pipeline.JSONLines, Columns: []pipeline.Column{
		{Name: "a", Type: pipeline.Float, Optional: true},
		{Name: "b", Type: pipeline.Text, Optional: true}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newLines("x.jsonl", io.NopCloser(bytes.NewReader(data)), s.Columns)
		defer func() { _ = r.Close() }()
		last := 0
		for range strings.Count(string(data), "\n") + 2 {
			row, bad, err := r.Read()
			var fileError *csvfile.FileError
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.As(err, &fileError):
				require.Equal(t, "x.jsonl", fileError.File)
				return
			case bad != nil:
				require.Greater(t, bad.Line, last)
				require.NotEmpty(t, bad.Reason)
				last = bad.Line
			default:
				require.NoError(t, err)
				require.Len(t, row.Values, 2)
				require.Greater(t, row.Line, last)
				last = row.Line
			}
		}
		t.Fatal("it does not end")
	})
}
