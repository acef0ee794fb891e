package model

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mlpathway/mlpathway/internal/onnxruntime"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// ErrForeign means that a model needs ONNX Runtime and that this program cannot use it.
var ErrForeign = onnxruntime.ErrAbsent

// foreign opens a model that this program cannot compute by itself with ONNX Runtime, where it was built with that.
func foreign(v *registry.Version, operators []string) (Engine, error) {
	if !onnxruntime.Built {
		return nil, fmt.Errorf("%w, which this program was built without: it has the operators %.300s; "+
			"use the image inference-image:onnxruntime, or build with -tags onnxruntime",
			ErrForeign, strings.Join(operators, ", "))
	}
	inputs, outputs := len(v.Manifest.Inputs), max(1, len(v.Manifest.Classes))
	s, err := onnxruntime.Open(v.Model, inputs, outputs)
	if errors.Is(err, onnxruntime.ErrShape) {
		return nil, fmt.Errorf("%w: by the manifest %d inputs and %d outputs: %w", ErrSchema, inputs, outputs, err)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// NewForeign computes any model with ONNX Runtime, also one that could be computed natively; to compare the two.
func NewForeign(v *registry.Version) (*Model, error) {
	engine, err := foreign(v, nil)
	if err != nil {
		return nil, err
	}
	return WithEngine(v, engine), nil
}
