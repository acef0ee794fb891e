package pipeline

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// CheckData looks at the head of a data file as far as can be told without reading it whole: it must exist and
// look like its format; the header of a CSV file must name every column of the source. It returns the SHA-256 of the
// file.
func CheckData(spec *Spec, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading the data: %w", err)
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	head := bufio.NewReaderSize(io.TeeReader(f, sum), 1<<20)
	if err := checkHeader(spec, path, head); err != nil {
		return "", err
	}
	if _, err := io.Copy(io.Discard, head); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func checkHeader(spec *Spec, path string, head *bufio.Reader) error {
	start, err := head.Peek(1 << 20)
	if len(start) == 0 {
		return fmt.Errorf("%s is empty: want a file of the format %s", path, spec.Source.Format)
	}
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull { //nolint:errorlint // Peek returns these bare
		return fmt.Errorf("reading %s: %w", path, err)
	}
	text := bytes.TrimPrefix(start, []byte("\ufeff"))
	switch {
	case spec.Source.Format == Parquet && !bytes.HasPrefix(start, []byte("PAR1")):
		return fmt.Errorf("%s is no Parquet file", path)
	case spec.Source.Format == JSONLines && !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")):
		return fmt.Errorf("%s: line 1: want one JSON object on each line", path)
	case spec.Source.Format == CSV:
		return checkNames(spec, path, text)
	}
	return nil
}

// checkNames looks for the columns of a pipeline in the first line of a CSV file.
func checkNames(spec *Spec, path string, text []byte) error {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0 {
		return fmt.Errorf("%s is no text: want a CSV file with a header line in UTF-8", path)
	}
	header, err := csv.NewReader(bytes.NewReader(line)).Read()
	if err != nil {
		return fmt.Errorf("%s: line 1: want the names of the columns: %w", path, err)
	}
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	for _, column := range spec.Source.Columns {
		if !slices.Contains(header, column.Name) {
			return fmt.Errorf("%s: line 1: the column %q of source.columns is missing; the header has %s",
				path, column.Name, strings.Join(header, ", "))
		}
	}
	return nil
}
