package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/csvfile"
)

// lines reads JSON Lines: one object on each line, with plain values.
type lines struct {
	file    string
	content io.Closer
	reader  *lineReader
	columns []pipeline.Column
	ignored map[string]bool
	rows    int // that were read
	row     csvfile.Row
}

func newLines(file string, content io.ReadCloser, columns []pipeline.Column) *lines {
	return &lines{file: file, content: content, reader: newLineReader(content), columns: columns,
		ignored: map[string]bool{}, row: csvfile.Row{Values: make([]cell.Value, len(columns))}}
}

// Ignored implements Reader.
func (l *lines) Ignored() []string {
	var names []string
	for name := range l.ignored {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Close implements Reader.
func (l *lines) Close() error { return l.content.Close() }

// Read implements Reader.
func (l *lines) Read() (*csvfile.Row, *csvfile.Bad, error) {
	for {
		line, err := l.reader.next()
		switch {
		case errors.Is(err, io.EOF) && l.rows == 0:
			return nil, nil, l.fail("the file is empty", "give it one JSON object on each line, or remove it")
		case errors.Is(err, io.EOF):
			return nil, nil, io.EOF
		case errors.Is(err, errLong):
			return nil, nil, l.fail(fmt.Sprintf("a line is longer than %d MiB", csvfile.MaxRecordBytes>>20),
				"write one JSON object on each line")
		case err != nil:
			return nil, nil, fmt.Errorf("reading %s: %w", l.file, err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			l.rows++
			return l.parse(line)
		}
	}
}

func (l *lines) fail(reason, advice string) error {
	return &csvfile.FileError{File: l.file, Line: l.reader.number, Reason: reason, Advice: advice}
}

func (l *lines) parse(line []byte) (*csvfile.Row, *csvfile.Bad, error) {
	switch {
	case !utf8.Valid(line):
		return nil, nil, l.fail("it is not UTF-8 text", "save the file as UTF-8")
	case l.rows == 1 && bytes.TrimSpace(line)[0] == '[':
		return nil, nil, l.fail("it is a JSON array",
			"write one JSON object on each line, without brackets and commas around")
	}
	bad := func(column, value, reason string) (*csvfile.Row, *csvfile.Bad, error) {
		return nil, &csvfile.Bad{Line: l.reader.number, Column: column, Value: value, Reason: reason}, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil || object == nil {
		return bad("", string(line), "not a JSON object")
	}
	for i, c := range l.columns {
		text, ok := plain(object[c.Name])
		if !ok {
			return bad(c.Name, string(object[c.Name]), "a list or an object, not a plain value")
		}
		value, reason := csvfile.Parse(&l.columns[i], text)
		if reason != "" {
			return bad(c.Name, text, reason)
		}
		l.row.Values[i] = value
		delete(object, c.Name)
	}
	for name := range object {
		if len(l.ignored) < 100 {
			l.ignored[name] = true
		}
	}
	l.row.Line = l.reader.number
	return &l.row, nil, nil
}

// plain gives the text of a JSON value; empty for null and for one that is not there.
func plain(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 {
		return "", true
	}
	switch raw[0] {
	case '"':
		err := json.Unmarshal(raw, &text)
		return text, err == nil
	case '{', '[':
		return "", false
	case 'n':
		return "", true
	default:
		return string(raw), true
	}
}

var errLong = errors.New("line too long")

// lineReader reads lines of a bounded length.
type lineReader struct {
	r      *bufio.Reader
	number int // of the line that was read last, from 1
	buffer []byte
}

func newLineReader(r io.Reader) *lineReader {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3)
	}
	return &lineReader{r: buffered}
}

// next gives the next line without its end. The slice is used again for the one after.
func (l *lineReader) next() ([]byte, error) {
	l.buffer = l.buffer[:0]
	l.number++
	for {
		part, err := l.r.ReadSlice('\n')
		l.buffer = append(l.buffer, part...)
		switch {
		case len(l.buffer) > csvfile.MaxRecordBytes:
			return nil, errLong
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.buffer) > 0:
			return l.buffer, nil
		case err != nil:
			return nil, err
		default:
			return bytes.TrimSuffix(l.buffer, []byte("\n")), nil
		}
	}
}
