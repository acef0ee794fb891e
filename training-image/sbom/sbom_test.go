package sbom_test

import (
	"bytes"
	"encoding/json"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/sbom"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	parts := append(sbom.Packages([]byte("Package: zlib\nStatus: install ok installed\nVersion: 1:1.3+b1\n"+
		"Description: z\n Package: no\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n")),
		sbom.Modules(&debug.BuildInfo{GoVersion: "go1.26.6", Deps: []*debug.Module{{Path: "gocloud.dev", Version: "v0.47.0"},
			{Path: "a", Version: "v1", Replace: &debug.Module{Path: "b", Version: "v2"}}}})...)
	var b bytes.Buffer
	require.NoError(t, sbom.Write(&b, "training-image", "v1", parts))
	var document struct {
		BOMFormat  string
		Components []sbom.Component
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &document))
	assert.Equal(t, "CycloneDX", document.BOMFormat)
	var purls []string
	for _, c := range document.Components {
		purls = append(purls, c.PURL)
	}
	assert.Equal(t, []string{"pkg:deb/debian/zlib@1:1.3+b1", "pkg:golang/b@v2", "pkg:golang/gocloud.dev@v0.47.0",
		"pkg:golang/std@1.26.6"}, purls)
}
