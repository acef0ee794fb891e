package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/engine"
)

// TestStacks takes every stack of the project through the scenarios, with the project's own program.
func TestStacks(t *testing.T) {
	t.Parallel()
	files := engine.Files(t)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(file.Name, func(t *testing.T) {
			t.Parallel()
			file.Case().Run(t)
		})
	}
}
