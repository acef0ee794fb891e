package cost

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/policies/rules"
)

// HoursPerMonth is the length of a month in every figure: 8,760 hours of a year by twelve.
const HoursPerMonth = 730

// Assumption is what an estimate supposes about use, where nothing in the stack says it.
type Assumption struct {
	// Key by which a stack file overrides it, as mlpathway:usage.
	Key string
	// Unit of the value.
	Unit string
	// Meaning in words.
	Meaning string
	// Dev, Stage and Prod are the values by environment.
	Dev, Stage, Prod float64
}

// Assumptions lists everything that an estimate supposes, sorted by key. The values are this project's own: what a
// small team's platform with one model does in a month.
func Assumptions() []Assumption {
	return []Assumption{
		{"auditEvents", "100,000 events", "data events of each audit trail", 1, 10, 100},
		{"batchHours", "hours", "time that each batch job runs", 5, 15, 60},
		{"endpointGB", "GB", "data through each private endpoint", 5, 50, 500},
		{"flowLogGB", "GB", "connection records of each network that keeps them", 0.5, 5, 50},
		{"functionSeconds", "seconds", "length of one run of a function", 2, 2, 2},
		{"imageGB", "GB", "images in each container repository", 2, 4, 8},
		{"invocations", "1,000 runs", "runs of each function", 10, 50, 500},
		{"keyRequests", "10,000 requests", "use of each encryption key", 1, 10, 100},
		{"logGB", "GB", "lines written to each log group", 0.1, 1, 5},
		{"messages", "1,000,000 requests", "messages through each topic or queue", 0.1, 1, 10},
		{"monitoringMinutes", "minutes", "length of one run of a monitoring schedule", 10, 10, 10},
		{"natGB", "GB", "data through each NAT gateway", 10, 100, 500},
		{"nodeHours", "hours", "time that each node above the minimum of a pool runs", 20, 40, 200},
		{"notebookHours", "hours", "time that each notebook runs", 40, 40, 80},
		{"queryTB", "TB", "data scanned by the queries of each workgroup or data set", 0.05, 0.5, 5},
		{"requestMs", "milliseconds", "compute of one prediction on a serverless endpoint", 50, 50, 50},
		{"requests", "1,000,000 requests", "predictions asked of each endpoint", 0.1, 1, 30},
		{"scaleOutHours", "hours", "time that an autoscaled service runs at its cap", 5, 20, 80},
		{"secretReads", "10,000 requests", "reads of each secret", 1, 5, 50},
		{"sparkHours", "hours", "time that each batch engine runs at its cap", 5, 20, 60},
		{"storageGB", "GB", "objects in each bucket", 5, 50, 500},
		{"storageReads", "1,000 requests", "reads of each bucket", 50, 500, 10000},
		{"storageWrites", "1,000 requests", "writes to each bucket", 10, 100, 1000},
		{"tableGB", "GB", "rows in each key-value table", 1, 5, 50},
		{"tableReads", "1,000,000 units", "reads of each key-value table", 0.1, 1, 50},
		{"tableWrites", "1,000,000 units", "writes to each key-value table", 0.1, 0.5, 20},
		{"trainingHours", "hours", "time that each training job or pipeline trains", 10, 30, 100},
		{"warehouseGB", "GB", "data in each warehouse", 5, 50, 500},
		{"warehouseHours", "hours", "time that each warehouse works at its base capacity", 10, 40, 200},
		{"workflowRuns", "runs", "runs of each workflow", 60, 120, 720},
		{"workflowSteps", "steps", "steps of one run of a workflow", 20, 20, 20},
		{"workingHours", "hours", "time that capacity with a schedule of its own is up", 220, 220, 220},
	}
}

// Usage holds the value of every assumption by its key.
type Usage map[string]float64

// NewUsage gives the assumptions of an environment with the overrides of a stack file. An unknown key and a value that
// is no quantity are refused.
func NewUsage(environment rules.Environment, overrides map[string]float64) (Usage, error) {
	usage := Usage{}
	for _, a := range Assumptions() {
		switch environment {
		case rules.Prod:
			usage[a.Key] = a.Prod
		case rules.Stage:
			usage[a.Key] = a.Stage
		case rules.Dev:
			usage[a.Key] = a.Dev
		default:
			return nil, fmt.Errorf("usage: found the environment %q, want dev, stage or prod", environment)
		}
	}
	if err := CheckUsage(overrides); err != nil {
		return nil, err
	}
	maps.Copy(usage, overrides)
	return usage, nil
}

// CheckUsage reports every override that no assumption has or whose value is no quantity.
func CheckUsage(overrides map[string]float64) error {
	known := make([]string, 0, len(Assumptions()))
	for _, a := range Assumptions() {
		known = append(known, a.Key)
	}
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(overrides)) {
		value := overrides[key]
		switch {
		case !slices.Contains(known, key):
			problems = append(problems, fmt.Errorf("usage.%s: unknown key; allowed: %s", key, strings.Join(known, ", ")))
		case value < 0 || math.IsNaN(value) || math.IsInf(value, 0):
			problems = append(problems, fmt.Errorf("usage.%s: found %v, want 0 or more", key, value))
		}
	}
	return errors.Join(problems...)
}
