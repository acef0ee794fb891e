package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/internal/registry"
	"github.com/mlpathway/mlpathway/training-image/cell"
	"github.com/mlpathway/mlpathway/training-image/parquetfile"
)

const runID = "20260101T000000.000Z"

var zones = []string{"raw", "curated", "features", "models", "logs"}

// ready makes a lake in which generated rows wait for train.
func ready(ctx context.Context, dir string, rows, columns int, text string) error {
	for _, zone := range zones {
		if err := os.MkdirAll(filepath.Join(dir, zone), 0o700); err != nil {
			return err
		}
	}
	if err := writeFeatures(filepath.Join(dir, "features", "features.parquet"), rows, columns); err != nil {
		return err
	}
	return prepare(ctx, dir, text)
}

// prepare begins a run that train goes on with.
func prepare(ctx context.Context, dir, text string) error {
	spec, err := pipeline.Parse("bench", []byte(text))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "pipeline.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	zone, err := lake.Open(ctx, lake.FileURI(filepath.Join(dir, "logs")))
	if err != nil {
		return err
	}
	defer func() { _ = zone.Close() }()
	return registry.WriteRun(ctx, zone, &registry.Run{ID: runID, Status: registry.Running, Model: spec.Name,
		PipelineHash: spec.Hash(), DataVersion: "generated", Features: "features.parquet", Started: time.Now().UTC()})
}

// writeFeatures writes a feature set as the step features does: 65 % to train, 15 % to validate, 20 % to test.
func writeFeatures(path string, rows, width int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var columns []parquetfile.Column
	for _, name := range names(width) {
		columns = append(columns, parquetfile.Column{Name: name, Kind: parquetfile.Double, Optional: true})
	}
	columns = append(columns, parquetfile.Column{Name: "y", Kind: parquetfile.Text},
		parquetfile.Column{Name: registry.SplitColumn, Kind: parquetfile.Text})
	w, err := parquetfile.NewWriter(f, columns)
	if err != nil {
		return err
	}
	g, x, values := newGenerator(), make([]float32, width), make([]cell.Value, width+2)
	for range rows {
		values[width] = cell.OfText([]string{"no", "yes"}[int(g.row(x))])
		for i, v := range x {
			values[i] = cell.OfFloat(float64(v))
		}
		switch draw := g.random.Float64(); {
		case draw < 0.65:
			values[width+1] = cell.OfText(registry.TrainPart)
		case draw < 0.8:
			values[width+1] = cell.OfText(registry.ValidationPart)
		default:
			values[width+1] = cell.OfText(registry.TestPart)
		}
		if err := w.Write(values); err != nil {
			return err
		}
	}
	return w.Close()
}

// generatedSpec is a pipeline.yaml for generated rows.
func generatedSpec(columns int, parameters, more string) string {
	m := meta{Task: "binary", Classes: []string{"no", "yes"}, Columns: names(columns)}
	return strings.Replace(specOf(&m, "trees", parameters), "model: {", "model: {"+more, 1)
}

// judged runs evaluate, gives the AUC and takes the candidate away.
func (o *options) judged(ctx context.Context, dir string) (float64, error) {
	if _, err := run(ctx, o.environment(dir), o.image, "evaluate"); err != nil {
		return 0, err
	}
	folder := filepath.Join(dir, "models", "bench", "candidates", runID)
	data, err := os.ReadFile(filepath.Join(folder, "metrics.json"))
	if err != nil {
		return 0, err
	}
	var m registry.Metrics
	if err := json.Unmarshal(data, &m); err != nil {
		return 0, err
	}
	return m.Candidate["auc"], os.RemoveAll(folder)
}

// ranks trains on one rank and on two.
func (o *options) ranks(ctx context.Context, dir string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "| %d rows x 30 | CPU seconds | wall seconds | largest process, MiB | AUC | CPU efficiency |\n"+
		"|---|---:|---:|---:|---:|---:|\n", o.pathRows)
	for i, rounds := range []int{50, 200} {
		place := filepath.Join(dir, fmt.Sprintf("ranks-%d", rounds))
		text := generatedSpec(30, fmt.Sprintf("rounds: %d, earlyStopping: 0", rounds), "")
		if err := ready(ctx, place, o.pathRows, 30, text); err != nil {
			return "", err
		}
		var alone float64
		for _, world := range []int{1, 2} {
			all, err := o.team(ctx, place, world)
			if err != nil {
				return "", err
			}
			auc, err := o.judged(ctx, place)
			if err != nil {
				return "", err
			}
			var sum span
			for _, s := range all {
				sum.cpu, sum.wall, sum.mib = sum.cpu+s.cpu, max(sum.wall, s.wall), max(sum.mib, s.mib)
			}
			if world == 1 {
				alone = sum.cpu
			}
			fmt.Fprintf(&b, "| %d rounds, %d rank%s | %.1f | %.1f | %.0f | %.4f | **%.2f** |\n", rounds, world,
				[]string{"", "s"}[world-1], sum.cpu, sum.wall, sum.mib, auc, alone/sum.cpu)
		}
		if i == 0 {
			_ = os.RemoveAll(place)
		}
	}
	return b.String(), nil
}

// team runs train as so many processes.
func (o *options) team(ctx context.Context, dir string, world int) ([]span, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err := errors.Join(err, listener.Close()); err != nil {
		return nil, err
	}
	spans, errs := make([]span, world), make([]error, world)
	var group sync.WaitGroup
	for rank := range world {
		group.Go(func() {
			env := o.environment(dir)
			if world > 1 {
				env = append(env, "MASTER_ADDR=127.0.0.1", "MASTER_PORT="+port, "WORLD_SIZE="+strconv.Itoa(world),
					"RANK="+strconv.Itoa(rank))
			}
			spans[rank], errs[rank] = run(ctx, env, o.image, "train")
		})
	}
	group.Wait()
	return spans, errors.Join(errs...)
}

// wide is the number of columns of rows that are larger than memory.
const wide = 60

// memory trains on rows that are larger than the memory that a process may have.
func (o *options) memory(ctx context.Context, dir string) (string, error) {
	var b strings.Builder
	place := filepath.Join(dir, "memory")
	if err := ready(ctx, place, o.memoryRows, wide, generatedSpec(wide, "", "")); err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "| %d rows x %d, %d MiB as 32-bit numbers | limit, MiB | CPU seconds | wall seconds | AUC |\n"+
		"|---|---:|---:|---:|---:|\n", o.memoryRows, wide, o.memoryRows*wide*4>>20)
	for _, kind := range []struct {
		title, more string
		limit       int
		fails       bool
	}{
		{"in memory", "", 0, false},
		{"in memory", "", o.memoryLimit, true},
		{"`externalMemory: true`", "externalMemory: true, ", o.memoryLimit, false},
	} {
		if err := prepare(ctx, place, generatedSpec(wide, "rounds: 10, earlyStopping: 0", kind.more)); err != nil {
			return "", err
		}
		command := []string{o.image, "train"}
		limit := "none"
		if kind.limit > 0 {
			group, err := limited(kind.limit << 20)
			if err != nil {
				return "", err
			}
			defer func() { _ = os.Remove(group) }()
			command = slices.Concat([]string{"/bin/sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, group}, command)
			limit = strconv.Itoa(kind.limit)
		}
		s, err := run(ctx, o.environment(place), command...)
		switch {
		case kind.fails && err == nil:
			return "", fmt.Errorf("%d MiB are enough without external memory: ask for more rows", kind.limit)
		case kind.fails:
			fmt.Fprintf(&b, "| %s | %s | ends without memory | | |\n", kind.title, limit)
		case err != nil:
			return "", err
		default:
			auc, err := o.judged(ctx, place)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "| %s | %s | %.1f | %.1f | %.4f |\n", kind.title, limit, s.cpu, s.wall, auc)
		}
	}
	return b.String(), nil
}

// limited makes a control group whose processes may have so many bytes of memory, the pages of files among them.
func limited(bytes int) (group string, err error) {
	root, file := "/sys/fs/cgroup", "memory.max"
	if _, err := os.Stat("/sys/fs/cgroup/memory/memory.limit_in_bytes"); err == nil {
		root, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	}
	if group, err = os.MkdirTemp(root, "mlpathway-bench-"); err != nil {
		return "", fmt.Errorf("limiting memory needs root and control groups: %w", err)
	}
	return group, os.WriteFile(filepath.Join(group, file), []byte(strconv.Itoa(bytes)), 0o600)
}
