package command_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
	"github.com/mlpathway/mlpathway/training-image/steptest"
	"github.com/mlpathway/mlpathway/training-image/tune"
)

// tunedSteps are the steps with a search.
var tunedSteps = []string{"etl", "features", "tune", "train", "evaluate", "register"}

// wholeObjects demands that everything that can be seen in the lake is whole.
func wholeObjects(t *testing.T, l *steptest.Lake) {
	t.Helper()
	for _, zone := range []string{"curated", "features", "models", "logs"} {
		objects, err := l.Zone(zone).List(t.Context(), "")
		require.NoError(t, err)
		for _, o := range objects {
			file := filepath.Join(l.Dir, zone, filepath.FromSlash(o.Key))
			switch path.Ext(o.Key) {
			case ".json":
				data, err := os.ReadFile(file)
				require.NoError(t, err)
				assert.True(t, json.Valid(data), "%s/%s", zone, o.Key)
			case ".parquet":
				require.NoError(t, parquetfile.Read(file, func([]string) error { return nil },
					func([]cell.Value) error { return nil }), "%s/%s", zone, o.Key)
			}
		}
	}
	reg := registry.New(l.Zone("models"))
	versions, err := reg.Versions(t.Context(), "tumour")
	require.NoError(t, err)
	for _, version := range versions {
		_, err := reg.Open(t.Context(), "tumour", version)
		require.NoError(t, err)
	}
}

// result is what a run leads to, without times.
type result struct {
	DataVersion, Features, Model, Profile string
	Parameters                            any
	Decision                              registry.Decision
	Trials                                []tune.Trial
}

func resultOf(t *testing.T, l *steptest.Lake) result {
	t.Helper()
	run := l.Run("r1")
	require.Equal(t, registry.Registered, run.Status, run.Error)
	m, err := registry.New(l.Zone("models")).Manifest(t.Context(), "tumour", run.Version)
	require.NoError(t, err)
	features, err := os.ReadFile(filepath.Join(l.Dir, "features", filepath.FromSlash(run.Features)))
	require.NoError(t, err)
	return result{DataVersion: m.DataVersion, Features: registry.Sum(features), Model: m.SHA256[registry.ModelFile],
		Profile: m.SHA256[registry.ProfileFile], Parameters: m.Parameters, Decision: m.Decision, Trials: trials(t, l, "r1")}
}

// dropTunable is the example with a short search, and the raw file alone.
func dropTunable(t *testing.T) *steptest.Lake {
	t.Helper()
	l := tumour(t)
	spec, err := os.ReadFile(filepath.Join(l.Dir, "pipeline.yaml"))
	require.NoError(t, err)
	l.SetPipeline(string(spec) + strings.Replace(tuningSection, "trials: 16", "trials: 6", 1))
	l.Drop("breast_cancer.csv", text(t, table(t)), 0)
	return l
}

// TestKilledAtRandomTheResultIsTheSame kills the steps of a run at random points, MLPATHWAY_KILLS times in all, each
// step again and again until it ends by itself. The result must be that of a run that nobody disturbed.
func TestKilledAtRandomTheResultIsTheSame(t *testing.T) {
	t.Parallel()
	kills := 8
	if text := os.Getenv("MLPATHWAY_KILLS"); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	quiet := dropTunable(t)
	took := map[string]time.Duration{}
	for _, name := range tunedSteps {
		begun := time.Now()
		p := start(t, variables(quiet, "r1"), name)
		require.Zero(t, p.end(), &p.out)
		took[name] = time.Since(begun)
	}
	want := resultOf(t, quiet)

	l := dropTunable(t)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	each := (kills + 3) / 4 // of etl, tune, train and register
	count := 0
	for _, name := range tunedSteps {
		for range each {
			if !slices.Contains([]string{"etl", "tune", "train", "register"}, name) {
				break
			}
			environment := variables(l, "r1")
			environment["MLPATHWAY_CHECKPOINT_ROUNDS"] = "3"
			after := time.Duration(random.Float64() * float64(took[name]))
			if !killed(t, environment, name, after) {
				count++
			}
			wholeObjects(t, l)
		}
		p := start(t, variables(l, "r1"), name)
		require.Zero(t, p.end(), "%s: %s", name, &p.out)
	}
	t.Logf("%d of %d kills hit a step at work", count, 4*each)
	assert.Positive(t, count)
	assert.Equal(t, want, resultOf(t, l))
	assert.Empty(t, l.Files("models/tumour/candidates"), "nothing is left over")
}
