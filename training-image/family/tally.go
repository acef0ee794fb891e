package family

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"slices"

	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/parallel"
)

// tally counts the values of a column in bins.
type tally struct {
	Edges   []float64 `json:"edges"`
	Counts  []int     `json:"counts"`
	Missing int       `json:"missing"`
	// Sum and Squares are of the distances from Pivot, which lies near the mean, so that they keep their precision.
	Pivot   float64 `json:"pivot"`
	Sum     float64 `json:"sum"`
	Squares float64 `json:"squares"`
}

// newTally chooses the bins for values, which it sorts. NaN is a missing value.
func newTally(values []float64) tally {
	known := slices.DeleteFunc(values, math.IsNaN)
	slices.Sort(known)
	t := tally{Edges: append([]float64{}, edges(known)...)}
	t.Counts = make([]int, len(t.Edges)+1)
	for _, x := range known {
		t.Pivot += x / float64(len(known))
	}
	return t
}

// empty is a tally of nothing with the same bins.
func (t *tally) empty() tally {
	return tally{Edges: t.Edges, Counts: make([]int, len(t.Counts)), Pivot: t.Pivot}
}

// merge adds what another tally with the same bins has counted.
func (t *tally) merge(other *tally) {
	t.Missing, t.Sum, t.Squares = t.Missing+other.Missing, t.Sum+other.Sum, t.Squares+other.Squares
	for bin, n := range other.Counts {
		t.Counts[bin] += n
	}
}

func (t *tally) add(value float32) {
	x := float64(value)
	if x != x { // NaN
		t.Missing++
		return
	}
	bin := 0
	for _, edge := range t.Edges { // a value on an edge belongs to the bin above
		if x >= edge {
			bin++
		}
	}
	t.Counts[bin]++
	d := x - t.Pivot
	t.Sum, t.Squares = t.Sum+d, t.Squares+d*d
}

func (t *tally) distribution(name string) registry.Distribution {
	d := registry.Distribution{Name: name, Edges: t.Edges, Counts: t.Counts, Missing: t.Missing}
	n := 0
	for _, count := range t.Counts {
		n += count
	}
	if n == 0 {
		return d
	}
	shift := t.Sum / float64(n)
	d.Mean = t.Pivot + shift
	d.StandardDeviation = math.Sqrt(max(0, t.Squares/float64(n)-shift*shift))
	return d
}

// chooseScales makes empty tallies for columns of which each rank has sent a sample, row by row.
func chooseScales(all [][]byte, columns int) ([]byte, error) {
	values := make([][]float64, columns)
	for _, data := range all {
		if len(data)%(4*columns) != 0 {
			return nil, errors.New("a rank has sent half a row of its sample")
		}
		for i := 0; i < len(data); i += 4 {
			c := i / 4 % columns
			values[c] = append(values[c], float64(math.Float32frombits(binary.LittleEndian.Uint32(data[i:]))))
		}
	}
	tallies := make([]tally, columns)
	_ = parallel.Do(columns, func(c int) error {
		tallies[c] = newTally(values[c])
		return nil
	})
	return json.Marshal(tallies)
}

// mergeTallies adds up the counts of the ranks.
func mergeTallies(all [][]byte) ([]byte, error) {
	var sum []tally
	for rank, data := range all {
		var own []tally
		if err := json.Unmarshal(data, &own); err != nil {
			return nil, err
		}
		if rank == 0 {
			sum = own
			continue
		}
		for c := range own {
			sum[c].merge(&own[c])
		}
	}
	return json.Marshal(sum)
}

// floats are numbers that travel between ranks.
type floats []float32

func (f floats) bytes() []byte {
	data := make([]byte, 0, 4*len(f))
	for _, x := range f {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return data
}
