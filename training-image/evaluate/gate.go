package evaluate

import (
	"fmt"

	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Decide is the promotion gate: the candidate must reach the threshold and, unless that is switched off, be no worse
// than the served version on the same test rows. against says why the served version could not be measured.
func Decide(gate pipeline.Gate, m *registry.Metrics, against string) registry.Decision {
	yes := func(format string, args ...any) registry.Decision {
		return registry.Decision{Promoted: true, Reason: fmt.Sprintf(format, args...)}
	}
	no := func(format string, args ...any) registry.Decision {
		return registry.Decision{Reason: fmt.Sprintf(format, args...)}
	}
	value, ok := m.Candidate[gate.Metric]
	if !ok {
		return no("%s cannot be computed on these %d test rows (do they hold all classes?)", gate.Metric, m.Rows)
	}
	word, reached := "at least", value >= gate.Threshold
	if !gate.HigherIsBetter() {
		word, reached = "at most", value <= gate.Threshold
	}
	bar := fmt.Sprintf("%s %.4f on %d test rows; %s %.4f is demanded", gate.Metric, value, m.Rows, word, gate.Threshold)
	current, measured := m.Current[gate.Metric]
	worse := value < current
	if !gate.HigherIsBetter() {
		worse = value > current
	}
	switch {
	case !reached:
		return no("%s", bar)
	case m.CurrentVersion == "":
		return yes("%s; no version is served yet", bar)
	case gate.MustBeatCurrent != nil && !*gate.MustBeatCurrent:
		return yes("%s; the gate does not compare with %s", bar, m.CurrentVersion)
	case against != "":
		return yes("%s; %s could not be compared: %s", bar, m.CurrentVersion, against)
	case !measured:
		return no("%s; %s cannot be computed for %s on the same rows", bar, gate.Metric, m.CurrentVersion)
	case worse:
		return no("%s; that is worse than %.4f of %s on the same rows", bar, current, m.CurrentVersion)
	case value == current:
		return yes("%s; %s has the same on the same rows, and the new model knows newer data", bar, m.CurrentVersion)
	default:
		return yes("%s; that is better than %.4f of %s on the same rows", bar, current, m.CurrentVersion)
	}
}
