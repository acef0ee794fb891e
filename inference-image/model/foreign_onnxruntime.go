//go:build onnxruntime

package model

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/mlpathway/mlpathway/internal/registry"
)

// LibraryVariable names the shared library of ONNX Runtime, version 1.24 or later.
const LibraryVariable = "ONNXRUNTIME_LIB"

// defaultLibrary is where the image has it.
const defaultLibrary = "/usr/lib/libonnxruntime.so.1"

// environment loads the library once for the process.
var environment = sync.OnceValue(func() error {
	path := os.Getenv(LibraryVariable)
	if path == "" {
		path = defaultLibrary
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return fmt.Errorf("%w: loading %s (%s says another path): %w", ErrForeign, path, LibraryVariable, err)
	}
	return nil
})

// ortEngine computes with ONNX Runtime. Its session is closed when the model is not used any more.
type ortEngine struct {
	session         *ort.DynamicAdvancedSession
	inputs, outputs int
}

// foreign opens a model whose input is floats of the shape [N, inputs], and whose answer is the first output of floats
// of the shape [N, outputs], or [N] for one number.
func foreign(v *registry.Version, _ []string) (Engine, error) {
	if err := environment(); err != nil {
		return nil, err
	}
	e := &ortEngine{inputs: len(v.Manifest.Inputs), outputs: max(1, len(v.Manifest.Classes))}
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(v.Model)
	if err != nil {
		return nil, fmt.Errorf("reading the ONNX model: %w", err)
	}
	if len(inputs) != 1 || !e.fits(inputs[0], e.inputs) {
		return nil, fmt.Errorf("%w: the model takes %v, the manifest has %d inputs: want one input, float [N, %d]",
			ErrSchema, inputs, e.inputs, e.inputs)
	}
	answer := ""
	for _, output := range outputs {
		if e.fits(output, e.outputs) {
			answer = output.Name
			break
		}
	}
	if answer == "" {
		return nil, fmt.Errorf("%w: the model gives %v, none of which is float [N, %d] "+
			"(a model of scikit-learn must be converted without ZipMap)", ErrSchema, outputs, e.outputs)
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() { _ = options.Destroy() }()
	// Requests run in parallel; a thread pool for each would only stand in the way.
	if err := errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1)); err != nil {
		return nil, err
	}
	e.session, err = ort.NewDynamicAdvancedSessionWithONNXData(v.Model, []string{inputs[0].Name}, []string{answer}, options)
	if err != nil {
		return nil, fmt.Errorf("reading the ONNX model: %w", err)
	}
	runtime.AddCleanup(e, func(s *ort.DynamicAdvancedSession) { _ = s.Destroy() }, e.session)
	return e, nil
}

// NewForeign computes any model with ONNX Runtime, also one that could be computed natively; to compare the two.
func NewForeign(v *registry.Version) (*Model, error) {
	engine, err := foreign(v, nil)
	if err != nil {
		return nil, err
	}
	return WithEngine(v, engine), nil
}

// fits reports whether a tensor is float [N, width], with an N that varies; [N] will do for a width of 1.
func (e *ortEngine) fits(info ort.InputOutputInfo, width int) bool {
	d := info.Dimensions
	return info.OrtValueType == ort.ONNXTypeTensor && info.DataType == ort.TensorElementDataTypeFloat &&
		(len(d) == 2 && d[0] < 0 && (d[1] == int64(width) || d[1] < 0) || len(d) == 1 && d[0] < 0 && width == 1)
}

// Outputs implements Engine.
func (e *ortEngine) Outputs() int { return e.outputs }

// Predict implements Engine.
func (e *ortEngine) Predict(rows []float32, n int, out []float32) error {
	in, err := ort.NewTensor(ort.NewShape(int64(n), int64(e.inputs)), rows[:n*e.inputs])
	if err != nil {
		return err
	}
	defer func() { _ = in.Destroy() }()
	answers := []ort.Value{nil} // the runtime makes it
	if err := e.session.Run([]ort.Value{in}, answers); err != nil {
		return err
	}
	defer func() { _ = answers[0].Destroy() }()
	tensor, ok := answers[0].(*ort.Tensor[float32])
	if !ok || len(tensor.GetData()) != n*e.outputs {
		return fmt.Errorf("the model gave %v for %d rows, want %d numbers for each", answers[0].GetShape(), n, e.outputs)
	}
	copy(out, tensor.GetData())
	runtime.KeepAlive(e)
	return nil
}
