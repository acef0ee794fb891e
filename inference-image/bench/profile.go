package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"

	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/lake"
)

// profileTo writes where the server spends its processor time under the load of the first measurement.
func (o *options) profileTo(ctx context.Context, path string) error {
	dir, err := os.MkdirTemp("", "mlpathway-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, err := register(ctx, dir, "trees"); err != nil {
		return err
	}
	c := &contender{name: "inference-image", port: freePort(), rates: map[int][]float64{}, p99: map[int][]float64{},
		perCPU: map[int][]float64{}}
	c.process = &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}
	running, stop := context.WithCancel(ctx)
	started, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- serve.Run(running, serve.Options{Address: fmt.Sprintf("127.0.0.1:%d", c.port), Model: "bench",
			Models: lake.FileURI(filepath.Join(dir, "models")), Started: func(address string) { started <- address }})
	}()
	<-started
	script := filepath.Join(dir, "post.lua")
	if err := os.WriteFile(script, []byte(lua(1)), 0o600); err != nil {
		stop()
		return err
	}
	f, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err == nil {
		err = c.measure(ctx, 1, script, o.seconds)
		pprof.StopCPUProfile()
	}
	stop()
	fmt.Printf("go tool pprof -top -cum bin/bench %s\n", path)
	return errors.Join(err, <-ended, f.Close())
}
