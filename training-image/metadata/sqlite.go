package metadata

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver
)

const schema = `CREATE TABLE IF NOT EXISTS MLTrainingMetadata (
	TrainingJobName TEXT PRIMARY KEY,
	ModelVersion    TEXT NOT NULL,
	Metrics         TEXT NOT NULL,
	Timestamp       TEXT NOT NULL,
	Status          TEXT NOT NULL,
	DataVersion     TEXT NOT NULL,
	Reason          TEXT NOT NULL
) WITHOUT ROWID`

// OpenSQLite opens or creates a SQLite file, readable by its owner only. Writers wait for one another.
func OpenSQLite(path string) (*sql.DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db, err := sql.Open("sqlite", "file:"+escape(path)+"?_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// sqliteTable is the table in a SQLite file.
type sqliteTable struct{ path string }

// Close implements Table.
func (t sqliteTable) Close() error { return nil }

// Put implements Table. It makes file and table where they are not there yet.
func (t sqliteTable) Put(ctx context.Context, row Row) error {
	db, err := OpenSQLite(t.path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	metrics, err := json.Marshal(nonNil(row.Metrics))
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("%s: %w", t.path, err)
	}
	_, err = db.ExecContext(ctx, `INSERT OR REPLACE INTO MLTrainingMetadata
		(TrainingJobName, ModelVersion, Metrics, Timestamp, Status, DataVersion, Reason) VALUES (?,?,?,?,?,?,?)`,
		row.TrainingJobName, row.ModelVersion, string(metrics), row.Timestamp.UTC().Format(time.RFC3339Nano),
		row.Status, row.DataVersion, row.Reason)
	if err != nil {
		return fmt.Errorf("%s: %w", t.path, err)
	}
	return nil
}

// Rows implements Table.
func (t sqliteTable) Rows(ctx context.Context) ([]Row, error) {
	db, err := OpenSQLite(t.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, `SELECT TrainingJobName, ModelVersion, Metrics, Timestamp, Status, DataVersion,
		Reason FROM MLTrainingMetadata ORDER BY Timestamp, TrainingJobName`)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.path, err)
	}
	defer func() { _ = rows.Close() }()
	var all []Row
	for rows.Next() {
		var r Row
		var metrics, at string
		if err := rows.Scan(&r.TrainingJobName, &r.ModelVersion, &metrics, &at, &r.Status, &r.DataVersion,
			&r.Reason); err != nil {
			return nil, fmt.Errorf("%s: %w", t.path, err)
		}
		if err := json.Unmarshal([]byte(metrics), &r.Metrics); err != nil {
			return nil, fmt.Errorf("the metrics of %s in %s: %w", r.TrainingJobName, t.path, err)
		}
		if r.Timestamp, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return nil, fmt.Errorf("the time of %s in %s: %w", r.TrainingJobName, t.path, err)
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// escape keeps a path whole inside a file: URI.
func escape(path string) string {
	var out []byte
	for _, b := range []byte(path) {
		switch b {
		case '%', '?', '#':
			out = fmt.Appendf(out, "%%%02x", b)
		default:
			out = append(out, b)
		}
	}
	return string(out)
}

func nonNil(m map[string]float64) map[string]float64 {
	if m == nil {
		return map[string]float64{}
	}
	return m
}
