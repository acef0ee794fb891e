package rules

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTakesFrom(t *testing.T) {
	t.Parallel()
	key := made("azure-native:keyvault/v20230701:Key", "key", nil)
	r := made(bucketType, "b", map[string]any{"key": UnknownValue(), "text": "x", "empty": "", "odd": UnknownValue()}).
		from("key", key)
	alone := &Check{Resource: r, Graph: NewGraph([]*Resource{r}), result: &result{}}
	assert.True(t, alone.TakesFrom("key", "aws:kms/key:Key", "azure-native:keyvault:Key"), "in a graph without the key")
	assert.True(t, alone.TakesFrom("key.id"))
	assert.False(t, alone.TakesFrom("key", "aws:kms/key:Key"))
	assert.False(t, alone.TakesFrom("text"))
	assert.False(t, (&Check{result: &result{}}).TakesFrom("key"))
	for path, want := range map[string]Tri{"key": Yes, "text": Yes, "empty": No, "missing": No, "odd": Maybe} {
		assert.Equal(t, want, alone.Given(path), path)
	}
}

func TestTypeOfURN(t *testing.T) {
	t.Parallel()
	for urn, want := range map[string]string{
		"urn:pulumi:s::p::a:b:C$aws:kms/key:Key::name":               "aws:kms/key:Key",
		"urn:pulumi:s::p::aws:kms/key:Key::name::with::colons":       "aws:kms/key:Key",
		"urn:pulumi:s::p::azure-native:keyvault/v20230701:Key::name": "azure-native:keyvault:Key",
		"urn:pulumi:s::p::aws:kms/key:Key":                           "",
		"":                                                           "",
	} {
		assert.Equal(t, want, typeOfURN(urn), urn)
	}
}

func TestRemediesLeaveWhatIsFine(t *testing.T) {
	t.Parallel()
	c := &Check{Resource: made(bucketType, "b", map[string]any{"tls": "1.3", "days": 7.0}), result: &result{}}
	fine := func(v Value) bool { text, _ := v.Text(); return text == "1.3" }
	changes := remedies(setsUnless(fine, "1.2", "tls"), setsAbsent(30, "days", "more"))(c)
	require.Len(t, changes, 1)
	assert.Equal(t, "- more: nothing\n+ more: 30", changes[0].String())
}
