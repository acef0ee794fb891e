package onnxtest

import "google.golang.org/protobuf/encoding/protowire"

// Relu is an ONNX model of one operator that none of the native engines computes: it takes and gives rows of so many
// numbers.
func Relu(width int64) []byte {
	message := func(to []byte, number protowire.Number, body []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), body)
	}
	text := func(to []byte, number protowire.Number, s string) []byte { return message(to, number, []byte(s)) }
	number := func(to []byte, field protowire.Number, x int64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(to, field, protowire.VarintType), uint64(x))
	}
	value := func(name string) []byte {
		shape := message(message(nil, 1, text(nil, 2, "N")), 1, number(nil, 1, width))
		tensor := message(number(nil, 1, 1), 2, shape)
		return message(text(nil, 1, name), 2, message(nil, 1, tensor))
	}
	node := text(text(text(nil, 1, "in"), 2, "out"), 4, "Relu")
	graph := message(message(text(message(nil, 1, node), 2, "g"), 11, value("in")), 12, value("out"))
	opset := number(text(nil, 1, ""), 2, 15)
	return message(message(number(nil, 1, 8), 7, graph), 8, opset)
}
