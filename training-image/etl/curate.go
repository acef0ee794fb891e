package etl

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/csvfile"
	"github.com/mlpathway/mlpathway/training-image/extsort"
	"github.com/mlpathway/mlpathway/training-image/parallel"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
	"github.com/mlpathway/mlpathway/training-image/source"
)

// sortMemoryBytes is how much memory the rows may take before they go to temporary files.
const sortMemoryBytes = 128 << 20

// rowsBetweenChecks is how often a long loop looks whether it has been stopped.
const rowsBetweenChecks = 4096

// curate reads all files and writes the objects of the data version.
func (e *etl) curate(ctx context.Context) error {
	q, err := newQuarantine(filepath.Join(e.dir, QuarantineFile))
	if err != nil {
		return err
	}
	defer q.close()
	sorter := extsort.New(e.dir, sortMemoryBytes)
	defer sorter.Close()
	for i := range e.files {
		if err := e.readFile(ctx, i, sorter, q); err != nil {
			return err
		}
	}
	if err := e.writeRows(ctx, sorter, q); err != nil {
		return err
	}
	rows := &e.Record.Rows
	rows.Quarantined = q.rows
	e.Say("%d rows read from %d file(s): %d accepted, %d quarantined, %d replaced by newer rows",
		rows.Read, len(e.files), rows.Accepted, rows.Quarantined, rows.Replaced)
	if err := e.publishReport(ctx, q); err != nil {
		return err
	}
	if err := e.judge(q); err != nil {
		return err
	}
	return e.publishRows(ctx)
}

// judge refuses data that is mostly wrong, or not there.
func (e *etl) judge(q *quarantine) error {
	rows := e.Record.Rows
	switch {
	case rows.Read == 0:
		return fmt.Errorf("%w: the files in %s have a header and no rows", ErrNothing, e.Raw)
	case 2*rows.Quarantined > rows.Read:
		return fmt.Errorf("%d of %d rows are bad, which is more than half; most often: %s; every one of them is listed "+
			"in %s of %s: mend the files or source.columns of pipeline.yaml", rows.Quarantined, rows.Read,
			q.most(3), e.key(QuarantineFile), e.Curated)
	default:
		return nil
	}
}

// readFile reads one file; its rows go to the sorter or into quarantine. Newer files have a higher index.
func (e *etl) readFile(ctx context.Context, index int, sorter *extsort.Sorter, q *quarantine) error {
	file := e.files[index]
	reader, err := source.Open(ctx, e.raw, file.Key, &e.Spec.Source)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	before, bad := e.Record.Rows.Read, q.rows
	err = parallel.Pipe(func(emit func(judged) bool) error { return e.judgeRows(ctx, reader, index, emit) },
		func(row judged) error {
			e.Record.Rows.Read++
			if row.wrong != nil {
				return q.add(file.Key, row.wrong)
			}
			return sorter.Add(row.record)
		})
	if err != nil {
		return err
	}
	for _, name := range reader.Ignored() {
		e.note("%s: the column %q is ignored: pipeline.yaml does not name it", file.Key, name)
	}
	e.report.Files = append(e.report.Files, fileReport{Name: file.Key, SizeBytes: file.SizeBytes,
		Modified: file.Modified.UTC(), Rows: e.Record.Rows.Read - before, Bad: q.rows - bad})
	return nil
}

// judged is a row for the sorter, or what is wrong with it.
type judged struct {
	record extsort.Record
	wrong  *csvfile.Bad
}

// judgeRows reads a file to its end; emit tells whether to go on.
func (e *etl) judgeRows(ctx context.Context, reader source.Reader, index int, emit func(judged) bool) error {
	changed := streaks{}
	key := e.keyIndex()
	for n := 0; ; n++ {
		if n%rowsBetweenChecks == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row, wrong, err := reader.Read()
		var more bool
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case wrong != nil:
			more, err = emit(judged{wrong: wrong}), changed.bad(e.files[index].Key, wrong)
		default:
			changed.good(row, e.Spec.Source.Columns)
			more = emit(judged{record: record(row, key, uint32(index))})
		}
		if err != nil || !more {
			return err
		}
	}
}

// streak counts values of a column that are wrong in the same way, one after the other.
type streak struct {
	first csvfile.Bad
	rows  int
}

// streaks are those of a file by column; rows that are wrong as a whole have the column "".
type streaks map[string]*streak

// longStreak is a number of rows that no typing error explains.
const longStreak = 1000

// good ends the streaks of the columns that have a value in a good row. One that is missing says nothing about the
// type.
func (s streaks) good(row *csvfile.Row, columns []pipeline.Column) {
	for name := range s {
		i := slices.IndexFunc(columns, func(c pipeline.Column) bool { return c.Name == name })
		if i < 0 || row.Values[i].Kind() != cell.Missing {
			delete(s, name)
		}
	}
}

// bad refuses a file of which a column has changed: rows that are thrown away from some line on would be missed in the
// model without anybody noticing.
func (s streaks) bad(file string, bad *csvfile.Bad) error {
	one := s[bad.Column]
	if one == nil || one.first.Reason != bad.Reason {
		one = &streak{first: *bad}
		s[bad.Column] = one
	}
	if one.rows++; one.rows < longStreak {
		return nil
	}
	what := "every row"
	if bad.Column != "" {
		what = fmt.Sprintf("column %q", bad.Column)
	}
	return &csvfile.FileError{File: file, Line: one.first.Line,
		Reason: fmt.Sprintf("from here on %s is %s, the first time %.100q, in %d rows one after the other", what, bad.Reason,
			one.first.Value, one.rows),
		Advice: "has the column changed its type? correct the file, or change source.columns of pipeline.yaml"}
}

// record makes a row sortable: by key, the newest file first, in a file by line. Rows without a key are sorted by
// what they hold.
func record(row *csvfile.Row, key int, file uint32) extsort.Record {
	out := make([]byte, 0, 10*len(row.Values)+16)
	if key < 0 {
		return extsort.Record{Key: encode(out, row.Values)}
	}
	out = sortKey(out, row.Values[key])
	n := len(out)
	out = encode(out, row.Values)
	return extsort.Record{Key: out[:n:n], Order: uint64(^file)<<32 | uint64(uint32(row.Line)), Payload: out[n:]}
}

// keyIndex is the place of the key among the columns, -1 without a key.
func (e *etl) keyIndex() int {
	return slices.IndexFunc(e.Spec.Source.Columns, func(c pipeline.Column) bool {
		return c.Name == e.Spec.Source.Key
	})
}

// writeRows writes the accepted rows in the order of their keys to a temporary file and computes the data version.
func (e *etl) writeRows(ctx context.Context, sorter *extsort.Sorter, q *quarantine) (err error) {
	file, err := os.Create(filepath.Join(e.dir, RowsFile))
	if err != nil {
		return fmt.Errorf("writing curated rows: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out, err := parquetfile.NewWriter(file, columns(e.Spec))
	if err != nil {
		return fmt.Errorf("writing curated rows: %w", err)
	}
	defer func() { _ = out.Close() }()
	e.statistics = newStatistics(e.Spec.Source.Columns)
	w := &winners{etl: e, ctx: ctx, out: out, block: out.Block(), quarantine: q, sum: newSum(e.Spec),
		keyed: e.keyIndex() >= 0}
	if err := sorter.Each(w.take); err != nil {
		return err
	}
	if err := w.write(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("writing curated rows: %w", err)
	}
	e.Record.DataVersion = hex.EncodeToString(w.sum.Sum(nil))
	e.statistics.finish()
	for i := range e.statistics.Columns {
		if c := &e.statistics.Columns[i]; w.Record.Rows.Accepted > 1 && c.says() != "" {
			e.note("the column %q %s", c.Name, c.says())
		}
	}
	return nil
}

// winners takes the sorted rows and accepts the newest one of each key.
type winners struct {
	*etl
	ctx        context.Context
	out        *parquetfile.Writer
	block      *cell.Block // of accepted rows
	quarantine *quarantine
	sum        hash.Hash
	keyed      bool
	seen       int
	key        []byte // of the last row
	file       uint32 // of the last row
	decoder    decoder
}

func (w *winners) take(r extsort.Record) error {
	if w.seen++; w.seen%rowsBetweenChecks == 0 && w.ctx.Err() != nil {
		return w.ctx.Err()
	}
	file := ^uint32(r.Order >> 32)
	if w.keyed && w.seen > 1 && string(w.key) == string(r.Key) {
		return w.again(r, file)
	}
	payload := r.Payload
	if !w.keyed {
		payload = r.Key
	}
	w.key, w.file = append(w.key[:0], r.Key...), file
	w.Record.Rows.Accepted++
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(payload)))
	_, _ = w.sum.Write(length[:])
	_, _ = w.sum.Write(payload)
	w.decoder.decode(payload, w.block)
	if !w.block.Full() {
		return nil
	}
	return w.write()
}

// again deals with a row that has the key of the one before.
func (w *winners) again(r extsort.Record, file uint32) error {
	sameFile := file == w.file
	w.file = file
	if !sameFile {
		w.Record.Rows.Replaced++
		return nil
	}
	at := w.block.Rows
	w.decoder.decode(r.Payload, w.block)
	key := w.block.Column(w.keyIndex())[at].String()
	w.block.Rows = at // the row was there to be read alone
	return w.quarantine.add(w.files[file].Key, &csvfile.Bad{Line: int(uint32(r.Order)), Column: w.Spec.Source.Key,
		Value: key, Reason: "the key stands in this file twice; the first row counts"})
}

// write writes the accepted rows at hand.
func (w *winners) write() error {
	w.statistics.add(w.block)
	if err := w.out.WriteBlock(w.block); err != nil {
		return fmt.Errorf("writing curated rows: %w", err)
	}
	w.block = w.out.Block()
	return nil
}

// newSum begins the data version: names and types of the columns belong to it.
func newSum(spec *pipeline.Spec) hash.Hash {
	sum := sha256.New()
	for _, c := range spec.Source.Columns {
		_, _ = fmt.Fprintf(sum, "%q %s\n", c.Name, c.Type)
	}
	return sum
}

func columns(spec *pipeline.Spec) []parquetfile.Column {
	kinds := map[pipeline.Type]parquetfile.Kind{
		pipeline.Float: parquetfile.Double, pipeline.Integer: parquetfile.Integer, pipeline.Boolean: parquetfile.Boolean,
		pipeline.Text: parquetfile.Text, pipeline.Category: parquetfile.Text, pipeline.Timestamp: parquetfile.Timestamp,
	}
	var out []parquetfile.Column
	for _, c := range spec.Source.Columns {
		out = append(out, parquetfile.Column{Name: c.Name, Kind: kinds[c.Type], Optional: c.Optional})
	}
	return out
}
