package csvfile

import (
	"encoding/csv"
	"errors"
	"io"

	"github.com/mlpathway/mlpathway/training-image/parallel"
)

// Records are read beside whoever asks for rows, and handed over in batches.
const (
	batchRecords = 256
	batchBytes   = 1 << 20 // of the file, after which a batch is not filled up
	batchesAhead = 4
)

// batch is records that were read together.
type batch struct {
	records []record
	fields  []string // of all of them
	at      int      // the record that is next
	field   int      // its first field
}

// record is one of a file: its fields, or what is wrong with it, or why the reading ends.
type record struct {
	line, fields int
	bad          *Bad
	err          error
}

func (b *batch) next() (record, []string) {
	r := b.records[b.at]
	fields := b.fields[b.field : b.field+r.fields]
	b.at, b.field = b.at+1, b.field+r.fields
	return r, fields
}

// begin begins to read records.
func (r *Reader) begin() {
	batches := make([]*batch, batchesAhead)
	for i := range batches {
		batches[i] = &batch{}
	}
	r.ahead = parallel.NewRelay(batches...)
	go func() {
		defer r.ahead.End()
		for more := true; more; {
			b, ok := r.ahead.Take()
			if !ok {
				return
			}
			more = r.fill(b)
			r.ahead.Pass(b)
		}
	}()
}

// fill reads a batch of records and tells whether there are more.
func (r *Reader) fill(b *batch) (more bool) {
	b.records, b.fields, b.at, b.field = b.records[:0], b.fields[:0], 0, 0
	for begun := r.csv.InputOffset(); len(b.records) < batchRecords && r.csv.InputOffset()-begun < batchBytes; {
		fields, bad, err := r.record()
		if errors.Is(err, io.EOF) {
			return false
		}
		b.records = append(b.records, record{r.line, len(fields), bad, err})
		b.fields = append(b.fields, fields...)
		if err != nil {
			return false
		}
	}
	return true
}

// record reads one record.
func (r *Reader) record() ([]string, *Bad, error) {
	r.guard.left = MaxRecordBytes
	fields, err := r.csv.Read()
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil, io.EOF
	case errors.As(err, &parse) && parse.StartLine == parse.Line && !errors.Is(r.guard.err, errTooLong):
		return nil, &Bad{Line: parse.StartLine, Reason: "a quote stands in the wrong place"}, nil
	case err != nil:
		return nil, nil, r.fileError(err)
	}
	r.line, _ = r.csv.FieldPos(0)
	return fields, nil, r.checkText(fields)
}
