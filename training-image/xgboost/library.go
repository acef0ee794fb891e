// Package xgboost trains gradient-boosted trees with the XGBoost library of the system, which is loaded at run time:
// nothing of it is compiled in, and versions 1.7 to 3 work alike.
package xgboost

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// EnvLibrary is the environment variable that names the library file to use.
const EnvLibrary = "MLPATHWAY_XGBOOST"

// ErrNoLibrary means that XGBoost is not there.
var ErrNoLibrary = errors.New("the XGBoost library cannot be loaded")

// Library is the loaded library.
type Library struct {
	path       string
	version    string
	handle     uintptr
	collective *collective // nil until it is needed
	thread     *thread     // on which all calls are made; nil for any
	block      int         // see the constant

	lastError         func() string
	versionOf         func(major, minor, patch *int32)
	matrixCreate      func(data *float32, rows, columns uint64, missing float32, out *handle) int32
	matrixSetFloats   func(h handle, field string, values *float32, n uint64) int32
	matrixFree        func(h handle) int32
	proxyCreate       func(out *handle) int32
	proxySetDense     func(h handle, array string) int32
	binsCreate        func(walk uintptr, proxy handle, ref, reset, next uintptr, config string, out *handle) int32
	pagesCreate       func(walk uintptr, proxy handle, reset, next uintptr, config string, out *handle) int32
	boosterCreate     func(matrices *handle, n uint64, out *handle) int32
	boosterFree       func(h handle) int32
	boosterSetParam   func(h handle, name, value string) int32
	boosterSlice      func(h handle, begin, end, step int32, out *handle) int32
	boosterUpdate     func(h handle, round int32, matrix handle) int32
	boosterPredict    func(h, matrix handle, config string, shape *pointer, dimensions *uint64, out *pointer) int32
	boosterSaveBuffer func(h handle, config string, n *uint64, out *pointer) int32
	boosterLoadBuffer func(h handle, data *byte, n uint64) int32
	buildInfo         func(out *pointer) int32
}

// Open loads the library: the file that MLPATHWAY_XGBOOST names; or else lib/libxgboost.so* beside the running
// program; or else the system's. ErrNoLibrary, with what to install, where there is none.
func Open() (*Library, error) {
	if path := os.Getenv(EnvLibrary); path != "" {
		l, err := OpenFile(path)
		if err != nil {
			return nil, fmt.Errorf("%w (%s names that file)", err, EnvLibrary)
		}
		return l, nil
	}
	var tried []error
	for _, path := range candidates() {
		l, err := OpenFile(path)
		if err == nil {
			return l, nil
		}
		tried = append(tried, err)
	}
	return nil, fmt.Errorf("%w: install it (Debian, Ubuntu: apt-get install libxgboost0; macOS: brew install xgboost) "+
		"or let %s name its file; tried:\n%w", ErrNoLibrary, EnvLibrary, errors.Join(tried...))
}

func candidates() []string {
	var paths []string
	if program, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(program); err == nil {
			program = real
		}
		for _, pattern := range []string{"libxgboost.so*", "libxgboost.dylib"} {
			found, _ := filepath.Glob(filepath.Join(filepath.Dir(program), "lib", pattern))
			paths = append(paths, found...)
		}
	}
	return append(paths, "libxgboost.so.0", "libxgboost.so", "libxgboost.dylib", "/opt/homebrew/lib/libxgboost.dylib")
}

// OpenFile loads the library from a file, or by a name that the system's loader knows.
func OpenFile(path string) (*Library, error) {
	var before error
	if strings.ContainsRune(path, filepath.Separator) {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoLibrary, err)
		}
		before = preload(filepath.Dir(path))
	}
	h, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoLibrary, path, errors.Join(err, before))
	}
	l := &Library{path: path, handle: h, block: block}
	if err := l.bind(h); err != nil {
		return nil, err
	}
	var major, minor, patch int32
	l.versionOf(&major, &minor, &patch)
	l.version = fmt.Sprintf("%d.%d.%d", major, minor, patch)
	return l, nil
}

// preload loads what the library depends on from its own directory, where an unpacked package may stand outside the
// loader's path. What is not there is left to the system; what cannot be loaded matters only where the library cannot.
func preload(dir string) error {
	var problems []error
	for _, pattern := range []string{"libgomp.so*", "libdmlc.so*"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		slices.Sort(found)
		for _, path := range found {
			_, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func (l *Library) bind(h uintptr) error {
	for name, function := range map[string]any{
		"XGBGetLastError":                     &l.lastError,
		"XGBoostVersion":                      &l.versionOf,
		"XGDMatrixCreateFromMat":              &l.matrixCreate,
		"XGDMatrixSetFloatInfo":               &l.matrixSetFloats,
		"XGDMatrixFree":                       &l.matrixFree,
		"XGProxyDMatrixCreate":                &l.proxyCreate,
		"XGProxyDMatrixSetDataDense":          &l.proxySetDense,
		"XGQuantileDMatrixCreateFromCallback": &l.binsCreate,
		"XGDMatrixCreateFromCallback":         &l.pagesCreate,
		"XGBoosterCreate":                     &l.boosterCreate,
		"XGBoosterFree":                       &l.boosterFree,
		"XGBoosterSetParam":                   &l.boosterSetParam,
		"XGBoosterSlice":                      &l.boosterSlice,
		"XGBoosterUpdateOneIter":              &l.boosterUpdate,
		"XGBoosterPredictFromDMatrix":         &l.boosterPredict,
		"XGBoosterSaveModelToBuffer":          &l.boosterSaveBuffer,
		"XGBoosterLoadModelFromBuffer":        &l.boosterLoadBuffer,
		"XGBuildInfo":                         &l.buildInfo,
	} {
		symbol, err := purego.Dlsym(h, name)
		if err != nil {
			return fmt.Errorf("%w: %s is no XGBoost of version 1.7 or later: %w", ErrNoLibrary, l.path, err)
		}
		purego.RegisterFunc(function, symbol)
	}
	return nil
}

// Version of the library, such as 1.7.4.
func (l *Library) Version() string { return l.version }

// Path that the library was loaded from.
func (l *Library) Path() string { return l.path }

// call runs one function of the library and gives its error.
func (l *Library) call(name string, f func() int32) error {
	if l.thread != nil {
		return l.thread.do(func() error { return l.callHere(name, f) })
	}
	return l.callHere(name, f)
}

// callHere is call on this thread. The last error belongs to the thread, so both calls must be made on the same one.
func (l *Library) callHere(name string, f func() int32) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if f() == 0 {
		return nil
	}
	text := l.lastError()
	if i := strings.Index(text, "\nStack trace:"); i >= 0 {
		text = text[:i]
	}
	return fmt.Errorf("xgboost %s: %s: %s", l.version, name, strings.TrimSpace(text))
}

// ErrNoCUDA means that the library computes on the processor alone.
var ErrNoCUDA = errors.New("this XGBoost library was built without CUDA")

// CheckCUDA tells whether the library was built to compute on NVIDIA's GPUs; ErrNoCUDA where it was not.
func (l *Library) CheckCUDA() error {
	var out pointer
	var info struct {
		CUDA bool `json:"USE_CUDA"`
	}
	err := l.call("XGBuildInfo", func() int32 { return l.buildInfo(&out) })
	if err != nil {
		return err
	}
	if err := json.Unmarshal(bytesOf(out), &info); err != nil {
		return fmt.Errorf("xgboost %s: XGBuildInfo: %w", l.version, err)
	}
	if !info.CUDA {
		return fmt.Errorf("%w (%s, version %s): set model.device to cpu in pipeline.yaml, or let %s name a library with it",
			ErrNoCUDA, l.path, l.version, EnvLibrary)
	}
	return nil
}

// CUDA are the parameters that let this version compute on a GPU.
func (l *Library) CUDA() map[string]string {
	if strings.HasPrefix(l.version, "1.") {
		return map[string]string{"tree_method": "gpu_hist"}
	}
	return map[string]string{"device": "cuda"}
}

// bytesOf is a text of the library that ends with a zero byte.
func bytesOf(p pointer) []byte {
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return slices.Clone(unsafe.Slice((*byte)(p), n))
}
