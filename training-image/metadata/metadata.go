// Package metadata keeps the table MLTrainingMetadata: one row for each training run, what came out of it and how good
// it was.
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

// Row is one row of the table.
type Row struct {
	// TrainingJobName is <model>-<run id>; a second row of the same name replaces the first.
	TrainingJobName string
	// ModelVersion that the run registered; empty where it failed.
	ModelVersion string
	// Metrics on the test rows by name.
	Metrics map[string]float64
	// Timestamp of the end of the run.
	Timestamp time.Time
	// Status is promoted, not promoted or failed.
	Status string
	// DataVersion that it was trained from; empty where the run failed before.
	DataVersion string
	// Reason is the gate's, or the error of a failed run.
	Reason string
}

// The values of Status.
const (
	Promoted    = "promoted"
	NotPromoted = "not promoted"
	Failed      = "failed"
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

// Put writes a row into the table of the database at path, and makes both where they are not there yet.
func Put(ctx context.Context, path string, row Row) error {
	db, err := OpenSQLite(path)
	if err != nil {
		return fmt.Errorf("writing training metadata: %w", err)
	}
	defer func() { _ = db.Close() }()
	metrics, err := json.Marshal(nonNil(row.Metrics))
	if err != nil {
		return fmt.Errorf("writing training metadata: %w", err)
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("writing training metadata to %s: %w", path, err)
	}
	_, err = db.ExecContext(ctx, `INSERT OR REPLACE INTO MLTrainingMetadata
		(TrainingJobName, ModelVersion, Metrics, Timestamp, Status, DataVersion, Reason) VALUES (?,?,?,?,?,?,?)`,
		row.TrainingJobName, row.ModelVersion, string(metrics), row.Timestamp.UTC().Format(time.RFC3339Nano),
		row.Status, row.DataVersion, row.Reason)
	if err != nil {
		return fmt.Errorf("writing training metadata to %s: %w", path, err)
	}
	return nil
}

// Rows reads the table, oldest first.
func Rows(ctx context.Context, path string) ([]Row, error) {
	db, err := OpenSQLite(path)
	if err != nil {
		return nil, fmt.Errorf("reading training metadata: %w", err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, `SELECT TrainingJobName, ModelVersion, Metrics, Timestamp, Status, DataVersion,
		Reason FROM MLTrainingMetadata ORDER BY Timestamp, TrainingJobName`)
	if err != nil {
		return nil, fmt.Errorf("reading training metadata from %s: %w", path, err)
	}
	defer func() { _ = rows.Close() }()
	var all []Row
	for rows.Next() {
		var r Row
		var metrics, at string
		if err := rows.Scan(&r.TrainingJobName, &r.ModelVersion, &metrics, &at, &r.Status, &r.DataVersion,
			&r.Reason); err != nil {
			return nil, fmt.Errorf("reading training metadata from %s: %w", path, err)
		}
		if err := json.Unmarshal([]byte(metrics), &r.Metrics); err != nil {
			return nil, fmt.Errorf("reading the metrics of %s from %s: %w", r.TrainingJobName, path, err)
		}
		if r.Timestamp, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return nil, fmt.Errorf("reading the time of %s from %s: %w", r.TrainingJobName, path, err)
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
