package extsort

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"os"
	"slices"
)

// head is the bytes before each record: the lengths of key and payload, and the order.
const head = 16

// blockBytes is how much memory a chunk takes at a time. A record never lies in two blocks.
const blockBytes = 1 << 20

// chunk is records in memory. They lie one after the other in blocks without pointers, so that a million of them are
// no work for the garbage collector.
type chunk struct {
	blocks [][]byte
	used   int // blocks that hold records
	index  []entry
	bytes  int
}

// entry is a record of a chunk: the first bytes of its key, and its block and offset.
type entry struct {
	prefix uint64
	at     place
}

type place struct{ block, offset uint32 }

// add takes a copy of a record.
func (c *chunk) add(r Record) {
	n := head + len(r.Key) + len(r.Payload)
	if c.used == 0 || cap(c.blocks[c.used-1])-len(c.blocks[c.used-1]) < n {
		c.block(n)
	}
	block := &c.blocks[c.used-1]
	var prefix [8]byte
	copy(prefix[:], r.Key)
	c.index = append(c.index, entry{binary.BigEndian.Uint64(prefix[:]), place{uint32(c.used - 1), uint32(len(*block))}})
	b := binary.LittleEndian.AppendUint32(*block, uint32(len(r.Key)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Payload)))
	b = binary.LittleEndian.AppendUint64(b, r.Order)
	*block = append(append(b, r.Key...), r.Payload...)
	c.bytes += n + 16 // those of the entry
}

// block begins a new block, or one of those that were used before.
func (c *chunk) block(bytes int) {
	c.used++
	switch {
	case c.used > len(c.blocks):
		c.blocks = append(c.blocks, make([]byte, 0, max(blockBytes, bytes)))
	case cap(c.blocks[c.used-1]) < bytes:
		c.blocks[c.used-1] = make([]byte, 0, bytes)
	default:
		c.blocks[c.used-1] = c.blocks[c.used-1][:0]
	}
}

// empty makes room for other records in the same memory.
func (c *chunk) empty() { c.used, c.index, c.bytes = 0, c.index[:0], 0 }

// record is the record at a place, and all its bytes.
func (c *chunk) record(at place) (Record, []byte) {
	b := c.blocks[at.block][at.offset:]
	key, payload := lengths(b)
	return Record{Key: b[head : head+key], Order: binary.LittleEndian.Uint64(b[8:]),
		Payload: b[head+key : head+key+payload]}, b[:head+key+payload]
}

func lengths(head []byte) (key, payload int) {
	return int(binary.LittleEndian.Uint32(head)), int(binary.LittleEndian.Uint32(head[4:]))
}

func (c *chunk) sort() {
	slices.SortFunc(c.index, func(a, b entry) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		x, _ := c.record(a.at)
		y, _ := c.record(b.at)
		return compare(&x, &y)
	})
}

// spill sorts the records and writes them to a file.
func (c *chunk) spill(path string) (err error) {
	c.sort()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := bufio.NewWriterSize(file, 1<<18)
	for _, e := range c.index {
		_, bytes := c.record(e.at)
		if _, err := w.Write(bytes); err != nil {
			return err
		}
	}
	return w.Flush()
}
