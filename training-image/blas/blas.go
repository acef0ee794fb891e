// Package blas multiplies matrices: with OpenBLAS where the system has it, in pure Go otherwise.
package blas

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/ebitengine/purego"
	gonum "gonum.org/v1/gonum/blas"
	plain "gonum.org/v1/gonum/blas/gonum"
)

// EnvLibrary is the environment variable that names the library file to use; "go" for none.
const EnvLibrary = "MLPATHWAY_OPENBLAS"

// BLAS multiplies matrices. It uses one thread, so that the same numbers are always added in the same order.
type BLAS struct {
	name string
	gemm func(order, transA, transB, m, n, k int32, alpha float32, a *float32, lda int32, b *float32, ldb int32,
		beta float32, c *float32, ldc int32)
}

// Open loads OpenBLAS: the file that MLPATHWAY_OPENBLAS names, or else the system's. Where there is none it computes in
// Go, which is slower and needs nothing. It fails only where the named file cannot be used.
func Open() (*BLAS, error) {
	names := []string{"libopenblas.so.0", "libopenblas.dylib", "/opt/homebrew/opt/openblas/lib/libopenblas.dylib"}
	path := os.Getenv(EnvLibrary)
	if path == "go" {
		return Go(), nil
	}
	if path != "" {
		names = []string{path}
	}
	var problem error
	for _, name := range names {
		b, err := load(name)
		if err == nil {
			return b, nil
		}
		problem = err
	}
	if path != "" {
		return nil, fmt.Errorf("%s names %s, which cannot be used: %w", EnvLibrary, path, problem)
	}
	return Go(), nil
}

// Go computes in pure Go.
func Go() *BLAS { return &BLAS{name: "gonum"} }

func load(path string) (*BLAS, error) {
	h, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	b := &BLAS{name: "openblas"}
	var threads func(n int32)
	var config func() string
	for name, function := range map[string]any{"cblas_sgemm": &b.gemm, "openblas_set_num_threads": &threads,
		"openblas_get_config": &config} {
		symbol, err := purego.Dlsym(h, name)
		if err != nil {
			return nil, fmt.Errorf("%s is no OpenBLAS: %w", path, err)
		}
		purego.RegisterFunc(function, symbol)
	}
	threads(1)
	b.name = version(config())
	return b, nil
}

// version takes the name and the version out of OpenBLAS's description of itself.
func version(config string) string {
	fields := strings.Fields(config)
	if len(fields) < 2 {
		return "openblas"
	}
	return strings.ToLower(fields[0]) + " " + fields[1]
}

// Name of the library with its version.
func (b *BLAS) Name() string { return b.name }

// Matrix is a row-major matrix; Columns of Data lie in a row.
type Matrix struct {
	Data          []float32
	Rows, Columns int
}

// Multiply computes c = a*b, or c += a*b where add is set; a and b are transposed first where that is set.
func (b *BLAS) Multiply(x, y Matrix, transX, transY bool, c Matrix, add bool) {
	m, k, n := x.Rows, x.Columns, y.Columns
	if transX {
		m, k = k, m
	}
	if transY {
		n = y.Rows
	}
	beta := float32(0)
	if add {
		beta = 1
	}
	if b.gemm == nil {
		plain.Implementation{}.Sgemm(side(transX), side(transY), m, n, k, 1, x.Data, x.Columns, y.Data, y.Columns, beta,
			c.Data, c.Columns)
		return
	}
	const rowMajor, no, yes = 101, 111, 112
	code := func(trans bool) int32 {
		if trans {
			return yes
		}
		return no
	}
	b.gemm(rowMajor, code(transX), code(transY), int32(m), int32(n), int32(k), 1, &x.Data[0], int32(x.Columns),
		&y.Data[0], int32(y.Columns), beta, &c.Data[0], int32(c.Columns))
	runtime.KeepAlive(x)
	runtime.KeepAlive(y)
	runtime.KeepAlive(c)
}

func side(trans bool) gonum.Transpose {
	if trans {
		return gonum.Trans
	}
	return gonum.NoTrans
}
