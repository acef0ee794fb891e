package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
)

// stages are what kwok does to nodes and pods: nodes become ready and stay so, pods are created, become ready, and end
// where a Job owns them.
var stages = []string{
	"node/fast/node-initialize.yaml", "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
	"pod/general/pod-create.yaml", "pod/general/pod-init-container-running.yaml",
	"pod/general/pod-init-container-completed.yaml", "pod/general/pod-ready.yaml", "pod/general/pod-complete.yaml",
	"pod/general/pod-delete.yaml",
}

func (c *ControlPlane) startKwok(ctx context.Context, port int) error {
	module, err := c.cache.Module(ctx, "sigs.k8s.io/kwok")
	if err != nil {
		return err
	}
	var all bytes.Buffer
	for _, name := range stages {
		text, err := os.ReadFile(filepath.Join(module, "kustomize", "stage", name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "---\n%s\n", text)
	}
	if err := os.WriteFile(filepath.Join(c.opts.Dir, "kwok.yaml"), all.Bytes(), 0o600); err != nil {
		return err
	}
	config, err := c.kubeconfig("kwok", c.tokens["kwok"])
	if err != nil {
		return err
	}
	lease := "40"
	if c.opts.NoNodeLeases {
		lease = "0"
	}
	address := loopback(port)
	kwok, err := c.procs.start(binaries.Kwok, c.cache.Path(binaries.Kwok), nil, "--kubeconfig="+config,
		"--config=kwok.yaml", "--manage-all-nodes=true", "--node-lease-duration-seconds="+lease, "--cidr=10.128.0.0/9",
		"--node-ip=10.64.0.1", "--server-address="+address)
	if err != nil {
		return err
	}
	return kwok.ready(ctx, &http.Client{Timeout: time.Second}, "http://"+address+"/healthz")
}
