package family

import (
	"encoding/binary"
	"math"
)

// Exchange lets ranks, or folds, put together what each of them knows of its own rows: merge is called once with the
// words of all in their order, and all of them get its answer.
type Exchange func(own []byte, merge func(all [][]byte) ([]byte, error)) ([]byte, error)

// Alone is the exchange of one process that has all rows.
func Alone(own []byte, merge func([][]byte) ([]byte, error)) ([]byte, error) {
	return merge([][]byte{own})
}

// exchange is that of the request.
func (r *Request) exchange() Exchange {
	if r.Exchange == nil {
		return Alone
	}
	return r.Exchange
}

// Loss of margins on the validation rows of all ranks, or of all folds, is what early stopping watches: the mean log
// loss of a classifier, the root mean square error of a regression.
func (r *Request) Loss(margins []float32) (float64, error) {
	sum, total := sums(r.Spec.Task, margins, r.Validation.Labels, r.Validation.Weights)
	merged, err := r.exchange()(encode(sum, total), func(all [][]byte) ([]byte, error) {
		sum, total := 0.0, 0.0
		for _, data := range all {
			s, t := decode(data)
			sum, total = sum+s, total+t
		}
		return encode(sum, total), nil
	})
	if err != nil {
		return 0, err
	}
	sum, total = decode(merged)
	return loss(r.Spec.Task, sum, total), nil
}

func encode(a, b float64) []byte {
	data := binary.LittleEndian.AppendUint64(nil, math.Float64bits(a))
	return binary.LittleEndian.AppendUint64(data, math.Float64bits(b))
}

func decode(data []byte) (a, b float64) {
	if len(data) != 16 {
		return math.NaN(), math.NaN()
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(data)),
		math.Float64frombits(binary.LittleEndian.Uint64(data[8:]))
}
