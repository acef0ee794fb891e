// Package scale_test measures how the control plane copes with many GPU nodes and pods: make bench-cluster.
package scale_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
	"github.com/mlpathway/mlpathway/tests/cluster/controlplane"
)

const (
	root = "../../.."
	// podsPerNode is how many pods of one GPU each there are for a node of eight.
	podsPerNode = 5
	// podsPerJob is the size of a job.
	podsPerJob = 50
	// patience ends a measurement that comes to nothing.
	patience = 25 * time.Minute
)

// TestBenchmark measures clusters of as many nodes as MLPATHWAY_BENCH_NODES lists (100 to 1000 unless given) and
// writes the table and the plot into the page that MLPATHWAY_BENCH names. Rows of other sizes stay.
//
//nolint:paralleltest // a measurement runs alone
func TestBenchmark(t *testing.T) {
	page := os.Getenv("MLPATHWAY_BENCH")
	if page == "" {
		t.Skip("make bench-cluster runs it")
	}
	sizes := os.Getenv("MLPATHWAY_BENCH_NODES")
	if sizes == "" {
		sizes = "100 250 500 1000"
	}
	cache := binaries.Need(t, root, binaries.Behaviour)
	rows, err := readRows(page)
	require.NoError(t, err)
	for _, size := range strings.Fields(sizes) {
		nodes, err := strconv.Atoi(size)
		require.NoError(t, err)
		measured := measure(t, cache, nodes)
		rows = append(slices.DeleteFunc(rows, func(r row) bool { return r.nodes == nodes }), measured)
		slices.SortFunc(rows, func(a, b row) int { return a.nodes - b.nodes })
		require.NoError(t, writeRows(page, rows))
		t.Log(measured.line())
	}
}

// row is one measurement.
type row struct {
	nodes, pods                      int
	ready, created, placed, running  float64 // seconds
	cpu                              float64 // seconds of all programs, from the first node on
	server, etcd, scheduler, manager int     // MiB, the most that was used
}

// memory is that of all programs, MiB.
func (r row) memory() float64 { return float64(r.server + r.etcd + r.scheduler + r.manager) }

// growth says how the last row is beside the first one.
func growth(rows []row) string {
	first, last := rows[0], rows[len(rows)-1]
	times := func(of func(row) float64) float64 { return of(last) / of(first) }
	return fmt.Sprintf("From %d to %d nodes, %.1f times as many, pods are placed after %.1f times and run after %.1f "+
		"times the time, and the memory of the four programs is %.1f times as large.", first.nodes, last.nodes,
		times(func(r row) float64 { return float64(r.nodes) }), times(func(r row) float64 { return r.placed }),
		times(func(r row) float64 { return r.running }), times(row.memory))
}

// measure starts a control plane, gives it nodes, and jobs for them, and waits until all pods run.
func measure(t *testing.T, cache *binaries.Cache, nodes int) row {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := controlplane.Start(ctx, cache, controlplane.Options{
		Dir: t.TempDir(), Controllers: true, Timeout: 5 * time.Minute,
	})
	require.NoError(t, err)
	defer c.Stop()
	r := row{nodes: nodes, pods: nodes * podsPerNode}
	before := c.Usage()
	begun := time.Now()
	require.NoError(t, c.AddNodes(ctx, machines(nodes)...))
	r.ready = time.Since(begun).Seconds()

	begun = time.Now()
	var group errgroup.Group
	group.SetLimit(8)
	for i := range r.pods / podsPerJob {
		group.Go(func() error { return c.Create(ctx, gpuJob(i)) })
	}
	require.NoError(t, group.Wait())
	for r.running == 0 {
		require.NoError(t, ctx.Err(), "%d nodes: created after %.0f s, placed after %.0f s", nodes, r.created, r.placed)
		require.NoError(t, r.look(ctx, c, begun))
		time.Sleep(time.Second)
	}
	used := c.Usage()
	for name, u := range used {
		r.cpu += (u.CPU - before[name].CPU).Seconds()
	}
	r.server, r.etcd = used[binaries.APIServer].MiB, used[binaries.Etcd].MiB
	r.scheduler, r.manager = used[binaries.Scheduler].MiB, used[binaries.ControllerManager].MiB
	return r
}

func machines(n int) []controlplane.Node {
	all := make([]controlplane.Node, n)
	for i := range all {
		all[i] = controlplane.Node{
			Name: fmt.Sprintf("gpu-%d", i), Labels: map[string]string{"pool": "gpu"},
			Taints:   []any{map[string]any{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}},
			Capacity: map[string]string{"cpu": "96", "memory": "1Ti", "nvidia.com/gpu": "8"},
		}
	}
	return all
}

func gpuJob(i int) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "batch/v1", "kind": "Job",
		"metadata": map[string]any{"name": fmt.Sprintf("train-%d", i), "namespace": "default"},
		"spec": map[string]any{
			"parallelism": int64(podsPerJob), "completions": int64(podsPerJob), "completionMode": "Indexed",
			"template": map[string]any{"spec": map[string]any{
				"restartPolicy": "Never", "automountServiceAccountToken": false,
				"tolerations": []any{map[string]any{"key": "nvidia.com/gpu", "operator": "Exists"}},
				"containers": []any{map[string]any{
					"name": "train", "image": "registry.test/training:1",
					"resources": map[string]any{"limits": map[string]any{"nvidia.com/gpu": "1", "cpu": "4", "memory": "32Gi"}},
				}},
			}},
		},
	}}
}

// look notes the time of each step that is done.
func (r *row) look(ctx context.Context, c *controlplane.ControlPlane, begun time.Time) error {
	jobs, err := c.List(ctx, "batch/v1", "Job", "default", "")
	if err != nil {
		return err
	}
	var active, ready int64
	for i := range jobs {
		a, _, _ := unstructured.NestedInt64(jobs[i].Object, "status", "active")
		n, _, _ := unstructured.NestedInt64(jobs[i].Object, "status", "ready")
		active, ready = active+a, ready+n
	}
	since := time.Since(begun).Seconds()
	if r.created == 0 && active == int64(r.pods) {
		r.created = since
	}
	if r.created > 0 && r.placed == 0 {
		if waits, err := c.Unplaced(ctx); err != nil {
			return err
		} else if !waits {
			r.placed = since
		}
	}
	if r.placed > 0 && ready == int64(r.pods) {
		r.running = since
	}
	return nil
}

const (
	begin = "<!-- bench-cluster: begin -->\n"
	end   = "<!-- bench-cluster: end -->\n"
	head  = "| nodes | pods | nodes ready, s | pods made, s | placed, s | running, s | CPU, s | apiserver, MiB | " +
		"etcd, MiB | scheduler, MiB | controller-manager, MiB |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
)

func (r row) line() string {
	return fmt.Sprintf("| %d | %d | %.1f | %.1f | %.1f | %.1f | %.0f | %d | %d | %d | %d |", r.nodes, r.pods, r.ready,
		r.created, r.placed, r.running, r.cpu, r.server, r.etcd, r.scheduler, r.manager)
}

// readRows reads the rows that a page has.
func readRows(page string) ([]row, error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return nil, err
	}
	_, block, found := strings.Cut(string(text), begin)
	block, _, ended := strings.Cut(block, end)
	if !found || !ended {
		return nil, fmt.Errorf("%s lacks the markers of bench-cluster", page)
	}
	var rows []row
	for line := range strings.Lines(block) {
		var r row
		n, err := fmt.Sscanf(line, "| %d | %d | %f | %f | %f | %f | %f | %d | %d | %d | %d |", &r.nodes, &r.pods, &r.ready,
			&r.created, &r.placed, &r.running, &r.cpu, &r.server, &r.etcd, &r.scheduler, &r.manager)
		if err == nil && n == 11 {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// writeRows writes the table into the page and the plot beside it.
func writeRows(page string, rows []row) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, _ := strings.Cut(string(text), begin)
	_, after, _ := strings.Cut(rest, end)
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s: %d cores, %s/%s, %s, Kubernetes %s.\n\n%s",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(),
		binaries.KubernetesVersion, head)
	for _, r := range rows {
		fmt.Fprintln(&b, r.line())
	}
	fmt.Fprintf(&b, "\n%s\n", growth(rows))
	b.WriteString("\n![Seconds until all pods are placed and run, and memory, by nodes](cluster-scale.svg)\n\n")
	picture := filepath.Join(filepath.Dir(page), "cluster-scale.svg")
	if err := os.WriteFile(picture, plot(rows), 0o644); err != nil {
		return err
	}
	return os.WriteFile(page, []byte(before+begin+b.String()+end+after), 0o644)
}
