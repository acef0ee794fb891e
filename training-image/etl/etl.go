// Package etl turns the files of the raw zone into typed rows in the curated zone.
//
// Every row of every file ends in one of three places: in the curated Parquet file, in the quarantine file with the
// reason, or it gave way to a newer row with the same key and is counted.
package etl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/evaluate"
	"github.com/mlpathway/mlpathway/training-image/register"
	"github.com/mlpathway/mlpathway/training-image/source"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// Names of the objects of a data version in the curated zone.
const (
	RowsFile       = "part-00000.parquet"
	SchemaFile     = "schema.json"
	StatisticsFile = "statistics.json"
	QuarantineFile = "quarantine.csv"
	ReportFile     = "report.json"
)

// ErrNothing means that the raw zone holds no rows.
var ErrNothing = errors.New("nothing to train from")

// Run does the step. It begins the run: the record is made here. Needed options: Run, Pipeline, Raw, Curated, Models,
// Logs; Metadata and Warehouse where there are such.
func Run(ctx context.Context, o step.Options) error {
	spec, err := step.ReadPipeline(ctx, o.Pipeline)
	from := step.Source{Pipeline: spec, Err: err}
	e := &etl{}
	defer func() {
		if e.raw != nil {
			_ = e.raw.Close()
		}
	}()
	if from.Err == nil {
		from.Err = e.list(ctx, o.Raw, step.Format(spec))
	}
	from.Fingerprint = step.Fingerprint(e.files, spec)
	return step.Start(ctx, o, "etl", from, func(ctx context.Context, j *step.Job) error {
		e.Job = j
		return e.run(ctx)
	})
}

// list looks at what lies in the raw zone.
func (e *etl) list(ctx context.Context, uri, format string) (err error) {
	if e.raw, err = lake.Open(ctx, uri); err != nil {
		return err
	}
	e.files, e.others, err = source.List(ctx, e.raw, format)
	return err
}

// etl is the step at work.
type etl struct {
	*step.Job
	raw     *lake.Zone
	curated *lake.Zone
	files   []lake.Object // oldest first
	others  []string
	dir     string // for temporary files
	report  report
	// statistics of the accepted rows.
	statistics *statistics
}

func (e *etl) run(ctx context.Context) error {
	if len(e.files) == 0 {
		return fmt.Errorf("%w: the raw zone %s holds no %s file: put one there", ErrNothing, e.Raw,
			source.Extensions(e.Spec.Source.Format))
	}
	slices.SortStableFunc(e.files, func(a, b lake.Object) int {
		return cmp.Or(a.Modified.Compare(b.Modified), strings.Compare(a.Key, b.Key))
	})
	for _, name := range e.others {
		e.note("%s is ignored: its name does not end in %s", name,
			source.Extensions(e.Spec.Source.Format))
	}
	var err error
	if e.curated, err = e.Zone(ctx, e.Curated); err != nil {
		return err
	}
	if e.dir, err = os.MkdirTemp("", "mlpathway-etl-"); err != nil {
		return fmt.Errorf("making room for temporary files: %w", err)
	}
	defer func() { _ = os.RemoveAll(e.dir) }()
	if err := e.curate(ctx); err != nil {
		return err
	}
	if err := e.load(ctx); err != nil {
		return err
	}
	return e.compare(ctx)
}

// compare ends the run where the same rows were trained with the same pipeline before.
func (e *etl) compare(ctx context.Context) error {
	models, err := e.Zone(ctx, e.Models)
	if err != nil {
		return err
	}
	reg := registry.New(models)
	m, err := reg.Trained(ctx, e.Spec.Name, e.Record.DataVersion, e.Record.PipelineHash)
	if err != nil || m == nil {
		return err
	}
	if err := register.Complete(ctx, e.Job, reg, m); err != nil {
		return err
	}
	if m.Run == e.Record.ID {
		return nil // this very run was stopped after it had registered its version
	}
	if again, err := e.gateOpens(ctx, reg, m); err != nil || again {
		return err
	}
	e.Record.Version = m.Version
	e.End(registry.Unchanged)
	e.Say("unchanged: %s was trained from the same rows with the same pipeline", m.Version)
	return nil
}

// gateOpens tells whether a version that was refused would be let through by today's gate, so that a loosened gate
// leads to a promotion and not to "unchanged". The steps that follow judge it anew.
func (e *etl) gateOpens(ctx context.Context, reg *registry.Registry, m *registry.Manifest) (bool, error) {
	if m.Decision.Promoted {
		return false, nil
	}
	v, err := reg.Open(ctx, m.Name, m.Version)
	if err != nil {
		return false, err
	}
	if !evaluate.Decide(e.Spec.Gate, &v.Metrics, "").Promoted {
		e.Say("note: %s was not promoted: %s", m.Version, m.Decision.Reason)
		return false, nil
	}
	e.Say("the gate has been loosened since %s was refused: it is judged again", m.Version)
	return true, nil
}
