package model_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// nested wraps a message into fields of a number, so many deep.
func nested(field protowire.Number, depth int, inner []byte) []byte {
	for range depth {
		inner = protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), inner)
	}
	return inner
}

// bombs are archives of 64 MiB of zeros in some kilobytes.
func bombs(t *testing.T) (zipped, gzipped []byte) {
	t.Helper()
	var z, g bytes.Buffer
	archive := zip.NewWriter(&z)
	file, err := archive.Create("../../../model.onnx")
	require.NoError(t, err)
	packed := gzip.NewWriter(&g)
	for range 64 {
		for _, w := range []interface{ Write([]byte) (int, error) }{file, packed} {
			_, err := w.Write(make([]byte, 1<<20))
			require.NoError(t, err)
		}
	}
	require.NoError(t, archive.Close())
	require.NoError(t, packed.Close())
	return z.Bytes(), g.Bytes()
}

// external is an ONNX model whose weights lie in a file that it names: one outside.
func external() []byte {
	text := func(to []byte, n protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(to, n, protowire.BytesType), s)
	}
	entry := text(text(nil, 1, "location"), 2, "../../../../etc/passwd")
	tensor := protowire.AppendBytes(protowire.AppendTag(text(nil, 8, "w"), 13, protowire.BytesType), entry)
	tensor = protowire.AppendVarint(protowire.AppendTag(tensor, 14, protowire.VarintType), 1) // EXTERNAL
	node := text(text(text(nil, 1, "w"), 2, "out"), 4, "Identity")
	graph := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), node)
	graph = protowire.AppendBytes(protowire.AppendTag(graph, 5, protowire.BytesType), tensor)
	return protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), graph)
}

// Whatever lies in a registry with sums that fit is refused with an error that says what is wrong, and takes no more
// memory than a multiple of the size of its files.
//
//nolint:paralleltest // it measures what the process allocates
func TestHostileVersions(t *testing.T) {
	good := onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 3})
	sound, err := good.Marshal(nil)
	require.NoError(t, err)
	network, err := onnxtest.Network(1, onnxtest.Shape{Inputs: 3}, 4).Marshal(nil)
	require.NoError(t, err)
	zipped, gzipped := bombs(t)
	claim := protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), 1<<62) // a graph of 4 EiB
	for name, c := range map[string]struct {
		files map[string][]byte // in place of the good ones
		says  string
	}{
		"empty":             {map[string][]byte{registry.ModelFile: {}}, "it has no operators"},
		"truncated trees":   {map[string][]byte{registry.ModelFile: sound[:len(sound)*2/3]}, "not a valid"},
		"truncated network": {map[string][]byte{registry.ModelFile: network[:len(network)*2/3]}, "not a valid"},
		"zip bomb":          {map[string][]byte{registry.ModelFile: zipped}, "not a valid"},
		"gzip bomb":         {map[string][]byte{registry.ModelFile: gzipped}, "not a valid"},
		"a length of 2^62":  {map[string][]byte{registry.ModelFile: claim}, "not a valid"},
		"nested graphs":     {map[string][]byte{registry.ModelFile: nested(7, 20_000, nil)}, "not a valid"},
		"nested nodes":      {map[string][]byte{registry.ModelFile: nested(1, 20_000, sound)}, "no operators"},
		"zeros":             {map[string][]byte{registry.ModelFile: make([]byte, 1<<20)}, "not a valid"},
		"text behind it":    {map[string][]byte{registry.ModelFile: append(bytes.Clone(sound), "trailer"...)}, "not a valid"},
		"weights elsewhere": {map[string][]byte{registry.ModelFile: external()}, foreignSays},
		"nested profile": {map[string][]byte{registry.ProfileFile: []byte(strings.Repeat(`{"features":[`, 200_000))},
			"profile.json"},
		"profile of another kind": {map[string][]byte{registry.ProfileFile: []byte(`{"rows":"many"}`)}, "profile.json"},
		"metrics that are none":   {map[string][]byte{registry.MetricsFile: []byte(`[1]`)}, "metrics.json"},
		"no manifest":             {map[string][]byte{registry.ManifestFile: []byte("x")}, "manifest.json"},
		"manifest of numbers":     {map[string][]byte{registry.ManifestFile: []byte(`{"inputs":7}`)}, "manifest.json"},
		"nested manifest": {map[string][]byte{registry.ManifestFile: []byte(strings.Repeat("[", 1<<20))},
			"manifest.json"},
		"path for a version": {map[string][]byte{registry.ManifestFile: manifest(t, func(m *registry.Manifest) {
			m.Version = "../../secrets"
		})}, "the manifest says"},
		"path for a name": {map[string][]byte{registry.ManifestFile: manifest(t, func(m *registry.Manifest) {
			m.Name = "/etc"
		})}, "the manifest says"},
	} {
		t.Run(name, func(t *testing.T) {
			l := inferencetest.New(t)
			l.Register(inferencetest.Version(t, "v1", good))
			dir := l.Path("models", inferencetest.Model+"/versions/v1")
			size := replace(t, dir, c.files)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := model.Load(t.Context(), l.Registry, inferencetest.Model, "v1")
			runtime.ReadMemStats(&after)
			require.ErrorContains(t, err, c.says)
			assert.Less(t, len(err.Error()), 2000, "the error does not grow with the file")
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64*size+8<<20), "bytes for %d of files", size)
		})
	}
}

func manifest(t *testing.T, change func(m *registry.Manifest)) []byte {
	t.Helper()
	v := inferencetest.Version(t, "v1", onnxtest.Ensemble(1, onnxtest.Shape{Inputs: 3}))
	change(&v.Manifest)
	data, err := json.Marshal(v.Manifest)
	require.NoError(t, err)
	return data
}

// replace puts files into a version, with sums in the manifest that fit, and returns the size of all.
func replace(t *testing.T, dir string, files map[string][]byte) (size int) {
	t.Helper()
	path := filepath.Join(dir, registry.ManifestFile)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var m registry.Manifest
	require.NoError(t, json.Unmarshal(data, &m))
	for name, data := range files {
		size += len(data)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		m.SHA256[name] = registry.Sum(data)
	}
	if _, ok := files[registry.ManifestFile]; !ok {
		data, err = json.Marshal(m)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
	return size
}
