// Package extsort sorts more records than fit into memory: it sorts chunks, spills them to temporary files and merges
// the files.
package extsort

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Record is one record. Records are sorted by Key, then by Order.
type Record struct {
	Key     []byte
	Order   uint64
	Payload []byte
}

// overhead is roughly what a record costs in memory besides its bytes.
const overhead = 80

// Sorter collects records and gives them back in order.
type Sorter struct {
	dir     string
	limit   int
	size    int
	records []Record
	spills  []string
}

// New makes a sorter that spills to files in dir when its records take more than about limitBytes of memory.
func New(dir string, limitBytes int) *Sorter { return &Sorter{dir: dir, limit: limitBytes} }

// Add takes a record; the sorter keeps its slices.
func (s *Sorter) Add(r Record) error {
	s.records = append(s.records, r)
	s.size += len(r.Key) + len(r.Payload) + overhead
	if s.size < s.limit {
		return nil
	}
	return s.spill()
}

// Each calls f for every record in order. The slices of a record are valid until the next call.
func (s *Sorter) Each(f func(Record) error) error {
	s.sort()
	var m merge
	defer m.close()
	m.sources = append(m.sources, &source{records: s.records})
	for _, path := range s.spills {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("sorting: %w", err)
		}
		m.sources = append(m.sources, &source{file: file, reader: bufio.NewReaderSize(file, 1<<16)})
	}
	return m.run(f)
}

func (s *Sorter) sort() {
	slices.SortFunc(s.records, func(a, b Record) int { return compare(&a, &b) })
}

func compare(a, b *Record) int {
	return cmp.Or(bytes.Compare(a.Key, b.Key), cmp.Compare(a.Order, b.Order), bytes.Compare(a.Payload, b.Payload))
}

func (s *Sorter) spill() (err error) {
	s.sort()
	path := filepath.Join(s.dir, fmt.Sprintf("spill-%05d", len(s.spills)))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("sorting: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := bufio.NewWriterSize(file, 1<<16)
	var head [24]byte
	for _, r := range s.records {
		binary.LittleEndian.PutUint64(head[0:], uint64(len(r.Key)))
		binary.LittleEndian.PutUint64(head[8:], r.Order)
		binary.LittleEndian.PutUint64(head[16:], uint64(len(r.Payload)))
		for _, part := range [][]byte{head[:], r.Key, r.Payload} {
			if _, err := w.Write(part); err != nil {
				return fmt.Errorf("sorting: %w", err)
			}
		}
	}
	s.spills = append(s.spills, path)
	clear(s.records)
	s.records, s.size = s.records[:0], 0
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sorting: %w", err)
	}
	return nil
}

// source is one sorted sequence: records in memory or a spilled file.
type source struct {
	records []Record
	file    *os.File
	reader  *bufio.Reader
	current Record
}

// next moves on to the next record; io.EOF ends the sequence.
func (s *source) next() error {
	if s.reader == nil {
		if len(s.records) == 0 {
			return io.EOF
		}
		s.current, s.records = s.records[0], s.records[1:]
		return nil
	}
	var head [24]byte
	if _, err := io.ReadFull(s.reader, head[:]); err != nil {
		return err
	}
	key := make([]byte, binary.LittleEndian.Uint64(head[0:]))
	payload := make([]byte, binary.LittleEndian.Uint64(head[16:]))
	_, err := io.ReadFull(s.reader, key)
	_, err2 := io.ReadFull(s.reader, payload)
	s.current = Record{Key: key, Order: binary.LittleEndian.Uint64(head[8:]), Payload: payload}
	return errors.Join(err, err2)
}

// merge is a heap of sources by their current records.
type merge struct{ sources []*source }

func (m *merge) Len() int           { return len(m.sources) }
func (m *merge) Less(i, j int) bool { return compare(&m.sources[i].current, &m.sources[j].current) < 0 }
func (m *merge) Swap(i, j int)      { m.sources[i], m.sources[j] = m.sources[j], m.sources[i] }
func (m *merge) Push(x any)         { m.sources = append(m.sources, x.(*source)) }

// Pop removes the last source and closes it.
func (m *merge) Pop() any {
	last := m.sources[len(m.sources)-1]
	m.sources = m.sources[:len(m.sources)-1]
	if last.file != nil {
		_ = last.file.Close()
	}
	return last
}

func (m *merge) close() {
	for len(m.sources) > 0 {
		m.Pop()
	}
}

func (m *merge) run(f func(Record) error) error {
	all := m.sources
	m.sources = nil
	for i, s := range all {
		err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			if s.file != nil {
				_ = s.file.Close()
			}
		case err != nil:
			m.sources = append(m.sources, all[i:]...)
			return fmt.Errorf("sorting: %w", err)
		default:
			m.sources = append(m.sources, s)
		}
	}
	heap.Init(m)
	for len(m.sources) > 0 {
		if err := f(m.sources[0].current); err != nil {
			return err
		}
		err := m.sources[0].next()
		switch {
		case errors.Is(err, io.EOF):
			heap.Pop(m)
		case err != nil:
			return fmt.Errorf("sorting: %w", err)
		default:
			heap.Fix(m, 0)
		}
	}
	return nil
}
