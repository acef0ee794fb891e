package metadata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"gocloud.dev/docstore"
	"gocloud.dev/gcerrors"
)

// document is a row in a document store. Its fields are the columns.
type document struct {
	TrainingJobName string
	ModelVersion    string
	Metrics         map[string]float64
	Timestamp       string
	Status          string
	DataVersion     string
	Reason          string
}

// noVersion stands for no version: the sort key of DynamoDB must not be empty.
const noVersion = "-"

func toDocument(r Row) *document {
	d := &document{TrainingJobName: r.TrainingJobName, ModelVersion: r.ModelVersion, Metrics: nonNil(r.Metrics),
		Timestamp: r.Timestamp.UTC().Format(time.RFC3339Nano), Status: r.Status, DataVersion: r.DataVersion, Reason: r.Reason}
	if d.ModelVersion == "" {
		d.ModelVersion = noVersion
	}
	return d
}

func (d *document) row() (Row, error) {
	at, err := time.Parse(time.RFC3339Nano, d.Timestamp)
	if err != nil {
		return Row{}, fmt.Errorf("the time of %s: %w", d.TrainingJobName, err)
	}
	r := Row{TrainingJobName: d.TrainingJobName, ModelVersion: d.ModelVersion, Metrics: nonNil(d.Metrics), Timestamp: at,
		Status: d.Status, DataVersion: d.DataVersion, Reason: d.Reason}
	if r.ModelVersion == noVersion {
		r.ModelVersion = ""
	}
	return r, nil
}

// documentTable is the table in a document store of the Go CDK.
type documentTable struct{ rows *docstore.Collection }

func openDocuments(ctx context.Context, u *url.URL) (Table, error) {
	mux := docstore.DefaultURLMux()
	if !mux.ValidCollectionScheme(u.Scheme) {
		known := append([]string{"sqlite"}, mux.CollectionSchemes()...)
		return nil, fmt.Errorf("this program knows the schemes %s alone; build it with -tags cloud for dynamodb, firestore "+
			"and cosmos", strings.Join(known, ", "))
	}
	rows, err := mux.OpenCollectionURL(ctx, u)
	if err != nil {
		return nil, err
	}
	return &documentTable{rows}, nil
}

// Close implements Table.
func (t *documentTable) Close() error { return t.rows.Close() }

// Put implements Table. The row of a run that failed before gives way.
func (t *documentTable) Put(ctx context.Context, row Row) error {
	d := toDocument(row)
	if err := t.rows.Put(ctx, d); err != nil {
		return err
	}
	if d.ModelVersion == noVersion {
		return nil
	}
	// Where the job alone is the key, this is the row that was just written: it has another version then, and stays.
	old := &document{TrainingJobName: d.TrainingJobName, ModelVersion: noVersion}
	err := t.rows.Get(ctx, old)
	if gcerrors.Code(err) == gcerrors.NotFound || err == nil && old.ModelVersion != noVersion {
		return nil
	}
	if err != nil {
		return err
	}
	return t.rows.Delete(ctx, old)
}

// Rows implements Table.
func (t *documentTable) Rows(ctx context.Context) ([]Row, error) {
	found := t.rows.Query().Get(ctx)
	defer found.Stop()
	var all []Row
	for {
		var d document
		err := found.Next(ctx, &d)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		row, err := d.row()
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	sortRows(all)
	return all, nil
}

func sortRows(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.TrainingJobName, b.TrainingJobName))
	})
}
