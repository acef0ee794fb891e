package lake

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ uri, style, want string }{
		{"s3://bucket", "", "s3://bucket"},
		{"s3://bucket", "true", "s3://bucket?use_path_style=true"},
		{"s3://bucket?region=eu-central-1", "true", "s3://bucket?region=eu-central-1&use_path_style=true"},
		{"gs://bucket", "true", "gs://bucket"},
	} {
		u, err := url.Parse(c.uri)
		require.NoError(t, err)
		assert.Equal(t, c.want, address(u, c.style))
		assert.Equal(t, c.uri, u.String(), "the address itself stays")
	}
}
