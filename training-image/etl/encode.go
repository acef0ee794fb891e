package etl

import (
	"encoding/binary"
	"math"
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
func encode(out []byte, values []any) []byte {
	for _, value := range values {
		switch v := value.(type) {
		case nil:
			out = append(out, isMissing)
		case float64:
			out = binary.BigEndian.AppendUint64(append(out, isFloat), math.Float64bits(v))
		case int64:
			out = binary.BigEndian.AppendUint64(append(out, isInteger), uint64(v))
		case bool:
			mark := isFalse
			if v {
				mark = isTrue
			}
			out = append(out, mark)
		case string:
			out = binary.AppendUvarint(append(out, isText), uint64(len(v)))
			out = append(out, v...)
		}
	}
	return out
}

// decode reads an encoded row into values.
func decode(data []byte, values []any) {
	for i := range values {
		mark := data[0]
		data = data[1:]
		switch mark {
		case isFloat:
			values[i] = math.Float64frombits(binary.BigEndian.Uint64(data))
			data = data[8:]
		case isInteger:
			values[i] = int64(binary.BigEndian.Uint64(data))
			data = data[8:]
		case isFalse, isTrue:
			values[i] = mark == isTrue
		case isText:
			n, head := binary.Uvarint(data)
			data = data[head:]
			values[i] = string(data[:n])
			data = data[n:]
		default:
			values[i] = nil
		}
	}
}

// sortKey encodes a key so that bytes sort as the values do.
func sortKey(value any) []byte {
	switch v := value.(type) {
	case int64:
		return binary.BigEndian.AppendUint64(nil, uint64(v)^1<<63)
	case float64:
		bits := math.Float64bits(v)
		if v < 0 {
			return binary.BigEndian.AppendUint64(nil, ^bits)
		}
		return binary.BigEndian.AppendUint64(nil, bits^1<<63)
	case string:
		return []byte(v)
	default:
		return encode(nil, []any{v})
	}
}
