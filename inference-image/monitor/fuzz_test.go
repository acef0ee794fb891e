package monitor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Any text gives labels of the model's classes, or none.
func FuzzLabels(f *testing.F) {
	for _, text := range []string{"", "{}", `{"id":"a","label":"yes"}` + "\n" + `{"id":"a","label":"no"}`,
		`{"id":"a","label":7}`,
		`{"id":7,"label":"yes"}`, "null\n[]\n", `{"id":"a","label":{"label":"yes"}}`,
		"{\"id\":\"a\",\"label\":\"yes\"}\r\n\x00"} {
		f.Add([]byte(text))
	}
	dir := f.TempDir()
	require.NoError(f, os.Mkdir(filepath.Join(dir, "labels"), 0o700))
	logs, err := lake.Open(f.Context(), lake.FileURI(dir))
	require.NoError(f, err)
	f.Cleanup(func() { _ = logs.Close() })
	m := &registry.Manifest{Task: onnx.Binary, Classes: []string{"no", "yes"}}
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "labels/a.jsonl"), text, 0o600))
		l, err := readLabels(t.Context(), logs, m)
		if err != nil {
			return
		}
		for id, label := range l.byID {
			require.NotEmpty(t, id)
			require.True(t, label == 0 || label == 1)
		}
	})
}
