//go:build !amd64

package onnx

func multiplyAdd(x, weights, y []float32) { multiplyAddPlain(x, weights, y) }

func sumProducts(x []int16, weights []int8, sums *[blockWidth]int32) {
	sumProductsPlain(x, weights, sums)
}
