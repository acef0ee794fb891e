package batch

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/inference-image/protocol"
	"github.com/mlpathway/mlpathway/internal/lake"
)

// maxLine bounds the memory that a line can take.
const maxLine = 16 << 20

// textSource reads CSV with a header line, or JSON Lines of objects.
type textSource struct {
	m       *model.Model
	format  Format
	keyName string
	reader  io.ReadCloser
	at      int64 // bytes that were given out, from the beginning of the object
	rest    []byte
	ended   bool
	columns []int // by column of a CSV: which input it is, -1 for none
	key     int   // the key's column of a CSV, -1 for none
	least   int   // bytes are given out at once, and on to the end of the line
}

func openText(ctx context.Context, in *input, m *model.Model, keyName string, at int64) (*textSource, error) {
	s := &textSource{m: m, format: in.format, keyName: keyName, key: -1, least: in.chunkBytes}
	if in.format == CSV {
		if err := s.readHeader(ctx, in); err != nil {
			return nil, err
		}
	}
	s.at = max(s.at, at)
	reader, err := in.zone.NewReaderAt(ctx, in.key, s.at)
	if errors.Is(err, lake.ErrNotFound) {
		err = fmt.Errorf("%w; the input is gone", err)
	}
	s.reader = reader
	return s, err
}

// readHeader finds the columns by the first line.
func (s *textSource) readHeader(ctx context.Context, in *input) error {
	reader, err := in.zone.NewReader(ctx, in.key)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	head := &textSource{reader: reader}
	line, err := head.lines(nil, 1)
	if err != nil && !isEnd(err) {
		return err
	}
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end+1]
	}
	s.at = int64(len(line))
	names, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(line, []byte("\ufeff")))).Read()
	if err != nil {
		return fmt.Errorf("the input: line 1: want the names of the columns: %w", err)
	}
	seen := make([]bool, s.m.Inputs())
	for i, name := range names {
		name = strings.TrimSpace(name)
		at := s.m.Input([]byte(name))
		s.columns = append(s.columns, at)
		if at >= 0 {
			seen[at] = true
		}
		if name == s.keyName && name != "" {
			s.key = i
		}
	}
	for i, found := range seen {
		if !found {
			return noColumn(s.m, i)
		}
	}
	if s.keyName != "" && s.key < 0 {
		return fmt.Errorf("the input has no column %q, which is the key", s.keyName)
	}
	return nil
}

func (s *textSource) close() { _ = s.reader.Close() }

// lines reads at least so many bytes, and on to the end of a line that is not inside quotation marks, into the memory
// of data.
func (s *textSource) lines(data []byte, least int) ([]byte, error) {
	data = append(data[:0], s.rest...)
	s.rest = s.rest[:0]
	for looked := least - 1; ; {
		for looked < len(data) {
			end := bytes.IndexByte(data[looked:], '\n')
			if end < 0 {
				looked = len(data)
				break
			}
			looked += end + 1
			if s.format == JSONLines || bytes.Count(data[:looked], []byte{'"'})%2 == 0 {
				s.rest = append(s.rest[:0], data[looked:]...)
				return data[:looked], nil
			}
		}
		switch {
		case s.ended && len(data) == 0:
			return nil, io.EOF
		case s.ended && s.format == CSV && bytes.Count(data, []byte{'"'})%2 != 0:
			return nil, errors.New("the input ends inside quotation marks")
		case s.ended:
			return data, nil
		case len(data) > least+maxLine:
			return nil, fmt.Errorf("the input has a line of more than %d MiB", maxLine>>20)
		}
		var err error
		if data, err = s.more(data, max(64<<10, least+(64<<10)-len(data))); err != nil {
			return nil, err
		}
	}
}

// more appends so many bytes of the input, or what is left of it.
func (s *textSource) more(data []byte, n int) ([]byte, error) {
	start := len(data)
	data = slices.Grow(data, n)[:start+n]
	n, err := io.ReadFull(s.reader, data[start:])
	if err != nil && !isEnd(err) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("reading the input: %w", err)
	}
	s.ended = err != nil
	return data[:start+n], nil
}

func (s *textSource) next(c *chunk) (err error) {
	if c.text, err = s.lines(c.text, s.least); err != nil {
		return err
	}
	s.at += int64(len(c.text))
	c.end = s.at
	return nil
}

func (s *textSource) decode(c *chunk) error {
	if err := s.decodeLines(c, c.text); err != nil {
		return fmt.Errorf("the input, in the lines from byte %d on: %w", c.end-int64(len(c.text)), err)
	}
	c.countMissing(s.m)
	return nil
}

func (s *textSource) decodeLines(c *chunk, data []byte) error {
	switch {
	case s.format == JSONLines:
		return s.decodeJSON(c, data)
	case bytes.IndexByte(data, '"') < 0:
		return s.decodePlain(c, data)
	}
	lines := csv.NewReader(bytes.NewReader(data))
	lines.ReuseRecord, lines.FieldsPerRecord = true, len(s.columns)
	for {
		fields, err := lines.Read()
		if isEnd(err) {
			return nil
		}
		if err == nil {
			err = s.add(c, fields)
		}
		if err != nil {
			return err
		}
	}
}

// decodePlain reads CSV without a quotation mark.
func (s *textSource) decodePlain(c *chunk, data []byte) error {
	fields := make([]string, 0, len(s.columns))
	text := unsafe.String(unsafe.SliceData(data), len(data))
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		fields = fields[:0]
		for at := strings.IndexByte(line, ','); at >= 0; at = strings.IndexByte(line, ',') {
			fields = append(fields, line[:at])
			line = line[at+1:]
		}
		if fields = append(fields, line); len(fields) != len(s.columns) {
			return fmt.Errorf("row %d there has %d fields, the header %d", c.n, len(fields), len(s.columns))
		}
		if err := s.add(c, fields); err != nil {
			return err
		}
	}
	return nil
}

// add appends a row of a CSV.
func (s *textSource) add(c *chunk, fields []string) error {
	start := len(c.values)
	for range s.m.Inputs() {
		c.values = append(c.values, float32(math.NaN()))
	}
	for i, field := range fields {
		if i == s.key {
			c.keys = append(c.keys, key(strings.Clone(field)))
		}
		at := s.columns[i]
		if at < 0 || protocol.Missing(field) {
			continue
		}
		x, err := protocol.FromText(&s.m.Manifest.Inputs[at], field, c.n)
		if err != nil {
			return err
		}
		c.values[start+at] = x
	}
	c.n++
	return nil
}

// key is the key of a row that came as text; empty is missing.
func key(text string) parquet.Value {
	if text == "" {
		return parquet.NullValue()
	}
	return parquet.ByteArrayValue([]byte(text)).Level(0, 1, 0)
}

func (s *textSource) decodeJSON(c *chunk, data []byte) error {
	var q protocol.Rows
	for line := range bytes.Lines(data) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		name, err := q.ReadRecord(line, s.m, s.keyName, c.n)
		if err != nil {
			return err
		}
		c.values = append(c.values, q.Values...)
		if s.keyName != "" {
			c.keys = append(c.keys, key(name))
		}
		c.n++
	}
	return nil
}
