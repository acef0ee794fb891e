package featureset

import (
	"io"

	"github.com/mlpathway/mlpathway/internal/pipeline"
)

// ReadFrom is Read of an open object.
func ReadFrom(object io.ReaderAt, size int64, spec *pipeline.Spec, s Selection) (Set, error) {
	return read(object, size, spec, s)
}
