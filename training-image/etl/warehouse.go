package etl

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mlpathway/mlpathway/training-image/duck"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// load replaces the table curated.<model> of the warehouse by the accepted rows, in one transaction.
func (e *etl) load(ctx context.Context) error {
	if e.Warehouse == "" {
		return nil
	}
	path, err := step.FilePath("duckdb", e.Warehouse)
	if err != nil {
		return fmt.Errorf("loading the warehouse: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("loading the warehouse: %w", err)
	}
	db, err := duck.Open(ctx, path)
	if err != nil {
		return fmt.Errorf("loading the warehouse: is it open in another program? close it there: %w", err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("loading the warehouse %s: %w", path, err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	table := "curated." + duck.Name(e.Spec.Name)
	for _, query := range []string{
		"CREATE SCHEMA IF NOT EXISTS curated",
		"CREATE OR REPLACE TABLE " + table + " AS SELECT * FROM read_parquet(" +
			duck.Text(filepath.Join(e.dir, RowsFile)) + ")",
	} {
		if _, err := tx.ExecContext(ctx, query); err != nil {
			return fmt.Errorf("loading the warehouse %s: %w", path, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("loading the warehouse %s: %w", path, err)
	}
	e.Say("the warehouse table %s holds %d rows", table, e.Record.Rows.Accepted)
	return nil
}
