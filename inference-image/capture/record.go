// Package capture keeps what the endpoint was asked and what it answered, for the drift monitor: rows go to files in
// the logs zone in batches, the newest so many files are kept, and a request never waits for the disk.
package capture

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
)

// Prefix is where the files lie in the logs zone: capture/<time>-<n>.jsonl, which sort by time.
const Prefix = "capture/"

// Record is one captured row, one line of a file.
type Record struct {
	// Time of the request.
	Time time.Time `json:"time"`
	// Version of the model that answered.
	Version string `json:"version"`
	// ID that the caller gave the row: the header X-Request-Id, and in a list the number of the row behind a slash.
	// Labels that arrive later name it.
	ID string `json:"id,omitempty"`
	// Unknown names the input of a row that was refused for a category that the model does not know; such a record
	// has nothing else.
	Unknown string `json:"unknown,omitempty"`
	// Features in the order of the model's inputs; null is a missing value.
	Features []*float32 `json:"features"`
	// Prediction is the name of the predicted class, or the predicted number.
	Prediction any `json:"prediction"`
	// Output is what the model computed: the probability of each class, or the predicted number.
	Output []float32 `json:"output"`
}

// append writes an entry as one JSON line.
func (e *entry) append(to []byte, features, output []float32) []byte {
	to = append(to, `{"time":"`...)
	to = e.at.UTC().AppendFormat(to, time.RFC3339Nano)
	to = append(to, `","version":`...)
	to = strconv.AppendQuote(to, e.version) // versions are plain letters, see package registry
	if e.id != "" {
		to = append(append(to, `,"id":"`...), e.id...) // and so are the ids, see package serve
		if e.list {
			to = strconv.AppendInt(append(to, '/'), int64(e.row), 10)
		}
		to = append(to, '"')
	}
	if e.unknown != "" {
		name, err := json.Marshal(e.unknown)
		if err != nil { // any string can be written
			name = []byte(`"?"`)
		}
		return append(append(append(to, `,"unknown":`...), name...), '}', '\n')
	}
	to = append(to, `,"features":`...)
	to = appendNumbers(to, features)
	to = append(to, `,"prediction":`...)
	if e.prediction == nil {
		to = appendNumber(to, output[0])
	} else {
		to = append(to, e.prediction...)
	}
	to = append(to, `,"output":`...)
	to = appendNumbers(to, output)
	return append(to, '}', '\n')
}

func appendNumbers(to []byte, values []float32) []byte {
	to = append(to, '[')
	for i, x := range values {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendNumber(to, x)
	}
	return append(to, ']')
}

func appendNumber(to []byte, x float32) []byte {
	if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
		return append(to, "null"...)
	}
	return strconv.AppendFloat(to, float64(x), 'g', -1, 32)
}

// maxLine bounds the memory that one line of a file can take.
const maxLine = 8 << 20

// Read calls visit for each captured row, oldest file first, and returns how many lines were no records. A file that
// disappears meanwhile was rotated away and is left out.
func Read(ctx context.Context, logs *lake.Zone, visit func(*Record) error) (broken int, err error) {
	files, err := logs.List(ctx, Prefix)
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		n, err := readFile(ctx, logs, f.Key, visit)
		broken += n
		if errors.Is(err, lake.ErrNotFound) {
			continue
		}
		if err != nil {
			return broken, fmt.Errorf("reading captured rows: %s: %w", f.Key, err)
		}
	}
	return broken, nil
}

func readFile(ctx context.Context, logs *lake.Zone, key string, visit func(*Record) error) (broken int, err error) {
	r, err := logs.NewReader(ctx, key)
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Close() }()
	return readLines(r, visit)
}

func readLines(r io.Reader, visit func(*Record) error) (broken int, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var record Record
		if json.Unmarshal(lines.Bytes(), &record) != nil || record.Version == "" ||
			len(record.Output) == 0 && record.Unknown == "" {
			broken++
			continue
		}
		if err := visit(&record); err != nil {
			return broken, err
		}
	}
	return broken, lines.Err()
}
