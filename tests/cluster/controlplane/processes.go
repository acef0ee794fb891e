package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// reply is how long a program may take to say whether it is ready; it is asked again and again.
const reply = 15 * time.Second

// plain is a client without TLS.
var plain = &http.Client{Timeout: reply}

// grace is how long a process has to end after SIGTERM.
const grace = 5 * time.Second

// process is a program that this package started, and the only kind that it stops.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// processes are started in order and stopped in reverse.
type processes struct {
	dir string

	mu  sync.Mutex
	all []*process
}

// start runs a program in dir with its output in log/<name>.log. It dies with the test that started it, also when that
// is killed: the kernel sends the signal when the thread that forked ends, so each has a thread of its own.
func (p *processes) start(name, program string, env []string, args ...string) (*process, error) {
	log, err := os.Create(filepath.Join(p.dir, "log", name+".log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = p.dir, log, log, append(os.Environ(), env...)
	cmd.SysProcAttr = dieWithParent()
	started := &process{name: name, cmd: cmd, log: log.Name(), done: make(chan struct{})}
	errs := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer log.Close()
		err := cmd.Start()
		errs <- err
		if err == nil {
			_ = cmd.Wait()
			close(started.done)
		}
	}()
	if err := <-errs; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, started)
	return started, nil
}

// stop ends all processes, the last one first.
func (p *processes) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.all) - 1; i >= 0; i-- {
		p.all[i].stop()
	}
	p.all = nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(grace):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// ready waits until a URL answers with 200. Errors: the process ended, with its last words; ctx is over.
func (p *process) ready(ctx context.Context, client *http.Client, url string) error {
	var last error
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(resp.Status)
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended:\n%s", p.name, p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w:\n%s", p.name, last, p.lastWords())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *process) lastWords() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// freePorts finds n free ports on loopback.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // held until all are found
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// trusting is a client that trusts one authority.
func trusting(ca *x509.Certificate) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return &http.Client{Timeout: reply, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}
}

// Use is what a program has used.
type Use struct {
	// MiB is the most memory that it held at a time.
	MiB int
	// CPU is its time on the processors.
	CPU time.Duration
}

// Usage tells what each program has used since it was started. It reads /proc, and is empty where there is none.
func (c *ControlPlane) Usage() map[string]Use {
	c.procs.mu.Lock()
	defer c.procs.mu.Unlock()
	all := map[string]Use{}
	for _, p := range c.procs.all {
		dir := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
		status, err := os.ReadFile(dir + "status")
		if err != nil {
			continue
		}
		var use Use
		for line := range strings.Lines(string(status)) {
			var kib int
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
				use.MiB = kib / 1024
			}
		}
		stat, err := os.ReadFile(dir + "stat")
		if err != nil {
			continue
		}
		_, fields, _ := strings.Cut(string(stat), ") ") // the name before it may hold spaces
		var user, system int64
		if f := strings.Fields(fields); len(f) > 12 {
			user, _ = strconv.ParseInt(f[11], 10, 64)
			system, _ = strconv.ParseInt(f[12], 10, 64)
		}
		use.CPU = time.Duration(user+system) * time.Second / 100
		all[p.name] = use
	}
	return all
}
