// Package socket says where the supervisor of a directory listens. The provider and the program that declares the
// stack must agree on it before the supervisor exists, so it is a pure function of the directory.
package socket

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// MaxPathBytes is the longest socket path that is used. Linux takes 107 bytes and macOS 103.
const MaxPathBytes = 100

// startPath separates the socket from the name of the process.
const startPath = ":/process/start/"

// Path gives the unix socket of the supervisor of a directory: inside the directory when the path is short enough,
// otherwise in a directory of its own under the system's temporary directory.
func Path(directory string) string {
	return pathUnder(directory, os.TempDir(), os.Getuid())
}

// Private tells whether the socket lies in a directory of its own, outside of the supervisor's directory.
func Private(directory, path string) bool {
	return !strings.HasPrefix(path, filepath.Clean(directory)+string(filepath.Separator))
}

// StartURL is the address that starts a process of the supervisor when something is POSTed to it:
// unix://<socket>:/process/start/<name>.
func StartURL(directory, process string) string {
	return "unix://" + Path(directory) + startPath + process
}

// OfStartURL gives the socket in an address made by StartURL; empty where it is none.
func OfStartURL(address string) string {
	path, ok := strings.CutPrefix(address, "unix://")
	end := strings.LastIndex(path, startPath)
	if !ok || end < 0 {
		return ""
	}
	return path[:end]
}

func pathUnder(directory, temporary string, user int) string {
	const name = "pc.sock"
	inside := filepath.Join(directory, name)
	if len(inside) <= MaxPathBytes {
		return inside
	}
	sum := sha256.Sum256([]byte(filepath.Clean(directory)))
	private := fmt.Sprintf("mlpathway-%d-%s", user, hex.EncodeToString(sum[:8]))
	return filepath.Join(temporary, private, name)
}
