package admission_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
	"github.com/mlpathway/mlpathway/tests/cluster/schemas"
)

// TestSchemasAreThoseThatArePublished: each field of each struct is one of the API's or of the operator's, and what the
// tests of components/kubernetes hold objects against is what the modules of these versions say.
func TestSchemasAreThoseThatArePublished(t *testing.T) {
	t.Parallel()
	text, err := schemas.Extract(t.Context(), binaries.Need(t, root, binaries.Admission))
	require.NoError(t, err)
	held, err := os.ReadFile(filepath.Join(root, schemas.File))
	require.NoError(t, err)
	assert.Equal(t, string(held), string(text), "go run -tags local ./tests/cluster/schemas/extract writes it anew")
}
