// Package source reads the files of the raw zone, whatever their format, as rows of typed values.
package source

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/csvfile"
)

// extensions are the ends of the names of the files of a format.
var extensions = map[string][]string{
	pipeline.CSV: {".csv"}, pipeline.JSONLines: {".jsonl", ".ndjson"}, pipeline.Parquet: {".parquet"},
}

// Extensions are the ends of the names of the files of a format.
func Extensions(format string) string { return strings.Join(extensions[format], " or ") }

// List lists the files of a format in the raw zone, and names the objects that are none. Hidden objects and those of
// Spark's bookkeeping (names that begin with _) are neither.
func List(ctx context.Context, raw *lake.Zone, format string) (files []lake.Object, others []string, err error) {
	objects, err := raw.List(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	for _, o := range objects {
		name := strings.ToLower(path.Base(o.Key))
		switch {
		case strings.HasPrefix(name, "_"):
		case slices.Contains(extensions[format], path.Ext(name)):
			files = append(files, o)
		default:
			others = append(others, o.Key)
		}
	}
	return files, others, nil
}

// Reader reads one file. Read returns the next row, a good one or a bad one; io.EOF ends the file; any other error
// means that the rest of it cannot be trusted.
type Reader interface {
	Read() (*csvfile.Row, *csvfile.Bad, error)
	// Ignored lists the columns of the file that the pipeline does not name, as far as they have been seen.
	Ignored() []string
	// Close frees what the reader holds.
	Close() error
}

// Open begins to read a file of the raw zone.
func Open(ctx context.Context, raw *lake.Zone, file string, s *pipeline.Source) (Reader, error) {
	switch s.Format {
	case pipeline.Parquet:
		local, release, err := raw.Fetch(ctx, file)
		if err != nil {
			return nil, gone(err)
		}
		return openParquet(file, local, release, s.Columns)
	case pipeline.JSONLines:
		content, err := raw.NewReader(ctx, file)
		if err != nil {
			return nil, gone(err)
		}
		return newLines(file, content, s.Columns), nil
	default:
		content, err := raw.NewReader(ctx, file)
		if err != nil {
			return nil, gone(err)
		}
		r, err := csvfile.NewReader(file, content, s.Columns)
		if err != nil {
			return nil, errors.Join(err, content.Close())
		}
		return &csvReader{r, content}, nil
	}
}

func gone(err error) error {
	if errors.Is(err, lake.ErrNotFound) {
		return fmt.Errorf("%w (was it removed just now? a new run will start)", err)
	}
	return err
}

type csvReader struct {
	*csvfile.Reader
	content interface{ Close() error }
}

// Close implements Reader.
func (r *csvReader) Close() error {
	r.Reader.Close()
	return r.content.Close()
}
