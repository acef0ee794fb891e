// Command bench measures the training image beside scikit-learn and writes what it finds into docs/benchmarks.md. Both
// sides read the same rows, fit with the same settings on one thread, and take turns.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

type options struct {
	python, sources, image, page, part string
	rounds, rows, pathRows             int
	memoryRows, memoryLimit            int
}

func main() {
	var o options
	child := flag.String("fit", "", "fit one family to the rows of a folder and print what it took; for the bench itself")
	flag.StringVar(&o.python, "python", "/usr/bin/python3",
		"Python with scikit-learn and pandas (Debian: python3-sklearn python3-pandas)")
	flag.StringVar(&o.sources, "sources", "training-image/bench", "folder of bench.py and the data")
	flag.StringVar(&o.image, "image", "bin/training-image", "the program")
	flag.StringVar(&o.page, "page", "", "page to write the figures into")
	flag.StringVar(&o.part, "part", "fits,int8,path,ranks,memory", "what to measure")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each fit is measured")
	flag.IntVar(&o.rows, "rows", 100_000, "generated rows to train from")
	flag.IntVar(&o.pathRows, "path-rows", 1_000_000, "rows of the whole run, and of the ranks")
	flag.IntVar(&o.memoryRows, "memory-rows", 2_000_000, "rows that are larger than memory")
	flag.IntVar(&o.memoryLimit, "memory-limit", 400, "MiB of memory that a process may have then")
	flag.Parse()
	ctx := context.Background()
	var err error
	if *child != "" {
		err = fitChild(ctx, *child, flag.Arg(0), flag.Arg(1))
	} else {
		err = o.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "mlpathway-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, part := range []struct {
		name    string
		measure func(context.Context, string) (string, error)
	}{{"fits", o.fits}, {"int8", o.int8}, {"path", o.path}, {"ranks", o.ranks},
		{"memory", o.memory}} {
		if !slices.Contains(strings.Split(o.part, ","), part.name) {
			continue
		}
		text, err := part.measure(ctx, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Println(text)
		if o.page == "" {
			continue
		}
		if err := insert(o.page, part.name, text); err != nil {
			return err
		}
	}
	return nil
}

// taken is what one fit took.
type taken struct {
	CPU      float64 `json:"cpu"`
	MiB      float64 `json:"mib"`
	Accuracy float64 `json:"accuracy"`
	AUC      float64 `json:"auc"`
	R2       float64 `json:"r2"`
}

// contest is a family of ours and its peer.
type contest struct{ ours, theirs, title string }

var contests = []contest{
	{"trees", "hgb", "100 trees of depth 6; HistGradientBoosting"},
	{"mlp", "mlp", "network 128-64, 10 epochs of 256 rows; MLPClassifier"},
	{"linear", "lr", "logistic regression; LogisticRegression"},
}

func (o *options) fits(ctx context.Context, dir string) (string, error) {
	var b strings.Builder
	b.WriteString("| rows | fit; its peer | accuracy (r2), ours | theirs | AUC, ours | theirs |" +
		" CPU seconds, ours | theirs | ratio |" +
		" peak MiB, ours | theirs | ratio |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, set := range o.sets() {
		folder := filepath.Join(dir, set.name)
		if err := set.write(folder); err != nil {
			return "", err
		}
		for _, c := range contests {
			ours, theirs, err := o.compare(ctx, folder, c, set.name != "generated")
			if err != nil {
				return "", fmt.Errorf("%s, %s: %w", set.name, c.ours, err)
			}
			title := c.title
			if set.task == "regression" {
				title = map[string]string{"trees": title, "mlp": "network 128-64, 10 epochs; MLPRegressor",
					"linear": "linear regression; Ridge"}[c.ours]
			}
			quality := func(t taken) float64 { return t.Accuracy + t.R2 } // one of them is 0
			fmt.Fprintf(&b, "| %s | %s | %.4f | %.4f | %s | %s | %.2f | %.2f | **%.2f** | %.0f | %.0f | **%.2f** |\n",
				set.title, title, quality(ours), quality(theirs), digits(ours.AUC), digits(theirs.AUC), ours.CPU, theirs.CPU,
				ours.CPU/theirs.CPU, ours.MiB, theirs.MiB, ours.MiB/theirs.MiB)
		}
	}
	return b.String(), nil
}

func digits(x float64) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprintf("%.4f", x)
}

// compare fits both in turns, each time from another seed, and gives the medians. What is small is fitted more often:
// the weights that a network begins with count for much there.
func (o *options) compare(ctx context.Context, folder string, c contest, small bool) (ours, theirs taken, err error) {
	self, err := os.Executable()
	if err != nil {
		return ours, theirs, err
	}
	var all [2][]taken
	rounds := o.rounds
	if small {
		rounds *= 3
	}
	for round := range rounds {
		seed := strconv.Itoa(round + 1)
		for i, command := range [][]string{{self, "-fit", c.ours, folder, seed},
			{o.python, filepath.Join(o.sources, "bench.py"), "fit", c.theirs, folder, seed}} {
			var t taken
			if err := call(ctx, &t, command...); err != nil {
				return ours, theirs, err
			}
			all[i] = append(all[i], t)
		}
	}
	return middle(all[0]), middle(all[1]), nil
}

func middle(all []taken) taken {
	return taken{CPU: median(all, func(t taken) float64 { return t.CPU }),
		MiB:      median(all, func(t taken) float64 { return t.MiB }),
		Accuracy: median(all, func(t taken) float64 { return t.Accuracy }),
		AUC:      median(all, func(t taken) float64 { return t.AUC }),
		R2:       median(all, func(t taken) float64 { return t.R2 })}
}

// call runs a command on one thread and reads the JSON that it prints.
func call(ctx context.Context, into any, command ...string) error {
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OMP_THREAD_LIMIT=1", "OPENBLAS_NUM_THREADS=1", "GOMAXPROCS=1")
	var messages strings.Builder
	c.Stderr = &messages
	out, err := c.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, messages.String())
	}
	return json.Unmarshal(out, into)
}

// insert puts a text between the markers of a page.
func insert(page, name, text string) error {
	begin, end := "<!-- bench-train-"+name+": begin -->", "<!-- bench-train-"+name+": end -->"
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no %s and %s", page, begin, end)
	}
	return os.WriteFile(page, []byte(before+begin+"\n\n"+text+"\n"+end+after), 0o644)
}
