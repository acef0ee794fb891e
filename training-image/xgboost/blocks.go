package xgboost

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Rows are what a matrix is made of: Columns values for each label, one row after the other, NaN where a value is
// missing. Weights are nil where all rows count the same.
type Rows struct {
	Columns         int
	Values          []float32
	Labels, Weights []float32
}

func (r *Rows) check() error {
	switch {
	case len(r.Labels) == 0 || r.Columns == 0 || len(r.Values) != r.Columns*len(r.Labels):
		return fmt.Errorf("making a matrix: %d values are not %d rows of %d columns", len(r.Values), len(r.Labels), r.Columns)
	case r.Weights != nil && len(r.Weights) != len(r.Labels):
		return fmt.Errorf("making a matrix: %d weights for %d rows", len(r.Weights), len(r.Labels))
	}
	return nil
}

// block is how many bytes of rows the library takes at a time, and the size of what it keeps in a file.
const block = 4 << 20

// NewBins keeps the rows as the numbers of the bins that their values fall into, which is all that training looks at:
// about two bytes for each value. The library takes the rows block by block and keeps no copy.
func (l *Library) NewBins(r Rows, bins, threads int) (*Matrix, error) {
	return l.fromBlocks(r, map[string]any{"max_bin": bins, "nthread": threads},
		func(w *blocks, config string, out *handle) int32 {
			next, reset := callbacks()
			return l.binsCreate(w.id, w.proxy, 0, reset, next, config, out)
		})
}

// NewPages keeps the rows in files of a directory of its own, which are read page by page in each round: external
// memory, as XGBoost calls it. Close removes the directory.
func (l *Library) NewPages(r Rows, threads int) (*Matrix, error) {
	dir, err := os.MkdirTemp("", "mlpathway-pages-")
	if err != nil {
		return nil, fmt.Errorf("making a matrix in external memory: %w", err)
	}
	m, err := l.fromBlocks(r, map[string]any{"cache_prefix": filepath.Join(dir, "rows"), "nthread": threads},
		func(w *blocks, config string, out *handle) int32 {
			next, reset := callbacks()
			return l.pagesCreate(w.id, w.proxy, reset, next, config, out)
		})
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	m.dir = dir
	return m, nil
}

// fromBlocks makes a matrix of rows that the library asks for block by block, several times over.
func (l *Library) fromBlocks(r Rows, config map[string]any, create func(*blocks, string, *handle) int32,
) (*Matrix, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	w := &blocks{library: l, rows: r, each: max(1, l.block/4/r.Columns)}
	if err := l.call("XGProxyDMatrixCreate", func() int32 { return l.proxyCreate(&w.proxy) }); err != nil {
		return nil, err
	}
	defer func() { _ = l.call("XGDMatrixFree", func() int32 { return l.matrixFree(w.proxy) }) }()
	w.id = uintptr(blockIDs.Add(1))
	walks.Store(w.id, w)
	defer walks.Delete(w.id)
	// Newer versions read the missing value as a number and older ones as a text that JSON does not have.
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	full := `{"missing":NaN,` + string(text[1:])
	m := &Matrix{library: l, rows: len(r.Labels)}
	err = l.call("making a matrix", func() int32 { return create(w, full, &m.h) })
	runtime.KeepAlive(r)
	if w.err != nil {
		err = w.err // the reason why the library got no more blocks
	}
	if err != nil {
		if m.h != 0 {
			m.Close()
		}
		return nil, err
	}
	return m, nil
}

// blocks is a walk of the library over rows.
type blocks struct {
	library *Library
	rows    Rows
	proxy   handle
	id      uintptr
	each    int // rows of a block
	at      int // the row that is next
	err     error
}

var (
	blockIDs atomic.Int64
	walks    sync.Map // of ids to *blocks: the library must not hold pointers to Go's memory
)

// callbacks are the two functions that the library calls. They are made once, because they are never freed.
var callbacks = sync.OnceValues(func() (next, reset uintptr) {
	find := func(id uintptr) *blocks {
		w, _ := walks.Load(id)
		return w.(*blocks)
	}
	return purego.NewCallback(func(id uintptr) uintptr { return find(id).next() }),
		purego.NewCallback(func(id uintptr) uintptr { find(id).at = 0; return 0 })
})

// next hands the library a block; 0 where there is none.
func (w *blocks) next() uintptr {
	n := min(w.each, len(w.rows.Labels)-w.at)
	if n == 0 || w.err != nil {
		return 0
	}
	l, r := w.library, &w.rows
	values := r.Values[w.at*r.Columns : (w.at+n)*r.Columns]
	config := fmt.Sprintf(`{"data":[%d,true],"shape":[%d,%d],"typestr":"<f4","version":3}`,
		uintptr(unsafe.Pointer(&values[0])), n, r.Columns)
	w.err = l.callHere("XGProxyDMatrixSetDataDense", func() int32 { return l.proxySetDense(w.proxy, config) })
	for _, info := range []struct {
		name   string
		values []float32
	}{{"label", r.Labels}, {"weight", r.Weights}} {
		if w.err != nil || info.values == nil {
			continue
		}
		w.err = l.callHere("XGDMatrixSetFloatInfo", func() int32 {
			return l.matrixSetFloats(w.proxy, info.name, &info.values[w.at], uint64(n))
		})
	}
	w.at += n
	if w.err != nil {
		return 0
	}
	return 1
}

// nan is a missing value.
var nan = float32(math.NaN())
