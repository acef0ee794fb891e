package etl

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// report is the content of report.json.
type report struct {
	Run         string             `json:"run"`
	DataVersion string             `json:"dataVersion"`
	Rows        registry.RowCounts `json:"rows"`
	Files       []fileReport       `json:"files"`
	Reasons     []reasonReport     `json:"reasons"`
	Notes       []string           `json:"notes"`
}

type fileReport struct {
	Name      string    `json:"name"`
	SizeBytes int64     `json:"sizeBytes"`
	Modified  time.Time `json:"modified"`
	Rows      int       `json:"rows"`
	// Bad counts the rows that are wrong in themselves; a key that stands in a file twice is counted in Reasons only.
	Bad int `json:"bad"`
}

type reasonReport struct {
	Column string `json:"column"`
	Reason string `json:"reason"`
	Rows   int    `json:"rows"`
}

// schemaColumn is one entry of schema.json.
type schemaColumn struct {
	Name     string        `json:"name"`
	Type     pipeline.Type `json:"type"`
	Values   []string      `json:"values,omitempty"`
	Optional bool          `json:"optional,omitempty"`
}

// note tells a person something that is no error, and puts it into the report.
func (e *etl) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	e.report.Notes = append(e.report.Notes, text)
	e.Say("note: %s", text)
}

// key is the key of an object of this data version in the curated zone.
func (e *etl) key(name string) string { return e.Record.DataVersion + "/" + name }

// publishReport writes what a person needs to judge the rows, also where they are refused.
func (e *etl) publishReport(ctx context.Context, q *quarantine) error {
	if err := q.flush(); err != nil {
		return err
	}
	if err := e.curated.Upload(ctx, e.key(QuarantineFile), filepath.Join(e.dir, QuarantineFile)); err != nil {
		return err
	}
	e.report.Run, e.report.DataVersion, e.report.Rows = e.Record.ID, e.Record.DataVersion, e.Record.Rows
	e.report.Reasons = q.sorted()
	return e.writeJSON(ctx, ReportFile, e.report)
}

// publishRows writes the rows. They come last: where they stand the rest stands too.
func (e *etl) publishRows(ctx context.Context) error {
	var schema []schemaColumn
	for _, c := range e.Spec.Source.Columns {
		schema = append(schema, schemaColumn{Name: c.Name, Type: c.Type, Values: c.Values, Optional: c.Optional})
	}
	if err := e.writeJSON(ctx, SchemaFile, schema); err != nil {
		return err
	}
	if err := e.writeJSON(ctx, StatisticsFile, e.statistics); err != nil {
		return err
	}
	return e.curated.Upload(ctx, e.key(RowsFile), filepath.Join(e.dir, RowsFile))
}

func (e *etl) writeJSON(ctx context.Context, name string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return e.curated.Write(ctx, e.key(name), append(data, '\n'))
}
