package candidate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/candidate"
)

func TestACandidateIsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	zone, err := lake.Open(t.Context(), lake.FileURI(t.TempDir()))
	require.NoError(t, err)
	defer func() { _ = zone.Close() }()
	store := candidate.New(zone, "m", "r1")
	_, err = store.Info(t.Context())
	require.ErrorIs(t, err, lake.ErrNotFound)
	require.ErrorContains(t, err, "run train first")

	info := &candidate.Info{Rounds: 7}
	require.NoError(t, store.Write(t.Context(), []byte("model"), nil, &registry.Profile{Rows: 3}, info))
	_, err = store.Metrics(t.Context())
	require.ErrorContains(t, err, "run evaluate first")
	require.NoError(t, store.WriteMetrics(t.Context(), &registry.Metrics{Rows: 5}))
	read, err := store.Info(t.Context())
	require.NoError(t, err)
	assert.Equal(t, info, read)
	model, err := store.Model(t.Context(), read)
	require.NoError(t, err)
	assert.Equal(t, "model", string(model))
	profile, err := store.Profile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, profile.Rows)

	require.NoError(t, zone.Write(t.Context(), "m/candidates/r1/model.onnx", []byte("other")))
	_, err = store.Model(t.Context(), read)
	require.ErrorContains(t, err, "run train again")
	require.NoError(t, zone.Write(t.Context(), "m/candidates/r1/metrics.json", []byte("{")))
	_, err = store.Metrics(t.Context())
	require.ErrorContains(t, err, "run evaluate again")
}

func TestOnlyTheLeftoversOfOtherRunsAreRemoved(t *testing.T) {
	t.Parallel()
	zone, err := lake.Open(t.Context(), lake.FileURI(t.TempDir()))
	require.NoError(t, err)
	defer func() { _ = zone.Close() }()
	for _, key := range []string{"m/candidates/r1/a", "m/candidates/r2/a", "m/candidates/r/a", "m/versions/v/a",
		"mm/candidates/r1/a"} {
		require.NoError(t, zone.Write(t.Context(), key, nil))
	}
	require.NoError(t, candidate.RemoveOthers(t.Context(), zone, "m", "r"))
	var left []string
	list := func() {
		objects, err := zone.List(t.Context(), "")
		require.NoError(t, err)
		left = nil
		for _, o := range objects {
			left = append(left, o.Key)
		}
	}
	list()
	assert.Equal(t, []string{"m/candidates/r/a", "m/versions/v/a", "mm/candidates/r1/a"}, left)
	require.NoError(t, candidate.New(zone, "m", "r").Remove(t.Context()))
	require.NoError(t, candidate.New(zone, "m", "r").Remove(t.Context()))
	list()
	assert.Equal(t, []string{"m/versions/v/a", "mm/candidates/r1/a"}, left)
}
