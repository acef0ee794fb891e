// Package onnxruntime computes any ONNX model with the library of ONNX Runtime, which is loaded at run time. A
// program has it where it was built with the tag onnxruntime.
package onnxruntime

import "errors"

// Variable names the environment variable with the path of the shared library, version 1.24 or later.
const Variable = "ONNXRUNTIME_LIB"

// ErrAbsent means that this program was built without ONNX Runtime, or does not find its library.
var ErrAbsent = errors.New("the model needs ONNX Runtime")

// ErrShape means that a model does not take or give what is wanted.
var ErrShape = errors.New("the model has another shape")
