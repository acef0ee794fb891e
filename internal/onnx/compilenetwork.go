package onnx

import "sync"

// CompiledNetwork is a network laid out for speed. It is immutable and safe for concurrent use.
type CompiledNetwork struct {
	n       *Network
	layers  []packed
	width   int // of the widest layer, padded to whole blocks
	buffers sync.Pool
}

const (
	// blockWidth is how many outputs of a layer are computed together: four registers of eight.
	blockWidth = 32
	// tileRows are computed together, so that the weights of a block are read once for all of them.
	tileRows = 32
)

// packed is a layer whose weights lie in blocks of outputs: for each block all inputs one after the other.
type packed struct {
	inputs, outputs, blocks int
	weights                 []float32 // [block][input][32]
	bias                    []float32 // padded
	quantized               *Quantized
	bytes                   []int8 // [block][pair of inputs][32][2]
}

// tile is the memory of one call.
type tile struct {
	x, y []float32
	q    []int16
	sums [blockWidth]int32
	// scales of the inputs of each row of a quantized layer.
	scales [tileRows]float32
}

// Compile validates the network and lays it out for speed.
func (n *Network) Compile() (*CompiledNetwork, error) {
	if err := n.Validate(); err != nil {
		return nil, err
	}
	c := &CompiledNetwork{n: n}
	inputs := n.Columns()
	c.width = roundUp(inputs, blockWidth)
	for i := range n.Layers {
		p := pack(&n.Layers[i], inputs)
		c.layers = append(c.layers, p)
		inputs = p.outputs
		c.width = max(c.width, p.blocks*blockWidth)
	}
	c.buffers.New = func() any {
		return &tile{x: make([]float32, tileRows*c.width), y: make([]float32, tileRows*c.width),
			q: make([]int16, tileRows*c.width)}
	}
	return c, nil
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func pack(l *Layer, inputs int) packed {
	p := packed{inputs: inputs, outputs: l.Outputs, blocks: roundUp(l.Outputs, blockWidth) / blockWidth,
		quantized: l.Quantized}
	p.bias = make([]float32, p.blocks*blockWidth)
	copy(p.bias, l.Bias)
	pairs := roundUp(inputs, 2) / 2
	if p.quantized == nil {
		p.weights = make([]float32, p.blocks*inputs*blockWidth)
	} else {
		p.bytes = make([]int8, p.blocks*pairs*blockWidth*2)
	}
	for i := range inputs {
		for j := range l.Outputs {
			block, lane := j/blockWidth, j%blockWidth
			if p.quantized == nil {
				p.weights[(block*inputs+i)*blockWidth+lane] = l.Weights[i*l.Outputs+j]
			} else {
				p.bytes[((block*pairs+i/2)*blockWidth+lane)*2+i%2] = l.Quantized.Weights[i*l.Outputs+j]
			}
		}
	}
	return p
}

// Inputs is the length of a row.
func (c *CompiledNetwork) Inputs() int { return len(c.n.Inputs) }

// Outputs is how many numbers Predict writes for a row.
func (c *CompiledNetwork) Outputs() int { return c.n.Outputs() }

// Predict computes so many rows that lie one after the other, with the bits of Network.Predict. It allocates nothing
// once its memory is there.
func (c *CompiledNetwork) Predict(rows []float32, count int, out []float32) error {
	t := c.buffers.Get().(*tile)
	defer c.buffers.Put(t)
	inputs, outputs := c.Inputs(), c.Outputs()
	for from := 0; from < count; from += tileRows {
		n := min(tileRows, count-from)
		c.tile(t, rows[from*inputs:(from+n)*inputs], n, out[from*outputs:(from+n)*outputs])
	}
	return nil
}

func (c *CompiledNetwork) tile(t *tile, rows []float32, n int, out []float32) {
	inputs := c.Inputs()
	for r := range n {
		c.n.Prepare(rows[r*inputs:(r+1)*inputs], t.x[r*c.width:(r+1)*c.width])
	}
	for i := range c.layers {
		p := &c.layers[i]
		if p.quantized == nil {
			c.float(t, p, n)
		} else {
			c.integer(t, p, n)
		}
		if i < len(c.layers)-1 {
			for r := range n {
				relu(t.y[r*c.width : r*c.width+p.outputs])
			}
		}
		t.x, t.y = t.y, t.x
	}
	outputs := c.Outputs()
	for r := range n {
		row := out[r*outputs : (r+1)*outputs]
		margins := row
		if c.n.Task == Binary {
			margins = row[1:2]
		}
		copy(margins, t.x[r*c.width:])
		transform(c.n.Task, row)
	}
}

func (c *CompiledNetwork) float(t *tile, p *packed, n int) {
	for b := range p.blocks {
		weights := p.weights[b*p.inputs*blockWidth : (b+1)*p.inputs*blockWidth]
		bias := p.bias[b*blockWidth : (b+1)*blockWidth]
		for r := range n {
			y := t.y[r*c.width+b*blockWidth : r*c.width+(b+1)*blockWidth]
			copy(y, bias)
			multiplyAdd(t.x[r*c.width:r*c.width+p.inputs], weights, y)
		}
	}
}

func (c *CompiledNetwork) integer(t *tile, p *packed, n int) {
	pairs := roundUp(p.inputs, 2) / 2
	for r := range n {
		q := t.q[r*c.width : (r+1)*c.width]
		x := t.x[r*c.width : r*c.width+p.inputs]
		scale, zero := p.quantized.input(x)
		t.scales[r] = scale
		for i, v := range x {
			q[i] = quantize(v, scale, zero)
		}
		if p.inputs%2 != 0 {
			q[p.inputs] = 0 // the width is a multiple of 32, so that there is room
		}
	}
	for b := range p.blocks {
		weights := p.bytes[b*pairs*blockWidth*2 : (b+1)*pairs*blockWidth*2]
		for r := range n {
			sumProducts(t.q[r*c.width:r*c.width+2*pairs], weights, &t.sums)
			y := t.y[r*c.width+b*blockWidth : r*c.width+(b+1)*blockWidth]
			for j := range min(blockWidth, p.outputs-b*blockWidth) {
				at := b*blockWidth + j
				y[j] = p.quantized.number(t.sums[j], t.scales[r], at, p.bias[at])
			}
		}
	}
}

// multiplyAddPlain adds the products of x with the weights of each of 32 outputs to y.
func multiplyAddPlain(x, weights, y []float32) {
	y = y[:blockWidth]
	for i, v := range x {
		w := weights[i*blockWidth : (i+1)*blockWidth]
		for j := range y {
			y[j] += float32(v * w[j])
		}
	}
}

// sumProductsPlain sums the products of x with the weights of each of 32 outputs, which lie in pairs of inputs.
func sumProductsPlain(x []int16, weights []int8, sums *[blockWidth]int32) {
	*sums = [blockWidth]int32{}
	for i := 0; i < len(x); i += 2 {
		a, b := int32(x[i]), int32(x[i+1])
		w := weights[i*blockWidth : (i+2)*blockWidth]
		for j := range sums {
			sums[j] += a*int32(w[2*j]) + b*int32(w[2*j+1])
		}
	}
}
