package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
)

// contender is a server that is measured.
type contender struct {
	name    string
	command []string
	env     []string
	port    int
	process *exec.Cmd

	rates, p99, perCPU map[int][]float64 // by rows of a request
}

// load is how many rows a request holds in turn.
var load = []int{1, 256}

const connections = 16

// online measures the servers of one kind of model in turns.
func (o *options) online(ctx context.Context, dir, kind string) (string, error) {
	model, err := register(ctx, dir, kind)
	if err != nil {
		return "", err
	}
	all, skipped := o.contenders(ctx, dir, kind, model)
	defer func() {
		for _, c := range all {
			c.stop()
		}
	}()
	for _, c := range all {
		if err := c.start(ctx); err != nil {
			return "", fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for round := range o.rounds {
		for _, rows := range load {
			script := filepath.Join(dir, fmt.Sprintf("post-%d.lua", rows))
			if err := os.WriteFile(script, []byte(lua(rows)), 0o600); err != nil {
				return "", err
			}
			for i := range all {
				// Each round begins with another server.
				if err := all[(i+round)%len(all)].measure(ctx, rows, script, o.seconds); err != nil {
					return "", err
				}
			}
		}
	}
	return table(kind, all, skipped), nil
}

// lua is wrk's script that sends so many rows.
func lua(rows int) string {
	return "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\n" +
		"wrk.body = '" + string(bodyOf(rows)) + "'\n"
}

func (o *options) contenders(ctx context.Context, dir, kind, model string) (all []*contender, skipped []string) {
	add := func(name string, env []string, command ...string) {
		port := freePort()
		for i := range command {
			command[i] = strings.ReplaceAll(command[i], "PORT", strconv.Itoa(port))
		}
		for i := range env {
			env[i] = strings.ReplaceAll(env[i], "=PORT", "="+strconv.Itoa(port))
		}
		all = append(all, &contender{name: name, command: command, env: env, port: port,
			rates: map[int][]float64{}, p99: map[int][]float64{}, perCPU: map[int][]float64{}})
	}
	self, _ := os.Executable()
	add("the limit: the same server, an empty handler", nil, self, "-limit", "127.0.0.1:PORT")
	add("inference-image", nil, o.server, "serve", "--address", "127.0.0.1:PORT", "--model", "bench",
		"--models", lake.FileURI(filepath.Join(dir, "models")))
	add("net/http, an empty handler", nil, self, "-limit", "127.0.0.1:PORT", "-standard")
	joblib := filepath.Join(dir, "model.joblib")
	if err := o.prepare(ctx, dir, kind); err == nil {
		add("Flask's own server", []string{"BENCH_MODEL=" + joblib, "BENCH_PORT=PORT"}, o.python,
			filepath.Join(o.sources, "flaskapp.py"))
		add("gunicorn, 2 workers", []string{"BENCH_MODEL=" + joblib}, o.python, "-m", "gunicorn", "-w", "2", "-b",
			"127.0.0.1:PORT", "--chdir", o.sources, "flaskapp:app")
	} else {
		skipped = append(skipped, "Flask and gunicorn (Debian: python3-sklearn python3-flask gunicorn)")
	}
	if node, err := exec.LookPath("node"); err == nil && o.ort != "" {
		add("node, onnxruntime-node",
			[]string{"BENCH_MODEL=" + model, "BENCH_PORT=PORT", "BENCH_ORT=" + absolute(o.ort)}, node,
			filepath.Join(o.sources, "nodeapp.js"))
	} else {
		skipped = append(skipped, "node (npm install --ignore-scripts onnxruntime-node, and BENCH_ORT names its folder)")
	}
	return all, skipped
}

// prepare fits a model of scikit-learn.
func (o *options) prepare(ctx context.Context, dir, kind string) error {
	return exec.CommandContext(ctx, o.python, filepath.Join(o.sources, "prepare.py"), kind,
		filepath.Join(dir, "model.joblib")).Run()
}

func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func (c *contender) start(ctx context.Context) error {
	c.process = exec.CommandContext(ctx, c.command[0], c.command[1:]...)
	c.process.Env = append(os.Environ(), c.env...)
	c.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var messages bytes.Buffer
	c.process.Stderr = &messages
	if err := c.process.Start(); err != nil {
		return err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/predict", c.port)
	body := `{"features":[` + strings.TrimSuffix(strings.Repeat("0.5,", 30), ",") + `]}`
	for range 600 {
		if time.Sleep(100 * time.Millisecond); ctx.Err() != nil {
			break
		}
		response, err := http.Post(url, "application/json", strings.NewReader(body))
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return errors.New("it does not answer: " + messages.String())
}

func (c *contender) stop() {
	if c.process != nil && c.process.Process != nil {
		_ = syscall.Kill(-c.process.Process.Pid, syscall.SIGKILL) // gunicorn has workers
		_ = c.process.Wait()
	}
}

var (
	rateLine = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	p99Line  = regexp.MustCompile(`99%\s+([0-9.]+)(us|ms|s)`)
	sentLine = regexp.MustCompile(`(\d+) requests in`)
	badLine  = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

// measure sends requests for a while.
func (c *contender) measure(ctx context.Context, rows int, script string, span time.Duration) error {
	before := used(c.process.Process.Pid)
	out, err := exec.CommandContext(ctx, "wrk", "-t1", "-c", strconv.Itoa(connections), "-d",
		fmt.Sprintf("%ds", int(span.Seconds())), "--latency", "--timeout", "20s", "-s", script,
		fmt.Sprintf("http://127.0.0.1:%d/predict", c.port)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("wrk (Debian has it): %w: %s", err, out)
	}
	cpu := used(c.process.Process.Pid).cpu - before.cpu
	rate, p99, sent := rateLine.FindSubmatch(out), p99Line.FindSubmatch(out), sentLine.FindSubmatch(out)
	if rate == nil || p99 == nil || sent == nil || badLine.Match(out) {
		return fmt.Errorf("%s answers wrongly: %s", c.name, out)
	}
	x, err := strconv.ParseFloat(string(rate[1]), 64)
	if err != nil {
		return err
	}
	y, err := strconv.ParseFloat(string(p99[1]), 64)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(sent[1]))
	if err != nil {
		return err
	}
	c.perCPU[rows] = append(c.perCPU[rows], float64(n)/max(cpu, 0.01))
	c.rates[rows] = append(c.rates[rows], x)
	c.p99[rows] = append(c.p99[rows], y*map[string]float64{"us": 1e-3, "ms": 1, "s": 1e3}[string(p99[2])])
	return nil
}

// table compares all with the inference image.
func table(kind string, all []*contender, skipped []string) string {
	ours := all[1]
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", titles[kind])
	b.WriteString("| server | 1 row: our rate is | for each second of its processors | its p99 is | " +
		"256 rows: our rate is | for each second of its processors | its p99 is | largest memory, MiB |\n")
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, c := range all {
		fmt.Fprintf(&b, "| %s |", c.name)
		for _, rows := range load {
			fmt.Fprintf(&b, " %.2f times | %.2f times | %.1f times ours |", median(ours.rates[rows])/median(c.rates[rows]),
				median(ours.perCPU[rows])/median(c.perCPU[rows]), median(c.p99[rows])/median(ours.p99[rows]))
		}
		fmt.Fprintf(&b, " %d |\n", used(c.process.Process.Pid).mib)
	}
	for _, s := range skipped {
		fmt.Fprintf(&b, "\nNot measured: %s.\n", s)
	}
	b.WriteString("\n")
	return b.String()
}
