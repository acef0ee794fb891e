package provider

import (
	"io"
	"os"
	"strings"
)

// tail gives the last lines of a log with its name, for an error message; empty where there is none.
func tail(path string) string {
	const bytes, lines = 4096, 12
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.Size() > bytes {
		_, _ = file.Seek(-bytes, io.SeekEnd)
	}
	return lastLines(file, path, lines)
}

// lastLines gives the last lines of what a reader holds, indented and under the name of its file.
func lastLines(reader io.Reader, name string, count int) string {
	data, err := io.ReadAll(reader)
	text := strings.TrimRight(string(data), "\n")
	if err != nil || text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	if len(lines) > count {
		lines = lines[len(lines)-count:]
	}
	return "\nthe end of " + name + ":\n    " + strings.Join(lines, "\n    ")
}
