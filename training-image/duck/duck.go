// Package duck opens DuckDB databases for the steps of the pipeline.
package duck

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// settings make queries repeatable (one thread adds numbers in one order) and keep them from the network.
var settings = []string{
	"SET threads = 1",
	"SET preserve_insertion_order = true",
	"SET autoinstall_known_extensions = false",
	"SET autoload_known_extensions = false",
	"SET TimeZone = 'UTC'",
}

// Open opens the database file at path, or a database in memory where path is empty. It has one connection, so
// settings and temporary views hold for all queries.
func Open(ctx context.Context, path string) (*sql.DB, error) {
	connector, err := duckdb.NewConnector(path, nil)
	if err != nil {
		return nil, fmt.Errorf("opening DuckDB %s: %w", path, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	for _, query := range settings {
		if _, err := db.ExecContext(ctx, query); err != nil {
			_ = db.Close()
			return nil, fmt.Errorf("opening DuckDB %s: %s: %w", path, query, err)
		}
	}
	return db, nil
}

// Name quotes a name for SQL.
func Name(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Text quotes a text for SQL.
func Text(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
