package strict_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/mlpathway/mlpathway/internal/strict"
)

type settings struct {
	Name   string            `yaml:"name"`
	Size   int               `pulumi:"size"`
	Share  float64           `yaml:"share"`
	On     *bool             `yaml:"on"`
	Words  []string          `yaml:"words"`
	Labels map[string]string `yaml:"labels"`
	Inner  *inner            `yaml:"inner"`
	Wired  any               `pulumi:"wired"`
	Level  level             `yaml:"level"`
	hidden string
}

type inner struct {
	Port uint16 `yaml:"port"`
}

// level reads itself.
type level int

func (l *level) UnmarshalYAML(n *yaml.Node) error {
	if n.Value != "high" {
		return errors.New(`want "high"`)
	}
	*l = 3
	return nil
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var s settings
	require.NoError(t, strict.Decode("a.yaml", []byte(`
name: lake
size: 3
share: 1
on: false
words: [a, b]
labels: {x: "1"}
inner: {port: 80}
level: high
`), &s))
	assert.Equal(t, "lake", s.Name)
	assert.Equal(t, 3, s.Size, "a field without a yaml tag is known by its pulumi tag")
	assert.InDelta(t, 1, s.Share, 0)
	assert.False(t, *s.On)
	assert.Equal(t, []string{"a", "b"}, s.Words)
	assert.Equal(t, map[string]string{"x": "1"}, s.Labels)
	assert.Equal(t, uint16(80), s.Inner.Port)
	assert.Equal(t, level(3), s.Level)
	assert.Empty(t, s.hidden)
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                      "a.yaml: the file is empty",
		"{":                     "a.yaml: this is not YAML",
		"- a":                   "a.yaml:1: found a list, want a mapping with the keys inner, labels, level, name,",
		"x: 1":                  "a.yaml:1: x: unknown key; allowed here: inner, labels, level, name, on, share, size, words",
		"wired: 1":              "wired: unknown key",
		"name: [a]":             "a.yaml:1: name: found a list, want text",
		"name:":                 "name: found nothing, want text",
		"\nsize: big":           `a.yaml:2: size: found "big", want a whole number`,
		"size: 1.5":             `size: found "1.5", want a whole number`,
		"share: x":              `share: found "x", want a number`,
		"on: maybe":             `on: found "maybe", want true or false`,
		"words: a":              `words: found "a", want a list`,
		"words: [{}]":           "words[0]: found a mapping, want text",
		"labels: [a]":           "labels: found a list, want a mapping",
		"inner: {port: -1}":     `inner.port: found "-1", want a whole number of at least 0`,
		"inner: {port: 70000}":  `inner.port: found "70000"`,
		"inner: {prt: 1}":       "inner.prt: unknown key; allowed here: port",
		"name: a\nname: b":      "a.yaml:2: name: this key stands here twice; the first is on line 1",
		"level: low":            `level: want "high"`,
		"labels: {a: 1, a: 2}":  "labels.a: this key stands here twice",
		"a: &x [*x]\nname: two": "unknown key",
	} {
		s := settings{Name: "untouched"}
		err := strict.Decode("a.yaml", []byte(text), &s)
		require.ErrorContains(t, err, want, text)
		assert.Equal(t, settings{Name: "untouched"}, s, "a refused document must leave the value alone")
	}
}

func TestDecodeReportsEveryProblem(t *testing.T) {
	t.Parallel()
	var s settings
	err := strict.Decode("a.yaml", []byte("x: 1\nsize: big\n"), &s)
	require.ErrorContains(t, err, "a.yaml:1: x:")
	require.ErrorContains(t, err, "a.yaml:2: size:")
	var problem *strict.Problem
	require.ErrorAs(t, err, &problem)
	assert.Equal(t, "x", problem.Key)
}

func TestNothingLeavesOutWhatMayBeLeftOut(t *testing.T) {
	t.Parallel()
	var s settings
	require.NoError(t, strict.Decode("a.yaml", []byte("on:\nwords: null\nlabels: ~\ninner:\nname: a"), &s))
	assert.Equal(t, settings{Name: "a"}, s)
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"name: a", "a: &x [*x]", "inner: {port: 1}", "!!binary x", "? [a]\n: b", "<<: {name: a}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s settings
		if err := strict.Decode("a.yaml", data, &s); err != nil {
			assert.Equal(t, settings{}, s)
		}
	})
}
