package onnx

import "golang.org/x/sys/cpu"

// The kernels do what their plain forms do, with the same bits: each lane adds in the same order, and nothing is fused.

//go:noescape
func multiplyAddAVX2(x *float32, n int, weights, y *float32)

//go:noescape
func sumProductsAVX2(x *int16, pairs int, weights *int8, sums *int32)

func multiplyAdd(x, weights, y []float32) {
	if !cpu.X86.HasAVX2 || len(x) == 0 {
		multiplyAddPlain(x, weights, y)
		return
	}
	_, _ = weights[len(x)*blockWidth-1], y[blockWidth-1] // the kernel trusts these lengths
	multiplyAddAVX2(&x[0], len(x), &weights[0], &y[0])
}

func sumProducts(x []int16, weights []int8, sums *[blockWidth]int32) {
	if !cpu.X86.HasAVX2 || len(x) == 0 {
		sumProductsPlain(x, weights, sums)
		return
	}
	_ = weights[len(x)*blockWidth-1]
	sumProductsAVX2(&x[0], len(x)/2, &weights[0], &sums[0])
}
