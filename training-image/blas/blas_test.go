package blas_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/blas"
)

// at reads an element of a matrix, or of its transpose.
func at(m blas.Matrix, trans bool, i, j int) float64 {
	if trans {
		i, j = j, i
	}
	return float64(m.Data[i*m.Columns+j])
}

func random(r *rand.Rand, rows, columns int) blas.Matrix {
	m := blas.Matrix{Rows: rows, Columns: columns}
	for range rows * columns {
		m.Data = append(m.Data, float32(r.NormFloat64()))
	}
	return m
}

func TestMultiply(t *testing.T) {
	t.Parallel()
	system, err := blas.Open()
	require.NoError(t, err)
	for _, b := range []*blas.BLAS{system, blas.Go()} {
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 40 {
			m, k, n := 1+r.IntN(70), 1+r.IntN(70), 1+r.IntN(70)
			transX, transY, add := i%2 == 0, i%4 < 2, i%8 < 4
			x, y, c := random(r, m, k), random(r, k, n), random(r, m, n)
			if transX {
				x.Rows, x.Columns = k, m
			}
			if transY {
				y.Rows, y.Columns = n, k
			}
			want := make([]float64, m*n)
			for a := range m {
				for d := range n {
					sum := 0.0
					if add {
						sum = float64(c.Data[a*n+d])
					}
					for e := range k {
						sum += at(x, transX, a, e) * at(y, transY, e, d)
					}
					want[a*n+d] = sum
				}
			}
			b.Multiply(x, y, transX, transY, c, add)
			for j := range want {
				require.InDelta(t, want[j], c.Data[j], 1e-3, "%s: %d x %d x %d, element %d", b.Name(), m, k, n, j)
			}
		}
	}
}

func TestTheNamedLibrary(t *testing.T) {
	t.Setenv(blas.EnvLibrary, "go")
	b, err := blas.Open()
	require.NoError(t, err)
	assert.Equal(t, "gonum", b.Name())
	t.Setenv(blas.EnvLibrary, "/nowhere/libopenblas.so")
	_, err = blas.Open()
	require.ErrorContains(t, err, "MLPATHWAY_OPENBLAS names /nowhere/libopenblas.so")
}
