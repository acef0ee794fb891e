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

func compare(a, b *Record) int {
	return cmp.Or(bytes.Compare(a.Key, b.Key), cmp.Compare(a.Order, b.Order), bytes.Compare(a.Payload, b.Payload))
}

// Sorter collects records and gives them back in order. While one chunk of them is sorted and spilled, the next one
// fills. Call Close also where something has failed.
type Sorter struct {
	dir     string
	limit   int // bytes of a chunk
	filling *chunk
	spare   *chunk     // the other one: empty, or on its way into a file
	spilled chan error // the end of the spill that is under way; nil without one
	spills  []string
}

// New makes a sorter that spills to files in dir when its records take more than about limitBytes of memory.
func New(dir string, limitBytes int) *Sorter {
	return &Sorter{dir: dir, limit: limitBytes / 2, filling: &chunk{}, spare: &chunk{}}
}

// Add takes a copy of a record.
func (s *Sorter) Add(r Record) error {
	s.filling.add(r)
	if s.filling.bytes < s.limit {
		return nil
	}
	if err := s.wait(); err != nil {
		return err
	}
	path := filepath.Join(s.dir, fmt.Sprintf("spill-%05d", len(s.spills)))
	s.spills = append(s.spills, path)
	full, end := s.filling, make(chan error, 1)
	s.filling, s.spare, s.spilled = s.spare, full, end
	go func() { end <- full.spill(path) }()
	return nil
}

// wait for the spill that is under way.
func (s *Sorter) wait() error {
	if s.spilled == nil {
		return nil
	}
	err := <-s.spilled
	s.spilled = nil
	s.spare.empty()
	if err != nil {
		return fmt.Errorf("sorting: %w", err)
	}
	return nil
}

// Close ends what is under way. The files of the directory are the caller's.
func (s *Sorter) Close() { _ = s.wait() }

// Each calls f for every record in order. The slices of a record are valid during the call.
func (s *Sorter) Each(f func(Record) error) error {
	if err := s.wait(); err != nil {
		return err
	}
	s.spare = &chunk{}
	s.filling.sort()
	var m merge
	defer m.close()
	m.sources = append(m.sources, &source{chunk: s.filling})
	for _, path := range s.spills {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("sorting: %w", err)
		}
		m.sources = append(m.sources, &source{file: file, reader: bufio.NewReaderSize(file, 1<<18)})
	}
	return m.run(f)
}

// source is one sorted sequence: a chunk in memory or a spilled file.
type source struct {
	chunk   *chunk
	at      int // the record of the chunk that is next
	file    *os.File
	reader  *bufio.Reader
	buffer  []byte
	current Record
}

// next moves on to the next record; io.EOF ends the sequence.
func (s *source) next() error {
	if s.reader == nil {
		if s.at == len(s.chunk.index) {
			return io.EOF
		}
		s.current, _ = s.chunk.record(s.chunk.index[s.at].at)
		s.at++
		return nil
	}
	var start [head]byte
	if _, err := io.ReadFull(s.reader, start[:]); err != nil {
		return err
	}
	key, payload := lengths(start[:])
	s.buffer = slices.Grow(s.buffer[:0], key+payload)[:key+payload]
	if _, err := io.ReadFull(s.reader, s.buffer); err != nil {
		return errors.Join(io.ErrUnexpectedEOF, err)
	}
	s.current = Record{Key: s.buffer[:key], Order: binary.LittleEndian.Uint64(start[8:]), Payload: s.buffer[key:]}
	return nil
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
		case err == io.EOF: //nolint:errorlint // one that is wrapped is a file that was cut
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
		case err == io.EOF: //nolint:errorlint // see above
			heap.Pop(m)
		case err != nil:
			return fmt.Errorf("sorting: %w", err)
		default:
			heap.Fix(m, 0)
		}
	}
	return nil
}
