package components_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
)

var scope = components.Scope{Project: "mlpathway", Team: "fraud", Environment: components.Prod}

func TestName(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "fraud-prod-lake-raw", scope.Name(63, "lake", "raw"), "a name that fits stays as it is")
	cut := scope.Name(24, "lake", "a-very-long-name-that-does-not-fit")
	assert.Len(t, cut, 24)
	assert.Regexp(t, `^fraud-prod-lake.*-[0-9a-f]{8}$`, cut)
	assert.NotEqual(t, scope.Name(63, "a.b"), scope.Name(63, "a_b"), "two names that look alike must stay apart")
}

var fits = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)

func FuzzFitName(f *testing.F) {
	for _, seed := range []string{"", "lake", "Ä-Ö", "9lives", strings.Repeat("x", 200), "a--b", "-", "a\x00b"} {
		f.Add(seed, 24)
	}
	f.Fuzz(func(t *testing.T, wanted string, limit int) {
		name := components.FitName(wanted, limit)
		assert.LessOrEqual(t, len(name), max(limit, 16))
		assert.Regexp(t, fits, name)
		assert.NotContains(t, name, "--")
		assert.Equal(t, name, components.FitName(wanted, limit), "the same input must give the same name")
		if name == wanted {
			return
		}
		assert.Regexp(t, `-[0-9a-f]{8}$`, name, "a changed name must carry a hash of what was asked for")
	})
}

func TestTags(t *testing.T) {
	t.Parallel()
	s := scope
	s.Owner, s.Labels = "Ada Lovelace <ada@example.com>", map[string]string{"team": "other", "ticket": "A 1"}
	tags := s.Tags(components.DataLakeLayer, "lake")
	assert.Equal(t, map[string]string{
		"project": "mlpathway", "team": "fraud", "environment": "prod", "owner": "Ada-Lovelace-ada@example.com",
		"layer": "datalake", "component": "lake", "managed-by": "mlpathway", "platform": "fraud-prod", "ticket": "A-1",
	}, tags, "labels must not override what the product sets, and empty values are left out")
	assert.Equal(t, "other", s.Labels["team"], "the caller's map must stay as it is")
}

func FuzzTagValue(f *testing.F) {
	for _, seed := range []string{"", "a b", strings.Repeat("é", 100), "-x-", "a@b.c"} {
		f.Add(seed)
	}
	allowed := regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9_.@-]*[a-zA-Z0-9])?)?$`)
	f.Fuzz(func(t *testing.T, value string) {
		got := components.TagValue(value)
		assert.LessOrEqual(t, len(got), 63)
		assert.Regexp(t, allowed, got)
		assert.Equal(t, got, components.TagValue(got), "a fit value must stay as it is")
	})
}

func TestScopeValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, scope.Validate())
	for name, test := range map[string]struct {
		change func(*components.Scope)
		want   error
	}{
		"team":        {func(s *components.Scope) { s.Team = "Fraud Team" }, components.ErrName},
		"long team":   {func(s *components.Scope) { s.Team = strings.Repeat("a", 30) }, components.ErrRange},
		"project":     {func(s *components.Scope) { s.Project = "" }, components.ErrName},
		"environment": {func(s *components.Scope) { s.Environment = "test" }, components.ErrChoice},
		"label":       {func(s *components.Scope) { s.Labels = map[string]string{"a b": "c"} }, components.ErrName},
		"long label": {func(s *components.Scope) {
			s.Labels = map[string]string{"a": strings.Repeat("b", 64)}
		}, components.ErrName},
	} {
		s := scope
		test.change(&s)
		assert.ErrorIs(t, s.Validate(), test.want, name)
	}
}
