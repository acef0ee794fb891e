package etl

import (
	"context"
	"path/filepath"

	"github.com/mlpathway/mlpathway/training-image/warehouse"
)

// load replaces the table of the warehouse by the accepted rows.
func (e *etl) load(ctx context.Context) error {
	if e.Warehouse == "" {
		return nil
	}
	err := warehouse.Load(ctx, e.Warehouse, warehouse.Table{
		Name: e.Spec.Name, Columns: warehouse.Columns(e.Spec), File: filepath.Join(e.dir, RowsFile), Zone: e.curated,
		ZoneURI: e.Curated, Key: e.key(RowsFile),
	})
	if err != nil {
		return err
	}
	e.Say("the warehouse table %s.%s holds %d rows", warehouse.Schema, e.Spec.Name, e.Record.Rows.Accepted)
	return nil
}
