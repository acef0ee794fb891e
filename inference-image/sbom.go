package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// bom is a software bill of materials in the form of CycloneDX 1.6. It has no time and no random number, so that the
// same program has the same one.
type bom struct {
	Format   string `json:"bomFormat"`
	Spec     string `json:"specVersion"`
	Version  int    `json:"version"`
	Metadata struct {
		Component component `json:"component"`
	} `json:"metadata"`
	Components []component `json:"components"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref,omitempty"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// newSBOM lists what the program is made of, as the linker wrote it into it.
func newSBOM() *cobra.Command {
	var libraries []string
	cmd := &cobra.Command{
		Use: "sbom", Short: "List what this program is made of (CycloneDX)", Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := newBOM(libraries)
			if err != nil {
				return fmt.Errorf("listing what the program is made of: %w", err)
			}
			to := json.NewEncoder(cmd.OutOrStdout())
			to.SetIndent("", "  ")
			return to.Encode(b)
		},
	}
	cmd.Flags().StringArrayVar(&libraries, "library", nil, "a library beside the program that belongs to it")
	return cmd
}

func newBOM(libraries []string) (*bom, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil, errors.New("it was built without modules")
	}
	b := &bom{Format: "CycloneDX", Spec: "1.6", Version: 1}
	b.Metadata.Component = component{Type: "application", Ref: "inference-image", Name: "inference-image",
		Version: version}
	b.Components = []component{{Type: "library", Ref: "std", Name: "std", Version: info.GoVersion,
		PURL: "pkg:golang/std@" + info.GoVersion[len("go"):]}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		purl := "pkg:golang/" + m.Path + "@" + m.Version
		c := component{Type: "library", Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
		if m.Sum != "" {
			c.Properties = []property{{Name: "go:sum", Value: m.Sum}}
		}
		b.Components = append(b.Components, c)
	}
	for _, path := range libraries {
		sum, err := sumOf(path)
		if err != nil {
			return nil, err
		}
		b.Components = append(b.Components, component{Type: "file", Ref: filepath.Base(path), Name: filepath.Base(path),
			Hashes: []hash{{Algorithm: "SHA-256", Content: sum}}})
	}
	return b, nil
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
