// Package metadata keeps the table MLTrainingMetadata: one row for each training run and for each trial of a search,
// what came out of it and how good it was. The table lies in a SQLite file, in DynamoDB, in Firestore or in Cosmos DB.
package metadata

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"
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
	// Status is one of the constants below.
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
	Trial       = "trial"  // of a search, measured on the validation rows
	Pruned      = "pruned" // a trial that was ended early
)

// Table is the table, wherever it lies. It is safe for concurrent use.
type Table interface {
	// Put writes a row. A row of the same training job and version is replaced.
	Put(ctx context.Context, row Row) error
	// Rows reads the table, oldest first.
	Rows(ctx context.Context) ([]Row, error)
	// Close releases the table.
	Close() error
}

// Open opens the table at an address:
//
//	sqlite:///data/metadata.db
//	dynamodb://table?partition_key=TrainingJobName&sort_key=ModelVersion
//	firestore://projects/p/databases/(default)/documents/table?name_field=TrainingJobName
//	cosmos://account.documents.azure.com/database/container
//
// The last three are where the program was built with the tag cloud.
func Open(ctx context.Context, address string) (Table, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return nil, fmt.Errorf("opening the metadata table: %q is no address such as sqlite:///data/metadata.db", address)
	}
	var table Table
	switch u.Scheme {
	case "sqlite":
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") {
			return nil, fmt.Errorf("opening the metadata table: %q: want sqlite:// and an absolute path", address)
		}
		table = sqliteTable{path: filepath.FromSlash(u.Path)}
	case "cosmos":
		table, err = openCosmos(u)
	default:
		table, err = openDocuments(ctx, u)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the metadata table %s: %w", u.Redacted(), err)
	}
	return &named{table, u.Redacted()}, nil
}

// named adds to errors what was done where.
type named struct {
	Table
	address string
}

// Put implements Table.
func (n *named) Put(ctx context.Context, row Row) error {
	if err := n.Table.Put(ctx, row); err != nil {
		return fmt.Errorf("writing training metadata to %s: %w", n.address, err)
	}
	return nil
}

// Rows implements Table.
func (n *named) Rows(ctx context.Context) ([]Row, error) {
	rows, err := n.Table.Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading training metadata from %s: %w", n.address, err)
	}
	return rows, nil
}

// Rows reads the table at an address, oldest row first.
func Rows(ctx context.Context, address string) ([]Row, error) {
	t, err := Open(ctx, address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }()
	return t.Rows(ctx)
}

// Put writes one row into the table at an address.
func Put(ctx context.Context, address string, row Row) error {
	t, err := Open(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = t.Close() }()
	return t.Put(ctx, row)
}
