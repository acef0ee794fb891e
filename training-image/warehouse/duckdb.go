package warehouse

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/mlpathway/mlpathway/training-image/duck"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// loadDuckDB replaces the table in one transaction.
func loadDuckDB(ctx context.Context, u *url.URL, t Table) error {
	path, err := step.FilePath("duckdb", u.String())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	db, err := duck.Open(ctx, path)
	if err != nil {
		return fmt.Errorf("is it open in another program? close it there: %w", err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	for _, query := range []string{
		"CREATE SCHEMA IF NOT EXISTS " + Schema,
		"CREATE OR REPLACE TABLE " + Schema + "." + duck.Name(t.Name) + " AS SELECT * FROM read_parquet(" +
			duck.Text(t.File) + ")",
	} {
		if _, err := tx.ExecContext(ctx, query); err != nil {
			return err
		}
	}
	return tx.Commit()
}
