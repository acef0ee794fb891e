package document_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/rules"
	"github.com/mlpathway/mlpathway/policies/rules/document"
)

const page = "../../../docs/policies.md"

// TestPageIsCurrent: MLPATHWAY_UPDATE_GOLDEN=1 writes it anew. The page is too long to be printed where it differs.
func TestPageIsCurrent(t *testing.T) {
	t.Parallel()
	made := document.Write(rules.Families())
	if os.Getenv("MLPATHWAY_UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(page, made, 0o644)) //nolint:gosec // a page is for everybody
	}
	kept, err := os.ReadFile(page)
	require.NoError(t, err)
	if string(kept) != string(made) {
		assert.Fail(t, "docs/policies.md is old: MLPATHWAY_UPDATE_GOLDEN=1 go test ./policies/rules/document")
	}
}

func TestPageNamesEverything(t *testing.T) {
	t.Parallel()
	text := string(document.Write(rules.Families()))
	must := func(what string, times int) {
		if strings.Count(text, what) < times || times == 0 && strings.Contains(text, what) {
			assert.Fail(t, "the page", "want %q %d times", what, times)
		}
	}
	for _, rule := range rules.Catalogue() {
		must("\n### "+rule.ID+"\n", 1)
		must("| ["+rule.ID+"](", 1)
		for i := range rule.Matchers {
			for _, path := range rule.Matchers[i].Paths {
				must("`"+path+"`", 1)
			}
		}
	}
	for _, nameless := range []string{"| none |", "Severity none", "dev none", "stage none", "prod none"} {
		must(nameless, 0)
	}
}
