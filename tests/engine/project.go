package engine

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// CopyProject copies what git knows of the project into a directory, with the programs that make has built.
func CopyProject(t *testing.T, root string) {
	t.Helper()
	source, err := Source()
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(source, "bin", "mlpathway"), "the programs are not built: make build")
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-co", "--exclude-standard", "--", ":!bin")
	list.Dir = source
	files, err := list.Output()
	require.NoError(t, err)
	for file := range strings.Lines(string(files)) {
		copyFile(t, filepath.Join(source, strings.TrimSpace(file)), filepath.Join(root, strings.TrimSpace(file)))
	}
	require.NoError(t, os.Symlink(filepath.Join(source, "bin"), filepath.Join(root, "bin")))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if errors.Is(err, os.ErrNotExist) {
		return // removed, but not yet from the index
	}
	require.NoError(t, err)
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	require.NoError(t, os.WriteFile(to, data, info.Mode().Perm()))
}
