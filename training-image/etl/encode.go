package etl

import (
	"encoding/binary"
	"math"

	"github.com/mlpathway/mlpathway/training-image/cell"
)

// The marks before each value of an encoded row.
const (
	isMissing byte = iota
	isFloat
	isInteger
	isFalse
	isTrue
	isText
)

// encode appends a row in a form of which equal rows have equal bytes. The data version is the sum over these bytes,
// so a change here changes the data version of every data set.
func encode(out []byte, values []cell.Value) []byte {
	for _, v := range values {
		switch v.Kind() {
		case cell.Missing:
			out = append(out, isMissing)
		case cell.Float:
			out = binary.BigEndian.AppendUint64(append(out, isFloat), math.Float64bits(v.Float()))
		case cell.Integer:
			out = binary.BigEndian.AppendUint64(append(out, isInteger), uint64(v.Integer()))
		case cell.Boolean:
			mark := isFalse
			if v.Boolean() {
				mark = isTrue
			}
			out = append(out, mark)
		case cell.Text:
			out = binary.AppendUvarint(append(out, isText), uint64(len(v.Text())))
			out = append(out, v.Text()...)
		}
	}
	return out
}

// decoder reads encoded rows. It keeps texts that come often, such as the values of a category, once.
type decoder struct{ texts map[string]string }

const (
	mostTexts = 4096
	shortText = 64 // bytes
)

// decode adds a row to a block.
func (d *decoder) decode(data []byte, b *cell.Block) {
	row := b.Rows
	b.Rows++
	for i := 0; len(data) > 0; i++ {
		mark := data[0]
		data = data[1:]
		switch mark {
		case isFloat:
			b.Set(row, i, cell.OfFloat(math.Float64frombits(binary.BigEndian.Uint64(data))))
			data = data[8:]
		case isInteger:
			b.Set(row, i, cell.OfInteger(int64(binary.BigEndian.Uint64(data))))
			data = data[8:]
		case isFalse, isTrue:
			b.Set(row, i, cell.OfBoolean(mark == isTrue))
		case isText:
			n, head := binary.Uvarint(data)
			data = data[head:]
			b.Set(row, i, cell.OfText(d.text(data[:n])))
			data = data[n:]
		default:
			b.Set(row, i, cell.Value{})
		}
	}
}

func (d *decoder) text(data []byte) string {
	if s, ok := d.texts[string(data)]; ok {
		return s
	}
	s := string(data)
	if len(d.texts) < mostTexts && len(s) <= shortText {
		if d.texts == nil {
			d.texts = map[string]string{}
		}
		d.texts[s] = s
	}
	return s
}

// sortKey appends a key so that bytes sort as the values do.
func sortKey(out []byte, v cell.Value) []byte {
	switch v.Kind() {
	case cell.Integer:
		return binary.BigEndian.AppendUint64(out, uint64(v.Integer())^1<<63)
	case cell.Float:
		bits := math.Float64bits(v.Float())
		if v.Float() < 0 {
			return binary.BigEndian.AppendUint64(out, ^bits)
		}
		return binary.BigEndian.AppendUint64(out, bits^1<<63)
	case cell.Text:
		return append(out, v.Text()...)
	case cell.Missing, cell.Boolean:
	}
	return encode(out, []cell.Value{v})
}
