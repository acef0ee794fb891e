package features

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/metadata"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
	"github.com/mlpathway/mlpathway/training-image/step"
)

const onlineSchema = `CREATE TABLE IF NOT EXISTS features (
	key      TEXT PRIMARY KEY,
	features TEXT NOT NULL,
	updated  TEXT NOT NULL
) WITHOUT ROWID`

// materialize replaces the rows of the online store by the new feature set, in one transaction: a reader sees all of
// the old rows or all of the new ones. features is a JSON object of the inputs; a missing value is null.
func (f *features) materialize(ctx context.Context, r *result) error {
	if f.Online == "" {
		return nil
	}
	if f.Spec.Source.Key == "" {
		f.Say("note: the online store stays empty, because source.key of pipeline.yaml names no key")
		return nil
	}
	if !strings.HasPrefix(f.Online, "sqlite:") {
		return f.fillDocuments(ctx, r)
	}
	path, err := step.FilePath("sqlite", f.Online)
	if err != nil {
		return fmt.Errorf("filling the online store: %w", err)
	}
	db, err := metadata.OpenSQLite(path)
	if err != nil {
		return fmt.Errorf("filling the online store: %w", err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("filling the online store %s: %w", path, err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	if err := r.insert(ctx, tx); err != nil {
		return fmt.Errorf("filling the online store %s: %w", path, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("filling the online store %s: %w", path, err)
	}
	f.Say("the online store holds %d rows", r.rows)
	return nil
}

func (r *result) insert(ctx context.Context, tx *sql.Tx) error {
	for _, query := range []string{onlineSchema, "DELETE FROM features"} {
		if _, err := tx.ExecContext(ctx, query); err != nil {
			return err
		}
	}
	insert, err := tx.PrepareContext(ctx, "INSERT INTO features (key, features, updated) VALUES (?, ?, ?)")
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	now := time.Now().UTC().Format(time.RFC3339Nano)
	return r.each(func(key, features string) error {
		_, err := insert.ExecContext(ctx, key, features, now)
		return err
	})
}

// each gives the key of every row, and its inputs as a JSON object.
func (r *result) each(do func(key, features string) error) error {
	key, inputs := 0, []onlineInput(nil)
	begin := func(columns []string) error {
		for i, name := range columns {
			switch name {
			case r.spec.Source.Key:
				key = i
			case r.spec.Label, r.spec.Weight, registry.SplitColumn, registry.FoldColumn:
			default:
				quoted, err := json.Marshal(name)
				if err != nil {
					return err
				}
				inputs = append(inputs, onlineInput{column: i, name: string(quoted)})
			}
		}
		return nil
	}
	var text []byte
	return parquetfile.Read(r.path, begin, func(row []cell.Value) error {
		text = appendObject(text[:0], inputs, row)
		return do(row[key].String(), string(text))
	})
}

// onlineInput is one input of a row: its place and its name as JSON.
type onlineInput struct {
	column int
	name   string
}

// appendObject writes the inputs of a row as a JSON object in their order. They are finite numbers or missing.
func appendObject(text []byte, inputs []onlineInput, row []cell.Value) []byte {
	for i, input := range inputs {
		text = append(text, "{,"[min(i, 1)])
		text = append(append(text, input.name...), ':')
		if x := row[input.column]; x.Kind() == cell.Float {
			text = x.Append(text)
		} else {
			text = append(text, "null"...)
		}
	}
	return append(text, '}')
}
