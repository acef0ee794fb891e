package command

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/training-image/platform"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// mounted are the flags that a platform may answer with a channel or a mount of the same name.
var mounted = []string{"pipeline", "raw", "curated", "features", "models", "logs"}

// brought fills flags that nobody has set with what the platform has brought: a channel of SageMaker, an input or
// output of Azure ML. pipeline is a directory with pipeline.yaml, or the file itself.
func brought(o *step.Options, place *platform.Place, names []string) {
	known := flags()
	for _, name := range names {
		if !slices.Contains(mounted, name) || *known[name].target(o) != "" {
			continue
		}
		at := place.Outputs[name]
		if at == "" {
			at = place.Inputs[name]
		}
		if at == "" {
			continue
		}
		if filepath.IsAbs(at) {
			at = lake.FileURI(at)
		}
		if name == "pipeline" && !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(at)) {
			at = strings.TrimRight(at, "/") + "/pipeline.yaml"
		}
		*known[name].target(o) = at
	}
}
