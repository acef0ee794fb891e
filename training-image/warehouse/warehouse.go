// Package warehouse loads the accepted rows of a run into the table that analysts query. An address says where:
//
//	duckdb:///data/warehouse.duckdb                    a file
//	athena://WORKGROUP/DATABASE?region=R               Athena over the curated zone
//	redshift-data://WORKGROUP/DATABASE?region=R        Redshift Serverless
//
// That of Redshift works where the program is built with the tag cloud.
package warehouse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
)

// Schema is the schema of the warehouse that holds the accepted rows.
const Schema = "curated"

// Table is what to load.
type Table struct {
	// Name of the table: that of the model.
	Name string
	// Columns of the table, in their order.
	Columns []Column
	// File holds the rows on this machine, as Parquet.
	File string
	// Zone is the curated zone, in which the rows lie as well.
	Zone *lake.Zone
	// ZoneURI is the address of the zone, Key that of the rows in it.
	ZoneURI, Key string
}

// Column is a column of a table.
type Column struct {
	Name string
	Type pipeline.Type
}

// Columns are those of the source of a pipeline.
func Columns(spec *pipeline.Spec) []Column {
	columns := make([]Column, len(spec.Source.Columns))
	for i, c := range spec.Source.Columns {
		columns[i] = Column{c.Name, c.Type}
	}
	return columns
}

// ErrScheme means an address of a warehouse that the program does not know.
var ErrScheme = errors.New("no warehouse has such an address")

// loader replaces a table by the rows.
type loader func(ctx context.Context, u *url.URL, t Table) error

// loaders are known by the scheme of the address. Those of clouds are added by the build tag cloud.
var loaders = map[string]loader{"athena": loadAthena, "duckdb": loadDuckDB}

// Load replaces the table by the rows, all at once: a query sees the rows of one run, never of two.
func Load(ctx context.Context, uri string, t Table) error {
	u, err := url.Parse(uri)
	if err != nil {
		return fmt.Errorf("loading the warehouse: %w", err)
	}
	load, ok := loaders[u.Scheme]
	if !ok {
		return fmt.Errorf("loading the warehouse: %w: found %q, want one of %s; those of clouds need a program that was "+
			"built with -tags cloud", ErrScheme, uri, strings.Join(slices.Sorted(maps.Keys(loaders)), ", "))
	}
	if err := load(ctx, u, t); err != nil {
		return fmt.Errorf("loading the warehouse %s: %w", uri, err)
	}
	return nil
}
