//go:build !onnxruntime

package onnxruntime

import "fmt"

// Built tells whether the program was built with ONNX Runtime.
const Built = false

// Session computes a model.
type Session struct{}

// Open refuses.
func Open([]byte, int, int) (*Session, error) {
	return nil, fmt.Errorf("%w, which this program was built without: build it with -tags onnxruntime", ErrAbsent)
}

// Outputs is how many numbers there are for a row.
func (*Session) Outputs() int { return 0 }

// Predict computes n rows.
func (*Session) Predict([]float32, int, []float32) error { return ErrAbsent }
