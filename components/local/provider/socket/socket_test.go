package socket

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPath(t *testing.T) {
	t.Parallel()
	short := "/home/me/project/.mlpathway/local/supervisor"
	assert.Equal(t, short+"/pc.sock", pathUnder(short, "/tmp", 1000))
	assert.False(t, Private(short, pathUnder(short, "/tmp", 1000)))

	long := "/home/me/" + strings.Repeat("deep/", 20) + "supervisor"
	path := pathUnder(long, "/tmp", 1000)
	assert.Regexp(t, `^/tmp/mlpathway-1000-[0-9a-f]{16}/pc\.sock$`, path)
	assert.True(t, Private(long, path))
	assert.Equal(t, path, pathUnder(long, "/tmp", 1000), "it must always be the same")
	assert.NotEqual(t, path, pathUnder(long+"2", "/tmp", 1000), "two directories must not meet")
	assert.NotEqual(t, path, pathUnder(long, "/tmp", 1001), "two users must not meet")
}

func TestLongestPathInside(t *testing.T) {
	t.Parallel()
	directory := "/" + strings.Repeat("d", MaxPathBytes-len("/")-len("/pc.sock"))
	assert.Len(t, pathUnder(directory, "/tmp", 1), MaxPathBytes)
	assert.True(t, Private(directory+"d", pathUnder(directory+"d", "/tmp", 1)))
}

func TestStartURL(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "unix:///d/pc.sock:/process/start/pipeline", StartURL("/d", "pipeline"))
	assert.Equal(t, "/d/pc.sock", OfStartURL(StartURL("/d", "pipeline")))
	assert.Equal(t, "/a:/process/start/d/pc.sock", OfStartURL(StartURL("/a:/process/start/d", "pipeline")))
	for _, other := range []string{"", "http://127.0.0.1/process/start/x", "unix:///d/pc.sock"} {
		assert.Empty(t, OfStartURL(other), other)
	}
}

func FuzzPath(f *testing.F) {
	f.Add("/a/b")
	f.Add("/" + strings.Repeat("x", 200))
	f.Fuzz(func(t *testing.T, directory string) {
		directory = filepath.Join("/", directory)
		path := pathUnder(directory, "/tmp", 1000)
		assert.LessOrEqual(t, len(path), MaxPathBytes)
		if Private(directory, path) {
			assert.True(t, strings.HasPrefix(path, "/tmp/mlpathway-1000-"), path)
		}
	})
}
