package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// path measures the whole way from raw CSV to a registered model, all steps as programs of their own, beside a script
// of pandas and scikit-learn.
func (o *options) path(ctx context.Context, dir string) (string, error) {
	for _, zone := range zones {
		if err := os.MkdirAll(filepath.Join(dir, zone), 0o700); err != nil {
			return "", err
		}
	}
	csv := filepath.Join(dir, "raw", "rows.csv")
	if err := writeCSV(csv, o.pathRows); err != nil {
		return "", err
	}
	m := meta{Task: "binary", Classes: []string{"no", "yes"}, Columns: generated(0, 0).columns}
	text := strings.Replace(specOf(&m, "trees", parameters["trees"]), "source:\n", "source:\n  key: id\n", 1)
	text = strings.Replace(text, "  columns:\n", "  columns:\n    - {name: id, type: integer}\n", 1)
	if err := os.WriteFile(filepath.Join(dir, "pipeline.yaml"), []byte(text), 0o600); err != nil {
		return "", err
	}
	ours, theirs := map[string][]span{}, []span(nil)
	for range o.rounds {
		if err := o.steps(ctx, dir, ours); err != nil {
			return "", err
		}
		s, err := run(ctx, os.Environ(), o.python, filepath.Join(o.sources, "bench.py"), "path", csv, dir)
		if err != nil {
			return "", err
		}
		theirs = append(theirs, s)
	}
	accuracy, err := registered(ctx, dir)
	if err != nil {
		return "", err
	}
	var peer taken
	if err := json.Unmarshal([]byte(theirs[0].out), &peer); err != nil {
		return "", err
	}
	return o.table(ours, theirs, accuracy, peer.Accuracy), nil
}

var steps = []string{"etl", "features", "train", "evaluate", "register"}

// all is the name of what all steps took.
const all = ""

// steps runs all steps on the raw file, from an empty lake on.
func (o *options) steps(ctx context.Context, dir string, took map[string][]span) error {
	for _, zone := range zones {
		if zone == "raw" {
			continue
		}
		if err := errors.Join(os.RemoveAll(filepath.Join(dir, zone)), os.Mkdir(filepath.Join(dir, zone), 0o700)); err != nil {
			return err
		}
	}
	var whole span
	for _, step := range steps {
		s, err := run(ctx, o.environment(dir), o.image, step)
		if err != nil {
			return err
		}
		whole.wall, whole.cpu, whole.mib = whole.wall+s.wall, whole.cpu+s.cpu, max(whole.mib, s.mib)
		took[step] = append(took[step], s)
	}
	took[all] = append(took[all], whole)
	return nil
}

func (o *options) table(ours map[string][]span, theirs []span, accuracy, peer float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %d rows x 30 | wall seconds | CPU seconds | peak MiB | accuracy |\n|---|---:|---:|---:|---:|\n",
		o.pathRows)
	for _, step := range steps {
		s := typical(ours[step])
		fmt.Fprintf(&b, "| training-image %s | %.1f | %.1f | %.0f | |\n", step, s.wall, s.cpu, s.mib)
	}
	us, them := typical(ours[all]), typical(theirs)
	fmt.Fprintf(&b, "| training-image, all steps | **%.1f** | %.1f | %.0f | %.4f |\n", us.wall, us.cpu, us.mib, accuracy)
	fmt.Fprintf(&b, "| pandas and HistGradientBoosting, one script | **%.1f** | %.1f | %.0f | %.4f |\n",
		them.wall, them.cpu, them.mib, peer)
	fmt.Fprintf(&b, "\nRatio of the wall times: %.2f; of the CPU seconds: %.2f. The medians of %d runs of each, in turns."+
		"\n", us.wall/them.wall, us.cpu/them.cpu, o.rounds)
	return b.String()
}

// typical is the medians.
func typical(all []span) span {
	return span{wall: median(all, func(s span) float64 { return s.wall }),
		cpu: median(all, func(s span) float64 { return s.cpu }), mib: median(all, func(s span) float64 { return s.mib })}
}

func median[T any](all []T, get func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, one := range all {
		values[i] = get(one)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func (o *options) environment(dir string) []string {
	env := append(os.Environ(), "MLPATHWAY_RUN="+runID,
		"MLPATHWAY_PIPELINE="+lake.FileURI(filepath.Join(dir, "pipeline.yaml")))
	for _, zone := range zones {
		env = append(env, "MLPATHWAY_"+strings.ToUpper(zone)+"="+lake.FileURI(filepath.Join(dir, zone)))
	}
	return env
}

// span is what a program took.
type span struct {
	wall, cpu, mib float64
	out            string
}

func run(ctx context.Context, env []string, command ...string) (span, error) {
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Env = env
	var messages strings.Builder
	c.Stderr = &messages
	begun := time.Now()
	out, err := c.Output()
	if err != nil {
		return span{}, fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, messages.String())
	}
	s := span{wall: time.Since(begun).Seconds(), out: string(out)}
	if r, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.cpu, s.mib = seconds(r.Utime)+seconds(r.Stime), float64(r.Maxrss)/1024
	}
	return s, nil
}

func registered(ctx context.Context, dir string) (float64, error) {
	zone, err := lake.Open(ctx, lake.FileURI(filepath.Join(dir, "models")))
	if err != nil {
		return 0, err
	}
	defer func() { _ = zone.Close() }()
	r := registry.New(zone)
	alias, err := r.Resolve(ctx, "bench", registry.Production)
	if err != nil {
		return 0, err
	}
	v, err := r.Open(ctx, "bench", alias.Version)
	if err != nil {
		return 0, err
	}
	return v.Metrics.Candidate["accuracy"], nil
}

// writeCSV writes generated rows.
func writeCSV(path string, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	_, _ = w.WriteString("id," + strings.Join(generated(0, 0).columns, ",") + ",y\n")
	g, x, line := newGenerator(), make([]float32, 30), []byte{}
	for i := range n {
		label := g.row(x)
		line = strconv.AppendInt(line[:0], int64(i), 10)
		for _, v := range x {
			line = strconv.AppendFloat(append(line, ','), float64(v), 'g', 6, 32)
		}
		line = append(line, []string{",no\n", ",yes\n"}[int(label)]...)
		_, _ = w.Write(line)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
