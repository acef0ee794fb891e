// Package card writes the model card of a version: what the model is, what it was trained from, how good it is and
// where that was measured; as Markdown, and as HTML with drawings.
package card

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
	text "text/template"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/family"
)

// Names of the files.
const (
	Markdown = "card.md"
	HTML     = "card.html"
)

var (
	//go:embed card.md
	markdown string
	//go:embed card.html
	page string

	markdownTemplate = text.Must(text.New(Markdown).Funcs(text.FuncMap(functions)).Parse(markdown))
	pageTemplate     = template.Must(template.New(HTML).Funcs(template.FuncMap(functions)).Parse(page))
)

var functions = map[string]any{
	"four": func(x float64) string { return fmt.Sprintf("%.4f", x) },
	"cell": func(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) },
}

// Card is what a card tells.
type Card struct {
	Manifest *registry.Manifest
	Metrics  *registry.Metrics
	Profile  *registry.Profile
	// Curve holds the losses of the training; LossName says what they are.
	Curve    []family.Point
	LossName string
	// Kept is the round that the model keeps.
	Kept int
}

// Share is a named share.
type Share struct {
	Name  string
	Share float64
}

// Importance lists the inputs by their importance, at most twenty of them.
func (c *Card) Importance() []Share {
	var all []Share
	for name, share := range c.Manifest.Importance {
		all = append(all, Share{name, share})
	}
	slices.SortFunc(all, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Name, b.Name))
	})
	return all[:min(20, len(all))]
}

// Total is the number of all rows.
func (c *Card) Total() int {
	sum := 0
	for _, n := range c.Manifest.Rows {
		sum += n
	}
	return sum
}

// Write gives both forms by their names.
func (c *Card) Write() (map[string][]byte, error) {
	var md, html bytes.Buffer
	if err := markdownTemplate.Execute(&md, c); err != nil {
		return nil, fmt.Errorf("writing the model card: %w", err)
	}
	if err := pageTemplate.Execute(&html, c); err != nil {
		return nil, fmt.Errorf("writing the model card: %w", err)
	}
	return map[string][]byte{Markdown: md.Bytes(), HTML: html.Bytes()}, nil
}
