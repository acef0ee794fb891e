package etl

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mlpathway/mlpathway/training-image/csvfile"
)

// quarantine is the file that lists every bad row.
type quarantine struct {
	file    *os.File
	csv     *csv.Writer
	rows    int
	reasons map[reason]int
}

// reason groups bad rows for the report.
type reason struct{ column, text string }

func newQuarantine(path string) (*quarantine, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("writing the quarantine file: %w", err)
	}
	q := &quarantine{file: file, csv: csv.NewWriter(file), reasons: map[reason]int{}}
	return q, q.write([]string{"file", "row", "column", "value", "reason"})
}

// add lists a bad row; row is the number of its line in the file.
func (q *quarantine) add(file string, bad *csvfile.Bad) error {
	q.rows++
	q.reasons[reason{bad.Column, bad.Reason}]++
	return q.write([]string{file, strconv.Itoa(bad.Line), bad.Column, shorten(bad.Value), bad.Reason})
}

func (q *quarantine) write(record []string) error {
	if err := q.csv.Write(record); err != nil {
		return fmt.Errorf("writing the quarantine file: %w", err)
	}
	return nil
}

func (q *quarantine) flush() error {
	q.csv.Flush()
	if err := q.csv.Error(); err != nil {
		return fmt.Errorf("writing the quarantine file: %w", err)
	}
	return nil
}

func (q *quarantine) close() { _ = q.file.Close() }

// sorted lists the reasons, the most frequent first.
func (q *quarantine) sorted() []reasonReport {
	var all []reasonReport
	for r, n := range q.reasons {
		all = append(all, reasonReport{Column: r.column, Reason: r.text, Rows: n})
	}
	slices.SortFunc(all, func(a, b reasonReport) int {
		return cmp.Or(b.Rows-a.Rows, strings.Compare(a.Column, b.Column), strings.Compare(a.Reason, b.Reason))
	})
	return all
}

// most says the n most frequent reasons in words.
func (q *quarantine) most(n int) string {
	var words []string
	for i, r := range q.sorted() {
		if i == n {
			break
		}
		where := "the whole row"
		if r.Column != "" {
			where = fmt.Sprintf("column %q", r.Column)
		}
		words = append(words, fmt.Sprintf("%s: %s (%d rows)", where, r.Reason, r.Rows))
	}
	return strings.Join(words, "; ")
}

// shorten keeps one huge value from filling the file.
func shorten(value string) string {
	const most = 200
	if len(value) <= most {
		return value
	}
	return strings.ToValidUTF8(value[:most], "") + "..."
}
