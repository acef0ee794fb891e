// Package csvfile reads the rows of one CSV file as typed values and tells two kinds of trouble apart: a bad row, which
// is reported and left out, and a bad file, which stops the reading.
package csvfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/parallel"
)

// MaxRecordBytes bounds one record. A quote that is never closed would otherwise swallow the rest of a file.
const MaxRecordBytes = 16 << 20

// FileError says why a whole file cannot be used, and what to do about it.
type FileError struct {
	// File is its name in the raw zone.
	File string
	// Line counted from 1; 0 where the trouble has no line.
	Line int
	// Reason is what is wrong.
	Reason string
	// Advice is what to do.
	Advice string
}

// Error formats the error as "file:line: reason; advice".
func (e *FileError) Error() string {
	where := e.File
	if e.Line > 0 {
		where = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	return fmt.Sprintf("%s: %s; %s", where, e.Reason, e.Advice)
}

// Row is one good row.
type Row struct {
	// Line of the file on which it begins, counted from 1.
	Line int
	// Values, one for each column of the pipeline in its order; see Parse. The slice is used again for the next
	// row; a text may hold the memory of the whole row.
	Values []cell.Value
}

// Bad is one row that cannot be used.
type Bad struct {
	// Line of the file on which it begins, counted from 1.
	Line int
	// Column that is wrong; empty where the whole row is.
	Column string
	// Value that was found.
	Value string
	// Reason says what is wrong with it.
	Reason string
}

// Reader reads one file. Close it.
type Reader struct {
	file    string
	csv     *csv.Reader
	guard   *guard
	columns []pipeline.Column
	index   []int // where each column stands in a record
	width   int   // fields of the header
	ignored []string
	line    int // of the last record that was read
	row     Row
	ahead   *parallel.Relay[*batch]
	batch   *batch // at hand; nil before the first and behind the last
}

// NewReader reads the header of a file and maps it to the columns. The error is a *FileError where the content is to
// blame.
func NewReader(file string, r io.Reader, columns []pipeline.Column) (*Reader, error) {
	g := &guard{r: r, left: MaxRecordBytes, plain: true}
	buffered := bufio.NewReaderSize(g, 1<<16)
	start, err := buffered.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if bytes.Equal(start, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3) // the byte order mark that spreadsheets put in front
	}
	if bytes.HasPrefix(start, []byte("\xff\xfe")) || bytes.HasPrefix(start, []byte("\xfe\xff")) {
		return nil, &FileError{File: file, Line: 1, Reason: "this is UTF-16 text", Advice: "save the file as UTF-8"}
	}
	reader := &Reader{file: file, csv: csv.NewReader(buffered), guard: g, columns: columns}
	reader.csv.FieldsPerRecord = -1 // a row of another width is a bad row, not a bad file
	reader.csv.ReuseRecord = true
	reader.row.Values = make([]cell.Value, len(columns))
	if err := reader.header(); err != nil {
		return nil, err
	}
	reader.begin()
	return reader, nil
}

// Close ends the reading. Call it once.
func (r *Reader) Close() { r.ahead.Stop() }

// Ignored lists the columns of the file that the pipeline does not name.
func (r *Reader) Ignored() []string { return r.ignored }

// Read returns the next row: a good one or a bad one. io.EOF ends the file; a *FileError means that the rest of it
// cannot be trusted.
func (r *Reader) Read() (*Row, *Bad, error) {
	for r.batch == nil || r.batch.at == len(r.batch.records) {
		if r.batch != nil {
			r.ahead.Give(r.batch)
		}
		var ok bool
		if r.batch, ok = r.ahead.Next(); !ok {
			return nil, nil, io.EOF
		}
	}
	record, fields := r.batch.next()
	switch {
	case record.err != nil:
		return nil, nil, record.err
	case record.bad != nil:
		return nil, record.bad, nil
	case len(fields) != r.width:
		return r.wrongWidth(record.line, fields)
	}
	return r.typed(record.line, fields)
}

// wrongWidth judges a row of another width than the header. One that spans lines has most likely swallowed good rows
// through a quote that was not closed, and then no later row can be trusted.
func (r *Reader) wrongWidth(line int, record []string) (*Row, *Bad, error) {
	text := strings.Join(record, ",")
	if strings.Contains(text, "\n") {
		return nil, nil, &FileError{File: r.file, Line: line, Reason: notClosed, Advice: closeIt}
	}
	return nil, &Bad{Line: line, Value: text,
		Reason: fmt.Sprintf("wrong number of fields: %d, the header has %d", len(record), r.width)}, nil
}

func (r *Reader) typed(line int, record []string) (*Row, *Bad, error) {
	for i := range r.columns {
		text := record[r.index[i]]
		value, reason := Parse(&r.columns[i], text)
		if reason != "" {
			return nil, &Bad{Line: line, Column: r.columns[i].Name, Value: text, Reason: reason}, nil
		}
		r.row.Values[i] = value
	}
	r.row.Line = line
	return &r.row, nil, nil
}

func (r *Reader) header() error {
	r.guard.left = MaxRecordBytes
	record, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return &FileError{File: r.file, Reason: "the file is empty",
			Advice: "give it a header line and rows, or remove it"}
	}
	if err != nil {
		return r.fileError(err)
	}
	r.line, _ = r.csv.FieldPos(0)
	if err := r.checkText(record); err != nil {
		return err
	}
	at := map[string]int{}
	var twice string
	for i, name := range record {
		name = strings.TrimSpace(name)
		if _, ok := at[name]; ok {
			twice = name
		}
		at[name] = i
	}
	return r.match(record, at, twice)
}

// match finds each column of the pipeline in the header.
func (r *Reader) match(record []string, at map[string]int, twice string) error {
	var absent []string
	wanted := map[string]bool{}
	for _, c := range r.columns {
		i, ok := at[c.Name]
		if !ok {
			absent = append(absent, c.Name)
		}
		if c.Name == twice {
			return &FileError{File: r.file, Line: r.line, Reason: fmt.Sprintf("the column %q stands in the header twice", twice),
				Advice: "rename or remove one of them"}
		}
		r.index = append(r.index, i)
		wanted[c.Name] = true
	}
	if len(absent) > 0 {
		return &FileError{File: r.file, Line: r.line, Reason: "the header lacks " + quoted(absent), Advice: advice(record)}
	}
	for _, name := range record {
		if name = strings.TrimSpace(name); !wanted[name] {
			r.ignored = append(r.ignored, name)
		}
	}
	r.width = len(record)
	return nil
}

// advice guesses why a header lacks columns.
func advice(record []string) string {
	for _, separator := range []string{";", "\t", "|"} {
		if len(record) == 1 && strings.Contains(record[0], separator) {
			return fmt.Sprintf("its fields seem to be separated by %q: save it with commas", separator)
		}
	}
	return "it has " + quoted(record) + ": name the columns as in source.columns of pipeline.yaml, or change pipeline.yaml"
}

func quoted(names []string) string {
	const most = 8
	var words []string
	for i, name := range names {
		if i == most {
			words = append(words, fmt.Sprintf("and %d more", len(names)-most))
			break
		}
		words = append(words, fmt.Sprintf("%q", clip(name)))
	}
	return strings.Join(words, ", ")
}

// clip shortens a value for a message.
func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// checkText refuses what no text file holds.
func (r *Reader) checkText(record []string) error {
	if r.guard.plain {
		return nil
	}
	for i, field := range record {
		line, _ := r.csv.FieldPos(i)
		if !utf8.ValidString(field) {
			return &FileError{File: r.file, Line: line, Reason: fmt.Sprintf("%q is not UTF-8 text", clip(field)),
				Advice: "save the file as UTF-8"}
		}
		if strings.ContainsRune(field, 0) {
			return &FileError{File: r.file, Line: line, Reason: "it holds a zero byte, so it is no CSV",
				Advice: "export it as CSV (UTF-8, separated by commas)"}
		}
	}
	return nil
}

func (r *Reader) fileError(err error) error {
	var parse *csv.ParseError
	switch {
	case errors.Is(r.guard.err, errTooLong):
		return &FileError{File: r.file, Line: r.line + 1,
			Reason: fmt.Sprintf("a row is longer than %d MiB", MaxRecordBytes>>20),
			Advice: "look for a quote that is not closed"}
	case errors.As(err, &parse):
		return &FileError{File: r.file, Line: parse.StartLine, Reason: notClosed, Advice: closeIt}
	default:
		return fmt.Errorf("reading %s: %w", r.file, err)
	}
}

const (
	notClosed = "a quote that opens here is not closed properly"
	closeIt   = "close it, or double each quote inside a quoted field"
)

var errTooLong = errors.New("record too long")

// guard fails when more than left bytes are read before the next record is asked for.
type guard struct {
	r     io.Reader
	left  int
	err   error
	plain bool // all bytes so far are ASCII and not zero, so that no field needs a closer look
}

// Read implements io.Reader.
func (g *guard) Read(p []byte) (int, error) {
	if g.left <= 0 {
		g.err = errTooLong
		return 0, g.err
	}
	n, err := g.r.Read(p)
	g.left -= n
	for _, b := range p[:n] {
		if b-1 >= 0x7f { // zero, or beyond ASCII
			g.plain = false
			break
		}
	}
	return n, err
}
