//go:build onnxruntime

package onnxruntime

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// Built tells whether the program was built with ONNX Runtime.
const Built = true

// defaultLibrary is where the image has it.
const defaultLibrary = "/usr/lib/libonnxruntime.so.1"

// environment loads the library once for the process.
var environment = sync.OnceValue(func() error {
	path := os.Getenv(Variable)
	if path == "" {
		path = defaultLibrary
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return fmt.Errorf("%w: loading %s (%s says another path): %w", ErrAbsent, path, Variable, err)
	}
	return nil
})

// Session computes a model. It is safe for concurrent use; the library's part is freed when nobody has it any more.
type Session struct {
	session         *ort.DynamicAdvancedSession
	inputs, outputs int
}

// Open opens a model whose input is floats of the shape [N, inputs], and whose answer is the first output of floats of
// the shape [N, outputs], or [N] for one number.
func Open(model []byte, inputs, outputs int) (*Session, error) {
	if err := environment(); err != nil {
		return nil, err
	}
	s := &Session{inputs: inputs, outputs: outputs}
	takes, gives, err := ort.GetInputOutputInfoWithONNXData(model)
	if err != nil {
		return nil, fmt.Errorf("reading the ONNX model: %w", err)
	}
	if len(takes) != 1 || !fits(takes[0], inputs) {
		return nil, fmt.Errorf("%w: it takes %v, want one input, float [N, %d]", ErrShape, takes, inputs)
	}
	answer := ""
	for _, output := range gives {
		if fits(output, outputs) {
			answer = output.Name
			break
		}
	}
	if answer == "" {
		return nil, fmt.Errorf("%w: it gives %v, none of which is float [N, %d] "+
			"(a model of scikit-learn must be converted without ZipMap)", ErrShape, gives, outputs)
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() { _ = options.Destroy() }()
	// Callers run in parallel; a thread pool for each would only stand in the way.
	if err := errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1)); err != nil {
		return nil, err
	}
	s.session, err = ort.NewDynamicAdvancedSessionWithONNXData(model, []string{takes[0].Name}, []string{answer}, options)
	if err != nil {
		return nil, fmt.Errorf("reading the ONNX model: %w", err)
	}
	runtime.AddCleanup(s, func(session *ort.DynamicAdvancedSession) { _ = session.Destroy() }, s.session)
	return s, nil
}

// fits reports whether a tensor is float [N, width], with an N that varies; [N] will do for a width of 1.
func fits(info ort.InputOutputInfo, width int) bool {
	d := info.Dimensions
	return info.OrtValueType == ort.ONNXTypeTensor && info.DataType == ort.TensorElementDataTypeFloat &&
		(len(d) == 2 && d[0] < 0 && (d[1] == int64(width) || d[1] < 0) || len(d) == 1 && d[0] < 0 && width == 1)
}

// Outputs is how many numbers there are for a row.
func (s *Session) Outputs() int { return s.outputs }

// Predict computes n rows that lie one after the other.
func (s *Session) Predict(rows []float32, n int, out []float32) error {
	in, err := ort.NewTensor(ort.NewShape(int64(n), int64(s.inputs)), rows[:n*s.inputs])
	if err != nil {
		return err
	}
	defer func() { _ = in.Destroy() }()
	answers := []ort.Value{nil} // the runtime makes it
	if err := s.session.Run([]ort.Value{in}, answers); err != nil {
		return err
	}
	defer func() { _ = answers[0].Destroy() }()
	tensor, ok := answers[0].(*ort.Tensor[float32])
	if !ok || len(tensor.GetData()) != n*s.outputs {
		return fmt.Errorf("the model gave %v for %d rows, want %d numbers for each", answers[0].GetShape(), n, s.outputs)
	}
	copy(out, tensor.GetData())
	runtime.KeepAlive(s)
	return nil
}
