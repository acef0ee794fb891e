package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/inference-image/capture"
	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// ErrDrift is returned where FailOnDrift is set and something drifted.
var ErrDrift = errors.New("the live data has drifted away from the training data")

// Options of a comparison.
type Options struct {
	// Models, Logs and Results are the URIs of the zones.
	Models, Logs, Results string
	// Model is the name of the model; empty takes the name of Pipeline.
	Model string
	// Pipeline is the URI of pipeline.yaml, which holds the thresholds. Optional: without it PSI 0.2, missing 0.1 and
	// at least 100 rows.
	Pipeline string
	// Alias whose version is compared. Default production.
	Alias string
	// AllVersions also takes rows that other versions with the same inputs answered.
	AllVersions bool
	// Since takes only the rows of so long ago; 0 takes all.
	Since time.Duration
	// Keep is how many reports stay. Default 500.
	Keep int
	// FailOnDrift makes Run return ErrDrift where something drifted, after the report was written.
	FailOnDrift bool
	// JSON prints the report itself to Out in place of a sentence.
	JSON bool
	// Out takes the outcome. Optional.
	Out io.Writer
	// Now is the time of the report. Default time.Now.
	Now func() time.Time
}

type zones struct{ models, logs, results *lake.Zone }

// Run compares the captured rows with the training profile of the served version and writes the report. Drift is no
// error unless FailOnDrift is set, nor is it one that there is no model or that there are too few rows yet.
func Run(ctx context.Context, o Options) error {
	if o.Alias == "" {
		o.Alias = registry.Production
	}
	if o.Keep <= 0 {
		o.Keep = 500
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	z, closeAll, err := openZones(ctx, o)
	if err != nil {
		return err
	}
	defer closeAll()
	report, err := build(ctx, o, z)
	if err != nil {
		return fmt.Errorf("comparing live and training data: %w", err)
	}
	data, err := write(ctx, z.results, report, o.Keep)
	if err != nil {
		return fmt.Errorf("writing the drift report: %w", err)
	}
	if !o.JSON {
		data = []byte(report.Message + "\n")
	}
	if _, err := o.Out.Write(data); err != nil {
		return fmt.Errorf("printing the drift report: %w", err)
	}
	if o.FailOnDrift && report.Status == Drift {
		return fmt.Errorf("%w: %s", ErrDrift, some(report.Drifted))
	}
	return nil
}

func openZones(ctx context.Context, o Options) (z zones, closeAll func(), err error) {
	var opened []*lake.Zone
	closeAll = func() {
		for _, zone := range opened {
			_ = zone.Close()
		}
	}
	for uri, into := range map[string]**lake.Zone{o.Models: &z.models, o.Logs: &z.logs, o.Results: &z.results} {
		if *into, err = lake.Open(ctx, uri); err != nil {
			closeAll()
			return zones{}, nil, err
		}
		opened = append(opened, *into)
	}
	return z, closeAll, nil
}

// build computes the report.
func build(ctx context.Context, o Options, z zones) (*Report, error) {
	limits, name := Thresholds{PSI: 0.2, MissingRise: 0.1, MinRows: 100, NewCategories: 0.01}, o.Model
	if o.Pipeline != "" {
		spec, err := model.ReadPipeline(ctx, o.Pipeline)
		if err != nil {
			return nil, err
		}
		limits = Thresholds{PSI: spec.Drift.PSI, MissingRise: spec.Drift.Missing, MinRows: spec.Drift.MinRows,
			KS: spec.Drift.KS, JS: spec.Drift.JS, NewCategories: spec.Drift.NewCategories,
			Metric: spec.Gate.Metric, Quality: spec.Drift.Quality}
		if name == "" {
			name = spec.Name
		}
	}
	if name == "" {
		return nil, model.ErrNoName
	}
	report := &Report{Time: o.Now().UTC(), Model: name, Status: Insufficient, Drifted: []string{},
		Thresholds: limits, Features: []Comparison{}}
	models := registry.New(z.models)
	alias, err := models.Resolve(ctx, name, o.Alias)
	if errors.Is(err, registry.ErrNoAlias) {
		report.Message = fmt.Sprintf("no model yet: nothing has been promoted to %s of %s", o.Alias, name)
		return report, nil
	}
	if err != nil {
		return nil, err
	}
	v, err := models.Open(ctx, name, alias.Version)
	if err != nil {
		return nil, err
	}
	report.Version = v.Manifest.Version
	l, err := newLive(v, report, models, o)
	if err != nil {
		return nil, err
	}
	if l.labels, err = readLabels(ctx, z.logs, &v.Manifest); err != nil {
		return nil, err
	}
	broken, err := capture.Read(ctx, z.logs, func(r *capture.Record) error { return l.add(ctx, r) })
	if err != nil {
		return nil, err
	}
	report.Broken += broken
	l.finish()
	return report, nil
}

// live counts the captured rows.
type live struct {
	report     *Report
	manifest   *registry.Manifest
	models     *registry.Registry
	all        bool
	from       time.Time
	same       map[string]bool // whether a version has the same inputs and answers as the one that is served
	features   []*tally
	prediction *tally
	labels     *labels
}

func newLive(v *registry.Version, report *Report, models *registry.Registry, o Options) (*live, error) {
	m := &v.Manifest
	l := &live{report: report, manifest: m, models: models, all: o.AllVersions, same: map[string]bool{m.Version: true}}
	if o.Since > 0 {
		l.from = report.Time.Add(-o.Since)
	}
	if len(v.Profile.Features) != len(m.Inputs) {
		return nil, fmt.Errorf("the profile of %s %s has %d features, the model %d inputs: %w",
			m.Name, m.Version, len(v.Profile.Features), len(m.Inputs), registry.ErrCorrupt)
	}
	for i := range v.Profile.Features {
		d := &v.Profile.Features[i]
		if d.Name != m.Inputs[i].Name {
			return nil, fmt.Errorf("the profile of %s %s has the feature %q where the model has %q: %w",
				m.Name, m.Version, d.Name, m.Inputs[i].Name, registry.ErrCorrupt)
		}
		if err := check(d); err != nil {
			return nil, err
		}
		l.features = append(l.features, newTally(d))
	}
	if err := check(&v.Profile.Prediction); err != nil {
		return nil, err
	}
	l.prediction = newTally(&v.Profile.Prediction)
	return l, nil
}

func check(d *registry.Distribution) error {
	if len(d.Counts) != len(d.Edges)+1 || !slices.IsSorted(d.Edges) {
		return fmt.Errorf("the profile of %q has %d counts for %d edges, or edges out of order: %w",
			d.Name, len(d.Counts), len(d.Edges), registry.ErrCorrupt)
	}
	return nil
}

func (l *live) add(ctx context.Context, r *capture.Record) error {
	if r.Time.Before(l.from) || !l.wanted(ctx, r.Version) {
		return nil
	}
	if r.Unknown != "" {
		for _, t := range l.features {
			if t.training.Name == r.Unknown {
				t.unknown++
			}
		}
		return nil
	}
	if len(r.Features) != len(l.features) || len(r.Output) != max(1, len(l.manifest.Classes)) {
		l.report.Broken++
		return nil
	}
	for i, x := range r.Features {
		if x == nil {
			l.features[i].add(math.NaN())
			continue
		}
		l.features[i].add(float64(*x))
	}
	l.prediction.add(model.Score(l.manifest.Task, r.Output))
	l.labels.match(r)
	l.report.Rows++
	if l.report.From.IsZero() || r.Time.Before(l.report.From) {
		l.report.From = r.Time
	}
	if r.Time.After(l.report.To) {
		l.report.To = r.Time
	}
	return nil
}

// wanted reports whether rows of a version count.
func (l *live) wanted(ctx context.Context, version string) bool {
	same, known := l.same[version]
	if !known && l.all {
		m, err := l.models.Manifest(ctx, l.manifest.Name, version)
		// A version that was deleted meanwhile cannot be compared; its rows are left out.
		same = err == nil && slices.EqualFunc(m.Inputs, l.manifest.Inputs, registry.Input.Equal) &&
			slices.Equal(m.Classes, l.manifest.Classes)
		l.same[version] = same
	}
	return same
}

// finish judges.
func (l *live) finish() {
	r := l.report
	for _, t := range l.features {
		r.Features = append(r.Features, t.compare(r.Thresholds))
	}
	prediction := l.prediction.compare(r.Thresholds)
	r.Prediction = &prediction
	r.Quality = l.labels.judge(l.manifest.Task, r.Thresholds)
	if r.Rows < r.Thresholds.MinRows {
		r.Message = fmt.Sprintf("%d rows were captured for %s %s; a judgement needs %d",
			r.Rows, r.Model, r.Version, r.Thresholds.MinRows)
		return
	}
	if r.Quality != nil && r.Quality.Status == Drift {
		r.Drifted = append(r.Drifted, "quality")
	}
	for _, c := range append([]Comparison{prediction}, r.Sorted()...) {
		if c.Status == Drift {
			r.Drifted = append(r.Drifted, c.Name)
		}
	}
	r.Status = OK
	r.Message = fmt.Sprintf("no drift in %d rows for %s %s", r.Rows, r.Model, r.Version)
	if len(r.Drifted) > 0 {
		r.Status = Drift
		r.Message = fmt.Sprintf("drift in %d rows for %s %s: %s",
			r.Rows, r.Model, r.Version, some(r.Drifted))
	}
}

// some lists up to five names.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// write puts the report, the page and last the newest report into the results zone, and deletes old reports.
func write(ctx context.Context, results *lake.Zone, r *Report, keep int) ([]byte, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	data = append(data, '\n')
	old, err := reports(ctx, results)
	if err != nil {
		return nil, err
	}
	past, err := history(ctx, results, old)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := writePage(&page, r, append(past, newPoint(r))); err != nil {
		return nil, err
	}
	key := Prefix + r.Time.Format("20060102T150405.000Z") + ".json"
	for _, object := range []struct {
		key  string
		data []byte
	}{{key, data}, {Page, page.Bytes()}, {LatestReport, data}} {
		if err := results.Write(ctx, object.key, object.data); err != nil {
			return nil, err
		}
	}
	for ; len(old) >= keep; old = old[1:] {
		if err := results.Delete(ctx, old[0]); err != nil {
			return nil, err
		}
	}
	return data, nil
}
