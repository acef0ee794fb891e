package xgboost

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"unsafe"
)

// handle is an object of the library.
type handle uintptr

// pointer points into memory of the library.
type pointer = unsafe.Pointer

// Matrix holds rows and their labels inside the library.
type Matrix struct {
	library *Library
	h       handle
	rows    int
	dir     string // of its pages; empty where it is in memory
}

// NewMatrix copies rows into the library as they are.
func (l *Library) NewMatrix(r Rows) (*Matrix, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	m := &Matrix{library: l, rows: len(r.Labels)}
	err := l.call("XGDMatrixCreateFromMat", func() int32 {
		return l.matrixCreate(&r.Values[0], uint64(len(r.Labels)), uint64(r.Columns), nan, &m.h)
	})
	if err == nil {
		err = m.set("label", r.Labels)
	}
	if err == nil && r.Weights != nil {
		err = m.set("weight", r.Weights)
	}
	runtime.KeepAlive(r)
	if err != nil {
		if m.h != 0 {
			m.Close()
		}
		return nil, err
	}
	return m, nil
}

// set gives a list of numbers to the matrix, such as its labels.
func (m *Matrix) set(name string, values []float32) error {
	defer runtime.KeepAlive(values)
	return m.library.call("XGDMatrixSetFloatInfo", func() int32 {
		return m.library.matrixSetFloats(m.h, name, &values[0], uint64(len(values)))
	})
}

// SetFeatureWeights gives all features the same weight when columns are drawn.
func (m *Matrix) SetFeatureWeights(features int) error {
	weights := make([]float32, features)
	for i := range weights {
		weights[i] = 1
	}
	return m.set("feature_weights", weights)
}

// Close frees the memory of the library and removes its files.
func (m *Matrix) Close() {
	_ = m.library.call("XGDMatrixFree", func() int32 { return m.library.matrixFree(m.h) })
	if m.dir != "" {
		_ = os.RemoveAll(m.dir)
	}
}

// Booster is a model in training. All calls for it are made on one thread of its own, because the library keeps the
// state of its random numbers by thread: on changing threads the same seed would not give the same model. In a
// distributed training that is the thread of the membership.
type Booster struct {
	library *Library
	h       handle
	thread  *thread
}

// call makes one call on the booster's thread.
func (b *Booster) call(name string, f func() int32) error {
	return b.thread.do(func() error { return b.library.callHere(name, f) })
}

// NewBooster begins a model with parameters as XGBoost names them. Predictions for the given matrices are kept between
// rounds, so that asking for them after each round is cheap.
func (l *Library) NewBooster(parameters map[string]string, matrices ...*Matrix) (*Booster, error) {
	if len(matrices) == 0 {
		return nil, errors.New("making a booster: no matrix given")
	}
	handles := make([]handle, len(matrices))
	for i, m := range matrices {
		handles[i] = m.h
	}
	b := &Booster{library: l, thread: l.thread}
	if b.thread == nil {
		b.thread = newThread()
	}
	err := b.call("XGBoosterCreate", func() int32 { return l.boosterCreate(&handles[0], uint64(len(handles)), &b.h) })
	if err != nil {
		b.end()
		return nil, err
	}
	names := make([]string, 0, len(parameters))
	for name := range parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := b.Set(name, parameters[name]); err != nil {
			b.Close()
			return nil, err
		}
	}
	return b, nil
}

// Set sets one parameter, also between rounds.
func (b *Booster) Set(name, value string) error {
	return b.call("XGBoosterSetParam "+name, func() int32 { return b.library.boosterSetParam(b.h, name, value) })
}

// Close frees the memory of the library and ends the thread. The booster must not be used afterwards.
func (b *Booster) Close() {
	_ = b.call("XGBoosterFree", func() int32 { return b.library.boosterFree(b.h) })
	b.end()
}

// end ends the thread where it is the booster's own.
func (b *Booster) end() {
	if b.library.thread == nil {
		b.thread.close()
	}
}

// Update runs one round of boosting; rounds are counted from 0.
func (b *Booster) Update(round int, train *Matrix) error {
	return b.call("XGBoosterUpdateOneIter", func() int32 {
		return b.library.boosterUpdate(b.h, int32(round), train.h)
	})
}

// Output is what Predict computes.
type Output int

// The outputs.
const (
	Probabilities Output = 0 // or the number of a regression
	Margins       Output = 1 // the sums of the trees
)

// Predict computes the output of the first rounds rounds, all of them where rounds is 0, one row after the other.
func (b *Booster) Predict(m *Matrix, output Output, rounds int) ([]float32, error) {
	config := fmt.Sprintf(`{"type":%d,"training":false,"iteration_begin":0,"iteration_end":%d,"strict_shape":true}`,
		output, rounds)
	var shape, out pointer
	var dimensions uint64
	var result []float32
	err := b.call("XGBoosterPredictFromDMatrix", func() int32 {
		code := b.library.boosterPredict(b.h, m.h, config, &shape, &dimensions, &out)
		if code == 0 { // the memory belongs to the library and to this thread until its next call
			n := uint64(1)
			for _, d := range unsafe.Slice((*uint64)(shape), dimensions) {
				n *= d
			}
			result = slices.Clone(unsafe.Slice((*float32)(out), n))
		}
		return code
	})
	if err == nil && len(result)%m.rows != 0 {
		return nil, fmt.Errorf("xgboost %s gave %d predictions for %d rows", b.library.version, len(result), m.rows)
	}
	return result, err
}

// JSON gives the model in XGBoost's own format.
func (b *Booster) JSON() ([]byte, error) {
	var out pointer
	var n uint64
	var data []byte
	err := b.call("XGBoosterSaveModelToBuffer", func() int32 {
		code := b.library.boosterSaveBuffer(b.h, `{"format":"json"}`, &n, &out)
		if code == 0 {
			data = slices.Clone(unsafe.Slice((*byte)(out), n))
		}
		return code
	})
	return data, err
}

// Round gives the trees of one round as a model of their own, in XGBoost's own format. Rounds are counted from 0.
func (b *Booster) Round(round int) ([]byte, error) {
	one := &Booster{library: b.library, thread: b.thread}
	err := b.call("XGBoosterSlice", func() int32 {
		return b.library.boosterSlice(b.h, int32(round), int32(round+1), 1, &one.h)
	})
	if err != nil {
		return nil, err
	}
	data, err := one.JSON()
	return data, errors.Join(err, b.call("XGBoosterFree", func() int32 { return b.library.boosterFree(one.h) }))
}

// Load replaces the model by one in XGBoost's own format, so that training goes on from there.
func (b *Booster) Load(data []byte) error {
	if len(data) == 0 {
		return errors.New("loading a model: it is empty")
	}
	defer runtime.KeepAlive(data)
	return b.call("XGBoosterLoadModelFromBuffer", func() int32 {
		return b.library.boosterLoadBuffer(b.h, &data[0], uint64(len(data)))
	})
}
