package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSBOM(t *testing.T) {
	t.Parallel()
	library := filepath.Join(t.TempDir(), "lib.so")
	require.NoError(t, os.WriteFile(library, []byte("abc"), 0o600))
	var texts [2]bytes.Buffer
	for i := range texts {
		root := newRoot()
		root.SetArgs([]string{"sbom", "--library", library})
		root.SetOut(&texts[i])
		require.NoError(t, root.Execute())
	}
	assert.Equal(t, texts[0].String(), texts[1].String())
	list, err := jsonschema.UnmarshalJSON(bytes.NewReader(texts[0].Bytes()))
	require.NoError(t, err)
	require.NoError(t, cycloneDX(t).Validate(list))
	list.(map[string]any)["components"].([]any)[0].(map[string]any)["type"] = "thing"
	require.Error(t, cycloneDX(t).Validate(list), "the schema is one that refuses")
	var b bom
	require.NoError(t, json.Unmarshal(texts[0].Bytes(), &b))
	assert.Equal(t, "CycloneDX", b.Format)
	refs := map[string]component{}
	for _, c := range b.Components {
		assert.NotContains(t, refs, c.Ref, "references are unique")
		refs[c.Ref] = c
		if c.Type == "library" {
			assert.NotEmpty(t, c.Version, c.Name)
		}
	}
	assert.Equal(t, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", refs["lib.so"].Hashes[0].Content)
	assert.Contains(t, refs, "std")
	found := false
	for _, c := range refs {
		found = found || c.Name == "github.com/parquet-go/parquet-go" && len(c.Properties) == 1
	}
	assert.True(t, found, "the modules that it is linked with, with their sums")
	root := newRoot()
	root.SetArgs([]string{"sbom", "--library", library + "x"})
	root.SetErr(&bytes.Buffer{})
	require.ErrorIs(t, root.Execute(), os.ErrNotExist)
}

// cycloneDX is the published schema.
func cycloneDX(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const at = "http://cyclonedx.org/schema/"
	compiler := jsonschema.NewCompiler()
	for file, name := range map[string]string{"bom-1.6": "bom-1.6.schema.json",
		"jsf-0.82": "jsf-0.82.SNAPSHOT.schema.json", "spdx": "spdx.SNAPSHOT.schema.json"} {
		f, err := os.Open(filepath.Join("testdata/cyclonedx", file+".schema.json.gz"))
		require.NoError(t, err)
		text, err := gzip.NewReader(f)
		require.NoError(t, err)
		document, err := jsonschema.UnmarshalJSON(text)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.NoError(t, compiler.AddResource(at+name, document))
	}
	schema, err := compiler.Compile(at + "bom-1.6.schema.json")
	require.NoError(t, err)
	return schema
}
