package cloud_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/standin/cloud"
)

func create(t *testing.T) *cloud.Cloud {
	t.Helper()
	c, err := cloud.Create(t.TempDir(), cloud.Settings{Cache: "somewhere"})
	require.NoError(t, err)
	return c
}

func TestSettings(t *testing.T) {
	t.Parallel()
	settings, err := create(t).Settings()
	require.NoError(t, err)
	assert.Equal(t, "somewhere", settings.Cache)
	_, err = cloud.Open(t.TempDir()).Settings()
	require.Error(t, err, "not a cloud")
}

func TestStore(t *testing.T) {
	t.Parallel()
	c := create(t)
	vpc := &cloud.Resource{Type: "vpc", ID: "vpc-1", URN: "urn:vpc", Names: []string{"vpc-1"}, Generation: 1}
	subnet := &cloud.Resource{Type: "subnet", ID: "subnet-1", URN: "urn:subnet", References: []string{"vpc-1", "other"}}
	require.NoError(t, c.Put(vpc))
	require.ErrorIs(t, c.Put(vpc), cloud.ErrExists)
	require.NoError(t, c.Put(subnet))
	require.ErrorIs(t, c.Remove("vpc", "vpc-1"), cloud.ErrInUse)

	subnet.References = nil
	require.NoError(t, c.Change(subnet))
	require.NoError(t, c.Remove("vpc", "vpc-1"), "the subnet no longer names it")
	require.ErrorIs(t, c.Remove("vpc", "vpc-1"), cloud.ErrGone)
	require.ErrorIs(t, c.Change(vpc), cloud.ErrGone)

	generation, err := c.Generation("urn:vpc")
	require.NoError(t, err)
	assert.Equal(t, 2, generation, "the next one is another one")
	require.NoError(t, c.Vanish("subnet", "subnet-1"))
	require.ErrorIs(t, c.Vanish("subnet", "subnet-1"), cloud.ErrGone)
	left, err := c.Resources()
	require.NoError(t, err)
	assert.Empty(t, left)
}

// TestAReplacementMayNameWhatItReplaces: a resource does not hold up its own deletion.
func TestAReplacementMayNameWhatItReplaces(t *testing.T) {
	t.Parallel()
	c := create(t)
	require.NoError(t, c.Put(&cloud.Resource{Type: "a", ID: "a-1", URN: "urn:a", Names: []string{"a-1"}}))
	require.NoError(t, c.Put(&cloud.Resource{Type: "a", ID: "a-2", URN: "urn:a", References: []string{"a-1"}}))
	require.NoError(t, c.Remove("a", "a-1"))
}

func TestCalls(t *testing.T) {
	t.Parallel()
	c := create(t)
	first := cloud.Call{Operation: cloud.Make, URN: "urn:a"}
	_, err := c.Begin(&first)
	require.NoError(t, err)
	second := cloud.Call{Operation: cloud.Read, URN: "urn:b"}
	_, err = c.Begin(&second)
	require.NoError(t, err)
	require.NoError(t, c.End(&second, errors.New("no")))

	calls, err := c.Calls(0)
	require.NoError(t, err)
	require.Len(t, calls, 2)
	assert.Equal(t, []int{1, 2}, []int{calls[0].Number, calls[1].Number})
	assert.True(t, calls[0].Ended.IsZero(), "never answered")
	assert.Equal(t, "no", calls[1].Error)
	assert.False(t, calls[1].Ended.Before(calls[1].Started))
	later, err := c.Calls(1)
	require.NoError(t, err)
	assert.Len(t, later, 1)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	c := create(t)
	require.NoError(t, c.SetFaults(
		cloud.Fault{Kind: cloud.Fail, At: 2},
		cloud.Fault{Kind: cloud.Slow, At: 1, Operation: cloud.Read, URN: "bucket"},
	))
	due := func(call cloud.Call) cloud.Kind {
		fault, err := c.Begin(&call)
		require.NoError(t, err)
		if fault == nil {
			return ""
		}
		return fault.Kind
	}
	assert.Empty(t, due(cloud.Call{Operation: cloud.Check, URN: "bucket"}), "a check changes nothing")
	assert.Empty(t, due(cloud.Call{Operation: cloud.Make, URN: "bucket"}), "the first")
	assert.Empty(t, due(cloud.Call{Operation: cloud.Make, URN: "bucket", Preview: true}), "a preview does not count")
	assert.Equal(t, cloud.Fail, due(cloud.Call{Operation: cloud.Delete, URN: "table"}), "the second")
	assert.Empty(t, due(cloud.Call{Operation: cloud.Make, URN: "bucket"}), "once")
	assert.Empty(t, due(cloud.Call{Operation: cloud.Read, URN: "table"}))
	pending, err := c.Pending()
	require.NoError(t, err)
	assert.Len(t, pending, 1)
	assert.Equal(t, cloud.Slow, due(cloud.Call{Operation: cloud.Read, URN: "bucket"}))
	require.NoError(t, c.SetFaults())
	pending, err = c.Pending()
	require.NoError(t, err)
	assert.Empty(t, pending)
}

// TestManyAtOnce: numbers are given once, whoever calls.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := create(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			call := cloud.Call{Operation: cloud.Make}
			_, err := cloud.Open(c.Dir()).Begin(&call)
			assert.NoError(t, err)
			assert.NoError(t, c.End(&call, nil))
		})
	}
	wg.Wait()
	calls, err := c.Calls(0)
	require.NoError(t, err)
	require.Len(t, calls, 20)
	seen := map[int]bool{}
	for _, call := range calls {
		seen[call.Number] = true
	}
	assert.Len(t, seen, 20)
}
