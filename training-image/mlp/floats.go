package mlp

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
)

// floats are numbers that JSON holds as their bytes, exactly and in little room.
type floats []float32

// MarshalJSON implements json.Marshaler.
func (f floats) MarshalJSON() ([]byte, error) {
	data := make([]byte, 0, 4*len(f))
	for _, x := range f {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return json.Marshal(data)
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *floats) UnmarshalJSON(text []byte) error {
	var data []byte
	if err := json.Unmarshal(text, &data); err != nil {
		return err
	}
	if len(data)%4 != 0 {
		return errors.New("these are no 32-bit numbers")
	}
	*f = make([]float32, len(data)/4)
	for i := range *f {
		(*f)[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return nil
}
