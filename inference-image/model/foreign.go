//go:build !onnxruntime

package model

import (
	"fmt"
	"strings"

	"github.com/mlpathway/mlpathway/internal/registry"
)

// foreign refuses a model that this program cannot compute by itself.
func foreign(_ *registry.Version, operators []string) (Engine, error) {
	return nil, fmt.Errorf("%w, which this program was built without: it has the operators %.300s; "+
		"use the image inference-image:onnxruntime, or build with -tags onnxruntime",
		ErrForeign, strings.Join(operators, ", "))
}
