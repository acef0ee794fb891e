package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/lake"
)

// Format of the rows to predict.
type Format string

// The formats.
const (
	Parquet   Format = "parquet"
	CSV       Format = "csv"
	JSONLines Format = "jsonl"
)

// formatOf knows a format by the ending of a name.
func formatOf(name string) (Format, error) {
	switch strings.ToLower(path.Ext(name)) {
	case ".parquet":
		return Parquet, nil
	case ".csv":
		return CSV, nil
	case ".jsonl", ".ndjson":
		return JSONLines, nil
	default:
		return "", fmt.Errorf("the input %q: want a name ending in .parquet, .csv, .jsonl or .ndjson", name)
	}
}

// splitURI divides the URI of an object into that of its folder and its key there.
func splitURI(uri string) (zone, key string, err error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || path.Base(u.Path) == "/" || path.Base(u.Path) == "." {
		return "", "", fmt.Errorf("the input %q is no URI such as file:///data/rows.csv", uri)
	}
	key = path.Base(u.Path)
	if u.Scheme == "file" {
		u.Path = path.Dir(u.Path)
		return u.String(), key, nil
	}
	key, u.Path = strings.TrimPrefix(u.Path, "/"), "" // a bucket is opened whole
	return u.String(), key, nil
}

// chunk is a piece of the input and its predictions. Chunks go round, so that a run has no more of them for
// ten million rows than for one.
type chunk struct {
	// end is the position behind the chunk: a row of a Parquet file, a byte of a text. A run can go on from there.
	end     int64
	text    []byte // that the rows are decoded from
	n       int
	values  []float32       // one row after the other, NaN where missing
	keys    []parquet.Value // empty where there is no key
	missing int64           // rows without a value for an input that is not optional
	out     []float32       // the predictions
	err     error
}

// reset empties the chunk and keeps its memory.
func (c *chunk) reset() {
	c.n, c.missing, c.err = 0, 0, nil
	c.text, c.values, c.keys, c.out = c.text[:0], c.values[:0], c.keys[:0], c.out[:0]
}

// source reads the chunks of an input from a position on.
type source interface {
	// next reads the next chunk; io.EOF behind the last one.
	next(c *chunk) error
	// decode makes rows of what next has read; it may run in parallel with itself and with next.
	decode(c *chunk) error
	close()
}

// countMissing counts rows that lack a value which is not optional.
func (c *chunk) countMissing(m *model.Model) {
	inputs := m.Manifest.Inputs
	for i := range c.n {
		for j, x := range c.values[i*len(inputs) : (i+1)*len(inputs)] {
			if x != x && !inputs[j].Optional {
				c.missing++
				break
			}
		}
	}
}

// input is what is to be predicted: an object of a zone.
type input struct {
	zone   *lake.Zone
	key    string
	format Format

	chunkBytes int // of a text
}

// open opens the input at a position; the node is that of the key's column, nil where there is none.
func (in *input) open(ctx context.Context, m *model.Model, keyName string, at int64) (source, parquet.Node, error) {
	if in.format == Parquet {
		return openParquet(ctx, in, m, keyName, at)
	}
	s, err := openText(ctx, in, m, keyName, at)
	if err != nil {
		return nil, nil, err
	}
	if keyName == "" {
		return s, nil, nil
	}
	return s, parquet.Optional(parquet.String()), nil
}

// isEnd reports whether an error is the end of the input.
func isEnd(err error) bool { return errors.Is(err, io.EOF) }
