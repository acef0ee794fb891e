package protocol

import (
	"math"
	"strconv"
	"unsafe"

	"github.com/mlpathway/mlpathway/inference-image/model"
)

// V2Request is an inference request of the Open Inference Protocol, version 2, over HTTP.
type V2Request struct {
	// ID comes back in the answer; it is JSON with its quotation marks, nil where there is none.
	ID []byte
	// Outputs that were asked for; all where there is none.
	Outputs []string

	inputs []v2Input
	binary map[string]bool // by output: whether it is wanted as bytes
	all    bool            // every output is wanted as bytes
}

type v2Input struct {
	Tensor
	data []byte // JSON; nil where the elements follow as bytes
	size int    // of these bytes; -1 where the elements are JSON
}

// ReadV2 reads a request. header is the length of the JSON at the beginning of the body, from the HTTP header
// Inference-Header-Content-Length; -1 where there is none and all of the body is JSON.
func (q *Rows) ReadV2(body []byte, header int, m *model.Model) (*V2Request, error) {
	text, raw := body, []byte(nil)
	if header >= 0 {
		if header > len(body) {
			return nil, bad("Inference-Header-Content-Length is %d, the body has %d bytes", header, len(body))
		}
		text, raw = body[:header], body[header:]
	}
	r := &V2Request{binary: map[string]bool{}}
	p := parser{data: text, m: m, q: q}
	if p.peek() != '{' {
		return nil, bad(`the body is no JSON object; want {"inputs": [...]}`)
	}
	if err := p.object(func(key []byte) error { return r.field(&p, string(key)) }); err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	tensors := make([]Tensor, len(r.inputs))
	for i := range r.inputs {
		in := &r.inputs[i]
		if err := in.check(); err != nil {
			return nil, err
		}
		var err error
		switch {
		case in.size >= 0 && in.data != nil:
			err = bad("the tensor %.60q has data and a binary_data_size; want one", in.Name)
		case in.size > len(raw):
			err = bad("the tensor %.60q has %d bytes after the JSON; want %d", in.Name, len(raw), in.size)
		case in.size >= 0:
			err = in.SetRaw(raw[:in.size])
			raw = raw[in.size:]
		default:
			err = in.setJSON()
		}
		if err != nil {
			return nil, err
		}
		tensors[i] = in.Tensor
	}
	if len(raw) > 0 {
		return nil, bad("%d bytes follow the tensors", len(raw))
	}
	return r, q.ReadTensors(tensors, m)
}

func (r *V2Request) field(p *parser, key string) error {
	switch key {
	case "id":
		text, err := p.value(1)
		if err == nil && (len(text) < 2 || text[0] != '"') {
			err = bad(`"id" must be a string`)
		}
		r.ID = text
		return err
	case "parameters":
		return p.object(func(key []byte) error {
			value, err := p.value(2)
			if string(key) == "binary_data_output" {
				r.all = string(value) == "true"
			}
			return err
		})
	case "inputs":
		return p.list(func() error { return r.input(p) })
	case "outputs":
		return p.list(func() error { return r.output(p) })
	default:
		return bad(`unknown key %.60q; want "id", "parameters", "inputs" and "outputs"`, key)
	}
}

// maxTensors bounds the inputs and outputs of a request.
const maxTensors = 1 << 16

func (r *V2Request) input(p *parser) error {
	in := v2Input{size: -1}
	err := p.object(func(key []byte) (err error) {
		switch string(key) {
		case "name":
			in.Name, err = p.string("name")
		case "datatype":
			in.Datatype, err = p.string("datatype")
		case "shape":
			in.Shape, err = p.shape()
		case "parameters":
			err = p.object(func(key []byte) error {
				value, err := p.value(4)
				if string(key) == "binary_data_size" && err == nil {
					in.size, err = strconv.Atoi(string(value))
					if err != nil || in.size < 0 {
						err = bad("binary_data_size is %.40q; want a number of bytes", value)
					}
				}
				return err
			})
		case "data":
			in.data, err = p.value(3)
		default:
			err = bad(`unknown key %.60q in an input; want "name", "shape", "datatype", "parameters" and "data"`, key)
		}
		return err
	})
	if err == nil && len(r.inputs) == maxTensors {
		err = bad("there are more than %d inputs", maxTensors)
	}
	r.inputs = append(r.inputs, in)
	return err
}

func (r *V2Request) output(p *parser) error {
	name, raw, known := "", false, false
	err := p.object(func(key []byte) (err error) {
		switch string(key) {
		case "name":
			name, err = p.string("name")
		case "parameters":
			err = p.object(func(key []byte) error {
				value, err := p.value(4)
				if string(key) == "binary_data" {
					raw, known = string(value) == "true", true
				}
				return err
			})
		default:
			err = bad(`unknown key %.60q in an output; want "name" and "parameters"`, key)
		}
		return err
	})
	if err == nil && len(r.Outputs) == maxTensors {
		err = bad("there are more than %d outputs", maxTensors)
	}
	r.Outputs = append(r.Outputs, name)
	if known {
		r.binary[name] = raw
	}
	return err
}

func (p *parser) string(what string) (string, error) {
	if p.peek() != '"' {
		return "", bad("%q is %s; want a string", what, p.kind())
	}
	text, err := p.text()
	return string(text), err
}

func (p *parser) shape() ([]int64, error) {
	var shape []int64
	err := p.list(func() error {
		text, err := p.value(3)
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil || size < 0 || len(shape) == maxDepth {
			return bad("a shape holds %.40q; want whole numbers", text)
		}
		shape = append(shape, size)
		return nil
	})
	return shape, err
}

// setJSON reads the elements from a flat or a nested list.
func (in *v2Input) setJSON() error {
	if in.data == nil {
		return bad("the tensor %.60q has no data", in.Name)
	}
	p := parser{data: in.data}
	if err := in.flatten(&p, 0); err != nil {
		return err
	}
	return in.Complete()
}

func (in *v2Input) flatten(p *parser, depth int) error {
	if depth > len(in.Shape) {
		return bad("the tensor %.60q is nested deeper than its shape %v", in.Name, in.Shape)
	}
	return p.list(func() error {
		if p.peek() == '[' {
			return in.flatten(p, depth+1)
		}
		return in.element(p)
	})
}

func (in *v2Input) element(p *parser) error {
	if len(in.Numbers)+len(in.Texts) >= MaxValues {
		return bad("the tensor %.60q has more than %d elements", in.Name, MaxValues)
	}
	c, start := p.peek(), p.at
	switch {
	case c == '"' && in.Datatype == Bytes:
		text, err := p.text()
		in.Texts = append(in.Texts, text)
		return err
	case in.Datatype == Bytes:
	case c == 'n' && p.word("null"):
		in.Numbers = append(in.Numbers, float32(math.NaN()))
		return nil
	case in.Datatype == "BOOL" && p.word("true"):
		in.Numbers = append(in.Numbers, 1)
		return nil
	case in.Datatype == "BOOL" && p.word("false"):
		in.Numbers = append(in.Numbers, 0)
		return nil
	case p.skipNumber():
		text := p.data[start:p.at]
		x, err := strconv.ParseFloat(unsafe.String(&text[0], len(text)), 64)
		if err != nil || math.IsInf(float64(float32(x)), 0) {
			return bad("element %d of the tensor %.60q is too large for a 32-bit number: %.40s",
				len(in.Numbers), in.Name, text)
		}
		in.Numbers = append(in.Numbers, float32(x))
		return nil
	}
	return bad("element %d of the tensor %.60q is %s; want %s", len(in.Numbers)+len(in.Texts), in.Name, p.kind(),
		in.Datatype)
}

// V2 writes the answer to a request and returns the length of its JSON, which is less than all of it where outputs
// follow as bytes.
func (a *Answers) V2(to []byte, r *V2Request, q *Rows, out []float32) (answer []byte, header int, err error) {
	tensors, err := a.Tensors(r.Outputs, q, out)
	if err != nil {
		return to, 0, err
	}
	start := len(to)
	to = append(append(to, `{"model_name":`...), quote(a.m.Manifest.Name)...)
	to = append(append(to, `,"model_version":`...), quote(a.m.Manifest.Version)...)
	if r.ID != nil {
		to = append(append(to, `,"id":`...), r.ID...)
	}
	to = append(to, `,"outputs":[`...)
	var raw []byte
	for i := range tensors {
		t := &tensors[i]
		if i > 0 {
			to = append(to, ',')
		}
		before := len(raw)
		binary, said := r.binary[t.Name]
		binary = binary || r.all && !said
		if binary {
			raw = t.AppendRaw(raw)
		}
		to = t.appendJSON(to, binary, len(raw)-before)
	}
	to = append(to, ']', '}')
	header = len(to) - start
	return append(to, raw...), header, nil
}

func (t *Tensor) appendJSON(to []byte, binary bool, size int) []byte {
	to = append(append(to, `{"name":`...), quote(t.Name)...)
	to = append(append(append(to, `,"datatype":"`...), t.Datatype...), `","shape":[`...)
	for i, size := range t.Shape {
		if i > 0 {
			to = append(to, ',')
		}
		to = strconv.AppendInt(to, size, 10)
	}
	if binary {
		to = append(to, `],"parameters":{"binary_data_size":`...)
		return append(strconv.AppendInt(to, int64(size), 10), '}', '}')
	}
	to = append(to, `],"data":[`...)
	for i, x := range t.Numbers {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendFloat(to, x)
	}
	for i, text := range t.Texts {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(to, quote(string(text))...)
	}
	return append(to, ']', '}')
}
