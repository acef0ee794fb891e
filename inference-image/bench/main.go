// Command bench measures the inference image beside others, in one go and in turns, so that a busy machine slows all of
// them alike: an empty handler of the same server, the app that this project began with (Flask, joblib and
// scikit-learn, with Flask's server and with gunicorn), and onnxruntime-node behind node's http server. It prints
// ratios. make bench-serve runs it; what is not installed is left out and said so.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

type options struct {
	server, sources, ort, page, python, only string
	rounds, batchRows                        int
	seconds                                  time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "bin/inference-image", "the inference image's program")
	flag.StringVar(&o.sources, "sources", "inference-image/bench", "where the apps to compare with lie")
	flag.StringVar(&o.ort, "onnxruntime-node", os.Getenv("BENCH_ORT"), "folder of npm's onnxruntime-node")
	flag.StringVar(&o.python, "python", "/usr/bin/python3", "Python with Flask, gunicorn and scikit-learn")
	flag.StringVar(&o.page, "page", "", "write the tables between the markers of this page")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds")
	flag.IntVar(&o.batchRows, "batch-rows", 1_000_000, "rows of the batch")
	flag.DurationVar(&o.seconds, "seconds", 3*time.Second, "time of each measurement")
	flag.StringVar(&o.only, "only", "", "measure only parser, trees, network or batch")
	profile := flag.String("profile", "", "only write a profile of the server under load to this file")
	limit := flag.String("limit", "", "only serve an empty handler on this address")
	standard := flag.Bool("standard", false, "with -limit: by net/http alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := o.run
	if *limit != "" {
		run = func(context.Context) error { return empty(*limit, *standard) }
	}
	if *profile != "" {
		run = func(ctx context.Context) error { return o.profileTo(ctx, *profile) }
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// empty is the limit: the same HTTP server with a handler that does nothing, or that of the standard library.
func empty(address string, standard bool) error {
	h := serve.NewHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = w.Write([]byte("{}\n"))
	}))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if standard {
		return h.HTTP.Serve(listener)
	}
	return h.Serve(listener)
}

func (o *options) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "mlpathway-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, part := range []string{"parser", "trees", "network", "batch"} {
		if o.only != "" && o.only != part {
			continue
		}
		measure := o.batch
		switch part {
		case "parser":
			measure = parser
		case "trees", "network":
			measure = func(ctx context.Context, dir string) (string, error) {
				return o.online(ctx, filepath.Join(dir, part), part)
			}
		}
		text, err := measure(ctx, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
		fmt.Println(text)
		if o.page != "" {
			if err := insert(o.page, part, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// titles of the models that are measured.
var titles = map[string]string{
	"trees":   "100 trees of depth 6, 30 features",
	"network": "a network of 30-128-64-1",
}

// register writes a model of the kind into a registry and returns the file of its ONNX.
func register(ctx context.Context, dir, kind string) (string, error) {
	models := filepath.Join(dir, "models")
	if err := os.MkdirAll(models, 0o700); err != nil {
		return "", err
	}
	zone, err := lake.Open(ctx, lake.FileURI(models))
	if err != nil {
		return "", err
	}
	defer func() { _ = zone.Close() }()
	s := onnxtest.Shape{Inputs: 30, Trees: 100, Depth: 6}
	e := onnxtest.Ensemble(1, s)
	data, err := e.Marshal(nil)
	if kind == "network" {
		data, err = onnxtest.Network(1, s, 128, 64).Marshal(nil)
	}
	if err != nil {
		return "", err
	}
	v := &registry.Version{Model: data, Manifest: registry.Manifest{Name: "bench", Version: "v1", Task: e.Task,
		Family: kind, Classes: e.Classes}}
	for _, name := range e.Inputs {
		v.Manifest.Inputs = append(v.Manifest.Inputs, registry.Input{Name: name})
	}
	r := registry.New(zone)
	if err := r.Register(ctx, v); err != nil {
		return "", err
	}
	return filepath.Join(models, "bench/versions/v1/model.onnx"), r.Promote(ctx, "bench", registry.Production, "v1")
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	return sorted[len(sorted)/2]
}

// insert puts the text of a part between its markers on a page.
func insert(page, part, text string) error {
	begin, end := "<!-- bench-serve "+part+": begin -->", "<!-- bench-serve "+part+": end -->"
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no %s and %s", page, begin, end)
	}
	return os.WriteFile(page, []byte(before+begin+"\n\n"+strings.TrimSpace(text)+"\n\n"+end+after), 0o644)
}
