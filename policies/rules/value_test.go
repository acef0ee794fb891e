package rules

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sample() Value {
	return Of(map[string]any{
		"on": true, "text": "true", "count": 3, "ratio": "0.5", "empty": "", "nothing": nil,
		"list":   []any{map[string]any{"a": 1}, UnknownValue(), map[string]any{}},
		"single": map[string]any{"a": 2},
		"labels": map[string]any{"a.b/c": "x"},
		"later":  UnknownValue(),
		"secret": Of(map[string]any{"password": "hunter2", "list": []any{"hunter2"}}).AsSecret(),
	})
}

func TestEach(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][]string{
		"on":              {"on true"},
		"missing.deep":    {"missing.deep nothing"},
		"nothing":         {"nothing nothing"},
		"list[].a":        {"list[0].a 1", "list[1] an unknown value", "list[2].a nothing"},
		"list.a":          {"list[0].a 1", "list[1] an unknown value", "list[2].a nothing"},
		"list[]":          {"list[0] a mapping with 1 keys", "list[1] an unknown value", "list[2] a mapping with 0 keys"},
		"list":            {"list a list of 3"},
		"single[].a":      {"single.a 2"},
		"missing[].a":     nil,
		"later.a.b":       {"later an unknown value"},
		"later[].a":       {"later an unknown value"},
		"text.a":          {"text.a a value of another shape"},
		"text.a.b":        {"text.a.b a value of another shape"},
		"secret.password": {"secret.password [secret]"},
		"secret.list[]":   {"secret.list[0] [secret]"},
		"":                {" a mapping with 11 keys"},
	} {
		var got []string
		for _, item := range sample().Each(path) {
			got = append(got, item.Path+" "+item.String())
		}
		assert.Equal(t, want, got, path)
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	v := sample()
	assert.Equal(t, NumberValue(1), v.Get("list[].a"))
	assert.True(t, v.Get("missing[]").IsAbsent())
	assert.Equal(t, StringValue("x"), v.Get("labels").Key("a.b/c"))
	assert.Equal(t, `labels["a.b/c"]`, join("labels", "a.b/c"))
	assert.Equal(t, Misplaced, v.Get("on").Key("a").Kind())
}

func TestTypedReads(t *testing.T) {
	t.Parallel()
	v := sample()
	for path, want := range map[string]bool{"on": true, "text": true} {
		got, ok := v.Get(path).Bool()
		assert.True(t, ok && got == want, path)
	}
	for path, want := range map[string]float64{"count": 3, "ratio": 0.5} {
		got, ok := v.Get(path).Number()
		assert.True(t, ok, path)
		assert.InDelta(t, want, got, 0)
	}
	for _, path := range []string{"count", "later", "nothing", "list", "empty"} {
		_, ok := v.Get(path).Bool()
		assert.False(t, ok, path)
	}
	_, ok := StringValue("NaN").Number()
	assert.False(t, ok, "a text that is no number compares with nothing")
	_, ok = v.Get("later").Text()
	assert.False(t, ok)
}

func TestEmptyAndUnknown(t *testing.T) {
	t.Parallel()
	v := sample()
	for path, want := range map[string]bool{
		"empty": true, "nothing": true, "missing": true, "on": false, "later": false, "count": false, "list": false,
	} {
		assert.Equal(t, want, v.Get(path).Empty(), path)
	}
	assert.True(t, Of([]any{}).Empty())
	assert.True(t, v.HasUnknown())
	assert.False(t, v.Get("secret").HasUnknown())
}

func TestWith(t *testing.T) {
	t.Parallel()
	v := sample()
	changed := v.With("list[0].a", NumberValue(9)).With("new.deep", BoolValue(true)).With("on", Value{})
	assert.Equal(t, NumberValue(9), changed.Get("list[].a"))
	assert.Equal(t, BoolValue(true), changed.Get("new.deep"))
	assert.True(t, changed.Get("on").IsAbsent())
	assert.Equal(t, sample(), v, "the value itself does not change")
	assert.Equal(t, StringValue("y"), v.With(`labels["a.b/c"]`, StringValue("y")).Get("labels").Key("a.b/c"))
	all := v.With("list[].a", NumberValue(9)).Each("list[].a")
	require.Len(t, all, 3)
	assert.Equal(t, NumberValue(9), all[1].Value)
	assert.True(t, v.With("secret.password", StringValue("x")).Get("secret.password").Secret())
}

func TestValuesShowNoSecret(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "[secret]", sample().Get("secret").String())
	long := StringValue(strings.Repeat("ä", 1000)).String()
	assert.Less(t, len(long), 120)
	assert.Contains(t, long, "…")
	assert.Equal(t, "\"\\ufffd\"", strings.ReplaceAll(StringValue("\xff").String(), "\uFFFD", "\\ufffd"))
	assert.Equal(t, "[secret]", OtherValue().AsSecret().String())
}

func TestDeepValuesAreUnknown(t *testing.T) {
	t.Parallel()
	var deep any = "end"
	path := ""
	for range 2 * maxDepth {
		deep = map[string]any{"a": deep}
		path = join(path, "a")
	}
	items := Of(deep).Each(path)
	require.Len(t, items, 1)
	assert.True(t, items[0].IsUnknown())
}

func TestGeneric(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"a[0].b[].c": "a.b.c", "a": "a", "a[": "a[", `a["x.y"].c`: "a.c"} {
		assert.Equal(t, want, generic(path))
	}
	assert.Equal(t, "a", root("a[0].b"))
	assert.Equal(t, "a", root("a.b"))
}

// FuzzPath: whatever the path and the value, nothing panics, every item is told its place, and nothing that is read
// below an unknown value is known.
func FuzzPath(f *testing.F) {
	f.Add(`{"a":[{"b":true}]}`, "a[].b")
	f.Add(`{"a":null}`, "a..b[]")
	f.Add(`[1,"2"]`, "[0].x")
	f.Fuzz(func(t *testing.T, text, path string) {
		v, err := ParseJSON(text)
		if err != nil {
			return
		}
		for _, item := range v.Each(path) {
			_ = item.String()
			_, _ = item.Bool()
			n, ok := item.Number()
			require.False(t, ok && math.IsNaN(n))
		}
		_ = v.With(path, BoolValue(true)).Get(path)
		for _, item := range UnknownValue().Each(path) {
			require.True(t, item.IsUnknown())
		}
	})
}

// FuzzParseJSON: no panic, and what is accepted has no key twice and nothing behind it.
func FuzzParseJSON(f *testing.F) {
	f.Add(`{"a":1,"a":2}`)
	f.Add(strings.Repeat("[", 300) + strings.Repeat("]", 300))
	f.Add("{\"a\":\"\xff\"} x")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseJSON(text)
		if err == nil {
			_ = v.String()
			_, err = ParseJSON(text + " 1")
			require.Error(t, err)
		}
	})
}

func TestParseJSON(t *testing.T) {
	t.Parallel()
	v, err := ParseJSON(`{"a": [1, "x", true, null, {}]}`)
	require.NoError(t, err)
	assert.Equal(t, Of(map[string]any{"a": []any{1, "x", true, nil, map[string]any{}}}), v)
	for _, bad := range []string{"", "{", "[1", `{"a":1,"a":2}`, "1 2", "nonsense", `{"a"}`, "]"} {
		_, err := ParseJSON(bad)
		require.Error(t, err, bad)
	}
	v, err = ParseJSON(strings.Repeat("[", 300) + strings.Repeat("]", 300))
	require.NoError(t, err)
	assert.True(t, v.HasUnknown(), "what lies too deep is unknown")
	const deep = 4_000_000 // as calls inside each other more than the stack of a goroutine
	v, err = ParseJSON(strings.Repeat("[", deep) + strings.Repeat("]", deep))
	require.NoError(t, err)
	assert.True(t, v.HasUnknown())
	_, err = ParseJSON(strings.Repeat("[", deep))
	require.Error(t, err)
}
