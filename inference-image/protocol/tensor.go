package protocol

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Names of the tensors of the Open Inference Protocol, the same as those of the ONNX graph.
const (
	FeaturesTensor      = "features"      // FP32 [N, inputs]
	LabelTensor         = "label"         // BYTES [N]
	ProbabilitiesTensor = "probabilities" // FP32 [N, classes]
	PredictionTensor    = "prediction"    // FP32 [N, 1]
)

// Datatypes of the Open Inference Protocol that are taken.
const (
	FP32  = "FP32"
	Bytes = "BYTES"
)

// widths are the bytes of one element of each datatype of numbers.
var widths = map[string]int{"BOOL": 1, "UINT8": 1, "INT8": 1, "UINT16": 2, "INT16": 2, "UINT32": 4, "INT32": 4,
	"UINT64": 8, "INT64": 8, FP32: 4, "FP64": 8}

// Tensor is an input or output of the Open Inference Protocol.
type Tensor struct {
	// Name and Datatype of the tensor, and its Shape.
	Name, Datatype string
	Shape          []int64
	// Numbers holds the elements in row-major order, for every datatype but BYTES.
	Numbers []float32
	// Texts holds the elements of a tensor of BYTES.
	Texts [][]byte
}

// Describe says what a tensor is; part of the metadata of a model.
type Describe struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

// Inputs lists the tensors that a model takes: all features in one. Callers may also send a tensor for each input
// under its name.
func Inputs(m *model.Model) []Describe {
	return []Describe{{FeaturesTensor, FP32, []int64{-1, int64(m.Inputs())}}}
}

// Outputs lists the tensors that a model answers with.
func Outputs(m *model.Model) []Describe {
	if m.Regression() {
		return []Describe{{PredictionTensor, FP32, []int64{-1, 1}}}
	}
	return []Describe{{LabelTensor, Bytes, []int64{-1}},
		{ProbabilitiesTensor, FP32, []int64{-1, int64(m.Outputs())}}}
}

// elements is the number of elements of the shape.
func (t *Tensor) elements() (int, error) {
	n := int64(1)
	for _, size := range t.Shape {
		if size < 0 || size > MaxValues || n*size > MaxValues {
			return 0, bad("the tensor %.60q has the shape %.100v; want at most %d elements", t.Name,
				fmt.Sprint(t.Shape), MaxValues)
		}
		n *= size
	}
	return int(n), nil
}

// check refuses a datatype that is not taken, and a shape without elements.
func (t *Tensor) check() error {
	if _, ok := widths[t.Datatype]; !ok && t.Datatype != Bytes {
		return bad("the tensor %.60q has the datatype %.20q; want FP32, FP64, INT8 to INT64, UINT8 to UINT64, BOOL or BYTES",
			t.Name, t.Datatype)
	}
	n, err := t.elements()
	if err == nil && (n == 0 || len(t.Shape) == 0) {
		err = bad("the tensor %.60q has the shape %v; want at least one row", t.Name, t.Shape)
	}
	return err
}

// Complete checks that there are as many elements as the shape says.
func (t *Tensor) Complete() error {
	n, err := t.elements()
	if err != nil {
		return err
	}
	if got := len(t.Numbers) + len(t.Texts); got != n {
		return bad("the tensor %.60q has %d elements; want %d for the shape %v", t.Name, got, n, t.Shape)
	}
	return nil
}

// SetRaw reads the elements from their little-endian bytes; those of BYTES each after their length in 4 bytes.
func (t *Tensor) SetRaw(raw []byte) error {
	if err := t.check(); err != nil {
		return err
	}
	n, err := t.elements()
	if err != nil {
		return err
	}
	if t.Datatype == Bytes {
		return t.setRawTexts(raw, n)
	}
	width := widths[t.Datatype]
	if len(raw) != n*width {
		return bad("the tensor %.60q has %d bytes; want %d for %s of the shape %v",
			t.Name, len(raw), n*width, t.Datatype, t.Shape)
	}
	t.Numbers = make([]float32, n)
	read := rawReader(t.Datatype)
	for i := range t.Numbers {
		t.Numbers[i] = read(raw[i*width:])
	}
	return nil
}

func rawReader(datatype string) func([]byte) float32 {
	little := binary.LittleEndian
	switch datatype {
	case "BOOL", "UINT8":
		return func(b []byte) float32 { return float32(b[0]) }
	case "INT8":
		return func(b []byte) float32 { return float32(int8(b[0])) }
	case "UINT16":
		return func(b []byte) float32 { return float32(little.Uint16(b)) }
	case "INT16":
		return func(b []byte) float32 { return float32(int16(little.Uint16(b))) }
	case "UINT32":
		return func(b []byte) float32 { return float32(little.Uint32(b)) }
	case "INT32":
		return func(b []byte) float32 { return float32(int32(little.Uint32(b))) }
	case "UINT64":
		return func(b []byte) float32 { return float32(little.Uint64(b)) }
	case "INT64":
		return func(b []byte) float32 { return float32(int64(little.Uint64(b))) }
	case "FP64":
		return func(b []byte) float32 { return float32(math.Float64frombits(little.Uint64(b))) }
	default:
		return func(b []byte) float32 { return math.Float32frombits(little.Uint32(b)) }
	}
}

func (t *Tensor) setRawTexts(raw []byte, n int) error {
	t.Texts = make([][]byte, 0, min(n, len(raw)/4))
	for len(raw) >= 4 {
		size := int(binary.LittleEndian.Uint32(raw))
		if size < 0 || size > len(raw)-4 {
			break
		}
		t.Texts = append(t.Texts, raw[4:4+size])
		raw = raw[4+size:]
	}
	if len(t.Texts) != n || len(raw) != 0 {
		return bad("the tensor %.60q holds %d texts and %d bytes more; want %d texts, each after its length in 4 bytes",
			t.Name, len(t.Texts), len(raw), n)
	}
	return nil
}

// ReadTensors takes the rows out of tensors: one of all features, or one for each input under its name.
func (q *Rows) ReadTensors(tensors []Tensor, m *model.Model) error {
	q.Reset()
	q.List = true
	if len(tensors) == 0 {
		return bad("there are no inputs; want a tensor %q, or one for each input under its name", FeaturesTensor)
	}
	for i := range tensors {
		if err := tensors[i].check(); err != nil {
			return err
		}
	}
	if len(tensors) == 1 && m.Input([]byte(tensors[0].Name)) < 0 {
		return q.matrix(&tensors[0], m)
	}
	return q.columns(tensors, m)
}

// matrix reads a tensor of shape [rows, inputs], or [inputs] for one row.
func (q *Rows) matrix(t *Tensor, m *model.Model) error {
	if t.Name != FeaturesTensor {
		return &Error{Message: fmt.Sprintf("unknown tensor %.60q", t.Name), Row: -1, Column: t.Name,
			Expected: fmt.Sprintf("a tensor %q, or one for each input under its name", FeaturesTensor)}
	}
	width := t.Shape[len(t.Shape)-1]
	if t.Datatype == Bytes || len(t.Shape) > 2 || width != int64(m.Inputs()) {
		return bad("the tensor %q is %s of the shape %v; want numbers of the shape [rows, %d]",
			t.Name, t.Datatype, t.Shape, m.Inputs())
	}
	if rows := len(t.Numbers) / m.Inputs(); rows > MaxRows {
		return bad("there are more than %d rows; predict them with several requests or as a batch", MaxRows)
	}
	for i, x := range t.Numbers {
		in := &m.Manifest.Inputs[i%m.Inputs()]
		if err := admit(in, x, place{row: i / m.Inputs(), many: true}); err != nil {
			return err
		}
	}
	q.Values = append(q.Values, t.Numbers...)
	q.N = len(t.Numbers) / m.Inputs()
	return nil
}

// columns reads a tensor of shape [rows] or [rows, 1] for each input.
func (q *Rows) columns(tensors []Tensor, m *model.Model) error {
	rows := tensors[0].Shape[0]
	if rows > MaxRows || rows*int64(m.Inputs()) > MaxValues {
		return bad("there are more than %d rows; predict them with several requests or as a batch",
			min(MaxRows, MaxValues/m.Inputs()))
	}
	for range rows * int64(m.Inputs()) {
		q.Values = append(q.Values, float32(math.NaN()))
	}
	seen := make([]bool, m.Inputs())
	for i := range tensors {
		t := &tensors[i]
		at := m.Input([]byte(t.Name))
		if at < 0 || seen[at] {
			return &Error{Message: fmt.Sprintf("unknown tensor or twice the same: %.60q", t.Name), Row: -1,
				Column: t.Name, Expected: "the names of the model's inputs; see /model"}
		}
		seen[at] = true
		if n, err := t.elements(); err != nil || int64(n) != rows || t.Shape[0] != rows {
			return bad("the tensor %.60q has the shape %v; want [%d] or [%d, 1] as the first has", t.Name, t.Shape,
				rows, rows)
		}
		if err := q.column(t, at, m); err != nil {
			return err
		}
	}
	q.N = int(rows)
	return missingColumn(m, seen)
}

func (q *Rows) column(t *Tensor, at int, m *model.Model) error {
	in := &m.Manifest.Inputs[at]
	for row, x := range t.Numbers {
		if err := admit(in, x, place{row: row, many: true}); err != nil {
			return err
		}
		q.Values[row*m.Inputs()+at] = x
	}
	for row, text := range t.Texts {
		if in.Type != registry.Category {
			return place{row: row, many: true}.wrong(in, "is text; want %s", expectation(in))
		}
		x, err := named(in, text, place{row: row, many: true})
		if err != nil {
			return err
		}
		q.Values[row*m.Inputs()+at] = x
	}
	return nil
}

// Tensors makes the outputs that were asked for by name, all where none was.
func (a *Answers) Tensors(names []string, q *Rows, out []float32) ([]Tensor, error) {
	all := Outputs(a.m)
	if len(names) == 0 {
		for _, d := range all {
			names = append(names, d.Name)
		}
	}
	tensors := make([]Tensor, 0, len(names))
	for _, name := range names {
		t := Tensor{Name: name, Datatype: FP32, Shape: []int64{int64(q.N), int64(a.m.Outputs())}, Numbers: out}
		switch {
		case name == LabelTensor && !a.m.Regression():
			t = Tensor{Name: name, Datatype: Bytes, Shape: []int64{int64(q.N)}}
			for i := range q.N {
				class := model.Class(out[i*a.m.Outputs() : (i+1)*a.m.Outputs()])
				t.Texts = append(t.Texts, []byte(a.m.Manifest.Classes[class]))
			}
		case name == ProbabilitiesTensor && !a.m.Regression(), name == PredictionTensor && a.m.Regression():
		default:
			return nil, bad("unknown output %.60q; the model has %s", name, outputNames(all))
		}
		tensors = append(tensors, t)
	}
	return tensors, nil
}

func outputNames(all []Describe) string {
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return strings.Join(names, ", ")
}

// AppendRaw writes the elements as little-endian bytes.
func (t *Tensor) AppendRaw(to []byte) []byte {
	for _, x := range t.Numbers {
		to = binary.LittleEndian.AppendUint32(to, math.Float32bits(x))
	}
	for _, text := range t.Texts {
		to = binary.LittleEndian.AppendUint32(to, uint32(len(text)))
		to = append(to, text...)
	}
	return to
}
