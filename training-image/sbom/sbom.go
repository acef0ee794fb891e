// Package sbom lists what an image is made of, as CycloneDX: the modules of the program and the packages of the system.
package sbom

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
)

// Component is one part.
type Component struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
}

// Modules lists the modules of a Go program.
func Modules(info *debug.BuildInfo) []Component {
	parts := []Component{{"library", "std", strings.TrimPrefix(info.GoVersion, "go"),
		"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		parts = append(parts, Component{"library", m.Path, m.Version, "pkg:golang/" + m.Path + "@" + m.Version})
	}
	return parts
}

// Packages lists the installed packages of Debian's /var/lib/dpkg/status.
func Packages(status []byte) []Component {
	var parts []Component
	for entry := range bytes.SplitSeq(status, []byte("\n\n")) {
		fields := map[string]string{}
		lines := bufio.NewScanner(bytes.NewReader(entry))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if name, value, ok := strings.Cut(lines.Text(), ": "); ok && !strings.HasPrefix(name, " ") {
				fields[name] = value
			}
		}
		if name, version := fields["Package"], fields["Version"]; strings.HasSuffix(fields["Status"], " installed") {
			parts = append(parts, Component{"library", name, version,
				fmt.Sprintf("pkg:deb/debian/%s@%s", name, url.PathEscape(version))})
		}
	}
	return parts
}

// Write writes a bill of materials of a program, its parts in the order of their names.
func Write(w io.Writer, name, version string, parts []Component) error {
	slices.SortFunc(parts, func(a, b Component) int { return cmp.Compare(a.PURL, b.PURL) })
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
		"metadata":   map[string]any{"component": map[string]string{"type": "container", "name": name, "version": version}},
		"components": parts})
}
