package engine_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/engine"
)

// plainSubnetDigits are a part of a subnet's id that the program writes by hand.
const plainSubnetDigits = "0123456789abcdef0"

// plain is the test program without any change.
func plain() platformOptions { return platformOptions{machine: "large", image: "1"} }

func TestUpTwiceAndDown(t *testing.T) {
	t.Parallel()
	w := engine.New(t)
	s := w.Stack(t, "dev", engine.Inline(platform(plain())), nil)
	first := s.Up(t)
	made, err := w.Cloud.Resources()
	require.NoError(t, err)
	assert.Len(t, made, len(first.State.Custom()))
	second := s.Up(t)
	assert.Empty(t, second.Changed())
	s.Destroy(t)
	left, err := w.Cloud.Resources()
	require.NoError(t, err)
	assert.Empty(t, left)
}
