// Package features computes the model's inputs from the curated rows with the SQL of pipeline.yaml, and divides the
// rows into training, validation and test rows.
package features

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/duck"
	"github.com/mlpathway/mlpathway/training-image/etl"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// Run does the step. Needed options: Run, Pipeline, Curated, Features, Logs; Online where there is an online store.
func Run(ctx context.Context, o step.Options) error {
	return step.Do(ctx, o, "features", func(ctx context.Context, j *step.Job) error {
		f := &features{Job: j}
		return f.run(ctx)
	})
}

// features is the step at work.
type features struct {
	*step.Job
	dir string // for temporary files
}

func (f *features) run(ctx context.Context) error {
	curated, err := f.Zone(ctx, f.Curated)
	if err != nil {
		return err
	}
	if f.dir, err = os.MkdirTemp("", "mlpathway-features-"); err != nil {
		return fmt.Errorf("making room for temporary files: %w", err)
	}
	defer func() { _ = os.RemoveAll(f.dir) }()
	view, files := "curated", []string(nil)
	if f.Result != "" {
		view = "result"
		if files, err = f.fetchResult(ctx); err != nil {
			return err
		}
	} else {
		rows, release, err := curated.Fetch(ctx, f.Record.DataVersion+"/"+etl.RowsFile)
		if err != nil {
			return fmt.Errorf("the curated rows are gone, start a new run: %w", err)
		}
		defer release()
		files = []string{rows}
	}
	db, err := openView(ctx, view, files, f.dir, f.queried())
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	result, err := f.compute(ctx, db, files)
	if err != nil {
		return err
	}
	if err := f.materialize(ctx, result); err != nil {
		return err
	}
	if err := f.fillGroup(ctx, result); err != nil {
		return err
	}
	return f.publish(ctx, result)
}

// queried is the file that the result of the query goes to.
func (f *features) queried() string { return filepath.Join(f.dir, "query.parquet") }

// openView opens a database in which a view shows the rows of files. Its queries reach no other file than these and
// the one for their result, and no network; what does not fit into memory goes to a directory.
func openView(ctx context.Context, view string, files []string, dir, result string) (*sql.DB, error) {
	db, err := duck.Open(ctx, "")
	if err != nil {
		return nil, err
	}
	quoted := make([]string, len(files))
	for i, file := range files {
		quoted[i] = duck.Text(file)
	}
	list := "[" + strings.Join(quoted, ", ") + "]"
	for _, query := range []string{
		"SET temp_directory = " + duck.Text(dir),
		"CREATE VIEW " + view + " AS SELECT * FROM read_parquet(" + list + ")",
		"SET allowed_paths = [" + strings.Join(append(quoted, duck.Text(result)), ", ") + "]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	} {
		if _, err := db.ExecContext(ctx, query); err != nil {
			_ = db.Close()
			return nil, fmt.Errorf("opening the view %s: %w", view, err)
		}
	}
	return db, nil
}

// fetchResult copies the files in which another engine left the result of the query to this machine.
func (f *features) fetchResult(ctx context.Context) ([]string, error) {
	prefix, ok := strings.CutPrefix(strings.TrimSuffix(f.Result, "/"), strings.TrimSuffix(f.Features, "/")+"/")
	if !ok {
		return nil, fmt.Errorf("the result %s of the query is not in the features zone %s", f.Result, f.Features)
	}
	zone, err := f.Zone(ctx, f.Features)
	if err != nil {
		return nil, err
	}
	objects, err := zone.List(ctx, prefix+"/")
	if err != nil {
		return nil, err
	}
	var files []string
	for _, o := range objects {
		if !strings.HasSuffix(o.Key, ".parquet") || o.SizeBytes == 0 {
			continue // marks that the engine leaves
		}
		file := filepath.Join(f.dir, fmt.Sprintf("result-%05d.parquet", len(files)))
		if err := download(ctx, zone, o.Key, file); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no .parquet file: has the engine run the query?", f.Result)
	}
	return files, nil
}

// download copies an object to a file.
func download(ctx context.Context, zone *lake.Zone, key, path string) error {
	in, err := zone.NewReader(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// compute runs the query and writes its result, in the order of the keys, to a temporary Parquet file.
func (f *features) compute(ctx context.Context, db *sql.DB, files []string) (*result, error) {
	text := strings.TrimRight(strings.TrimSpace(f.Spec.Features), "; \n\t")
	all := false // the curated rows are the result
	switch {
	case f.Result != "":
		text = "SELECT * FROM result"
	case text == "":
		text, all = "SELECT * FROM curated", true
	}
	for _, problem := range Portable(text) {
		f.Say("note: Spark SQL would not understand this query: %s", problem)
	}
	plan, err := newPlan(ctx, db, f.Spec, text)
	if err != nil {
		return nil, err
	}
	r := newResult(f.Spec, plan, filepath.Join(f.dir, "features.parquet"))
	if err := r.cut(ctx, db, text); err != nil {
		return nil, err
	}
	if all && f.Spec.Source.Key != "" {
		return r, r.fill(files[0]) // the curated rows are in this order already
	}
	if _, err := db.ExecContext(ctx, copyTo(plan, text, f.Spec.Source.Key, f.queried())); err != nil {
		return nil, queryError(err)
	}
	return r, r.fill(f.queried())
}

// copyTo is the query that writes the planned columns of another one to a file, in the order of the keys.
func copyTo(plan []planned, query, key, path string) string {
	var columns []string
	for _, p := range plan {
		columns = append(columns, p.typed()+" AS "+duck.Name(p.name))
	}
	order := "ALL"
	if key != "" {
		order = "computed." + duck.Name(key)
	}
	return "COPY (SELECT " + strings.Join(columns, ", ") + " FROM (\n" + query + "\n) AS computed ORDER BY " + order +
		") TO " + duck.Text(path) + " (FORMAT parquet)"
}

// cut finds the times at which rows are divided.
func (r *result) cut(ctx context.Context, db *sql.DB, text string) error {
	s := r.spec.Split
	if s.Time == "" {
		return nil
	}
	i := slices.IndexFunc(r.plan, func(p planned) bool { return p.name == s.Time })
	moment := "CAST(" + r.plan[i].typed() + " AS DOUBLE)"
	if r.plan[i].kept() == parquetfile.Timestamp {
		moment = "epoch_us(" + r.plan[i].typed() + ")"
	}
	at := func(share float64) string { return fmt.Sprintf("CAST(quantile_disc(%s, %v) AS DOUBLE)", moment, share) }
	row := db.QueryRowContext(ctx, "SELECT "+at(1-s.Validation-s.Test)+", "+at(1-s.Test)+" FROM (\n"+text+
		"\n) AS computed")
	var cuts [2]sql.NullFloat64 // null where no row has a time, which is said when the rows are looked at
	if err := row.Scan(&cuts[0], &cuts[1]); err != nil {
		return queryError(err)
	}
	r.cuts = [2]float64{cuts[0].Float64, cuts[1].Float64}
	return nil
}

func queryError(err error) error {
	return fmt.Errorf("the query in features of pipeline.yaml cannot be run: %w", err)
}

// publish puts the feature set into the features zone and makes it the newest.
func (f *features) publish(ctx context.Context, r *result) error {
	zone, err := f.Zone(ctx, f.Features)
	if err != nil {
		return err
	}
	set := registry.FeatureSet{Key: f.Record.DataVersion + "-" + f.Record.PipelineHash[:8] + "/features.parquet",
		DataVersion: f.Record.DataVersion, PipelineHash: f.Record.PipelineHash, Rows: r.rows}
	if err := zone.Upload(ctx, set.Key, r.path); err != nil {
		return err
	}
	if err := registry.WriteLatestFeatures(ctx, zone, &set); err != nil {
		return err
	}
	f.Record.Features = set.Key
	f.Say("%d rows, %d inputs: %d to train, %d to validate, %d to test", r.rows, len(r.inputs),
		r.parts[registry.TrainPart], r.parts[registry.ValidationPart], r.parts[registry.TestPart])
	return nil
}

// check refuses a feature set that cannot be trained from.
func (r *result) check() error {
	if r.rows == 0 {
		return errors.New("the query in features of pipeline.yaml returns no rows: loosen its conditions")
	}
	for _, part := range []string{registry.TrainPart, registry.ValidationPart, registry.TestPart} {
		if r.parts[part] == 0 {
			return fmt.Errorf("%d rows are too few: the %s part is empty; bring more rows, or change split in "+
				"pipeline.yaml", r.rows, part)
		}
	}
	if i := slices.Index(r.folds, false); i >= 0 {
		return fmt.Errorf("%d rows are too few: the fold %d of %d is empty; bring more rows, or lower tuning.folds in "+
			"pipeline.yaml", r.rows, i, len(r.folds))
	}
	if r.spec.Task != pipeline.Regression && len(r.classes) < 2 {
		return fmt.Errorf("all %d rows have the label %q: bring rows of the other classes too", r.rows,
			slices.Collect(maps.Keys(r.classes)))
	}
	for i, name := range r.inputs {
		if !r.seen[i] {
			return fmt.Errorf("the input %q has no value in any of the %d rows: leave it out of features in pipeline.yaml, "+
				"or find out why it is missing", name, r.rows)
		}
		if r.rows > 1 && r.leaks[i] {
			return fmt.Errorf("the input %q equals the label %q in every row: it gives the answer away; leave it out of "+
				"features in pipeline.yaml", name, r.spec.Label)
		}
	}
	return nil
}
