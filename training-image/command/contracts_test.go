package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/command"
	"github.com/mlpathway/mlpathway/training-image/platform"
	"github.com/mlpathway/mlpathway/training-image/steptest"
)

// managed runs a step as a job of a platform: with its variables, and with the addresses that it does not bring.
func managed(t *testing.T, environ []string, given map[string]string, args ...string) (code int, output string) {
	t.Helper()
	place, err := platform.Detect(environ, fstest.MapFS{})
	require.NoError(t, err)
	var out, log strings.Builder
	p := &command.Program{Stdout: &out, Stderr: &log, Getenv: getenv(given),
		Place: func() (platform.Place, error) { return place, nil }}
	code = p.Main(t.Context(), args)
	return code, out.String() + log.String()
}

// What the platforms bring takes the place of addresses, and the model is handed over where they look for it.
func TestThePlatformBringsTheDataAndTakesTheModel(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string]func(l *steptest.Lake, out string) []string{
		"sagemaker": func(l *steptest.Lake, out string) []string {
			return []string{`SM_HOSTS=["algo-1"]`, "SM_CURRENT_HOST=algo-1", `SM_CHANNELS=["features","pipeline"]`,
				"SM_CHANNEL_FEATURES=" + filepath.Join(l.Dir, "features"), "SM_CHANNEL_PIPELINE=" + l.Dir, "SM_MODEL_DIR=" + out,
				"TRAINING_JOB_NAME=small-1"}
		},
		"azureml": func(l *steptest.Lake, out string) []string {
			return []string{"AZUREML_RUN_ID=cool_frog_1", "AZURE_ML_INPUT_features=" + filepath.Join(l.Dir, "features"),
				"AZURE_ML_INPUT_pipeline=" + filepath.Join(l.Dir, "pipeline.yaml"), "AZURE_ML_OUTPUT_model=" + out,
				"AZURE_ML_OUTPUT_models=" + filepath.Join(l.Dir, "models"), "AZURE_ML_OUTPUT_logs=" + filepath.Join(l.Dir, "logs")}
		},
		"vertex": func(_ *steptest.Lake, out string) []string {
			if err := os.Mkdir(out, 0o700); err != nil {
				t.Error(err)
			}
			return []string{"CLOUD_ML_JOB_ID=7", "AIP_MODEL_DIR=" + lake.FileURI(out) + "/"} // gs:// on Vertex
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := steptest.New(t, small)
			l.Drop("a.csv", smallRows(200, func(int, []string) {}), 0)
			for _, step := range steps[:2] {
				code, _, stderr := call(t, variables(l, "r1"), step)
				require.Zero(t, code, stderr)
			}
			given := variables(l, "r1")
			if name != "vertex" {
				delete(given, "MLPATHWAY_FEATURES")
				delete(given, "MLPATHWAY_PIPELINE")
			}
			if name == "azureml" {
				delete(given, "MLPATHWAY_MODELS")
				delete(given, "MLPATHWAY_LOGS")
			}
			out := filepath.Join(t.TempDir(), "model")
			vars := environ(l, out)
			code, said := managed(t, vars, given, "train")
			require.Zero(t, code, said)
			assert.Contains(t, said, "a copy lies in ")
			files, err := os.ReadDir(out)
			require.NoError(t, err)
			var names []string
			for _, f := range files {
				names = append(names, f.Name())
			}
			assert.Equal(t, []string{"model.onnx", "profile.json", "training.json"}, names)
			model, err := os.ReadFile(filepath.Join(out, registry.ModelFile))
			require.NoError(t, err)
			var info struct{ SHA256 string }
			text, err := os.ReadFile(filepath.Join(out, "training.json"))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &info))
			assert.Equal(t, registry.Sum(model), info.SHA256)
			assert.FileExists(t, filepath.Join(l.Dir, "models", "small", "candidates", "r1", registry.ModelFile))

			// What somebody has given counts more than what the platform brings.
			given["MLPATHWAY_FEATURES"] = lake.FileURI(filepath.Join(l.Dir, "raw"))
			code, said = managed(t, vars, given, "train")
			assert.Equal(t, 1, code, said)
		})
	}
}

// A place for the model that cannot be written is no reason to lose a training, and a trial hands nothing over.
func TestThePlatformCannotTakeTheModel(t *testing.T) {
	t.Parallel()
	l := steptest.New(t, small)
	l.Drop("a.csv", smallRows(200, func(int, []string) {}), 0)
	for _, step := range steps[:2] {
		code, _, stderr := call(t, variables(l, "r1"), step)
		require.Zero(t, code, stderr)
	}
	file := filepath.Join(l.Dir, "pipeline.yaml")
	job := []string{`SM_HOSTS=["algo-1"]`, "SM_CURRENT_HOST=algo-1", "SM_MODEL_DIR=" + file + "/model"}
	code, said := managed(t, job, variables(l, "r1"), "train")
	require.Zero(t, code, said)
	assert.Contains(t, said, "note: the platform gets no copy of the model: opening the directory ")

	out := filepath.Join(t.TempDir(), "model")
	given := variables(l, "r1")
	given["MLPATHWAY_TRIAL"] = "true"
	code, said = managed(t, append(job[:2:2], "SM_MODEL_DIR="+out), given, "train")
	require.Zero(t, code, said)
	assert.NoDirExists(t, out)
}

// Without an address the message names the flag and the variable, whatever else the platform has brought.
func TestWhatNobodyBringsIsAskedFor(t *testing.T) {
	t.Parallel()
	job := []string{"AZUREML_RUN_ID=r", "AZURE_ML_INPUT_features=/mnt/features"}
	for _, step := range slices.Concat(steps, []string{"tune"}) {
		code, said := managed(t, job, nil, step)
		assert.Equal(t, 2, code, step)
		assert.Contains(t, said, "--logs (or $MLPATHWAY_LOGS)", step)
		assert.NotContains(t, said, "--features", step)
	}
}
