package capture

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// Any text gives records and a count of the lines that are none.
func FuzzReadLines(f *testing.F) {
	for _, text := range []string{"", "{}\n", "null\n\n", `{"version":"v1","output":[1]}`,
		`{"version":"v1","output":[1e999]}`,
		`{"version":"v1","unknown":"x0"}` + "\n[]",
		`{"time":"2026-11-22T12:00:00Z","version":"v1","features":[null,1],"output":[1]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		good := 0
		broken, err := readLines(bytes.NewReader(text), func(r *Record) error {
			good++
			require.NotEmpty(t, r.Version)
			require.True(t, len(r.Output) > 0 || r.Unknown != "")
			return nil
		})
		require.NoError(t, err)
		lines := bytes.Count(text, []byte("\n"))
		if len(text) > 0 && text[len(text)-1] != '\n' {
			lines++
		}
		require.Equal(t, lines, good+broken)
	})
}
