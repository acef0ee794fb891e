// Package controlplane runs a real Kubernetes control plane on loopback for tests: etcd, kube-apiserver and, where
// behaviour is asked for, controller-manager, scheduler, kwok (which plays the nodes) and the controllers of JobSet,
// Kueue, Trainer, Karpenter and Argo Workflows. There is no kubelet and no container: pods are placed, admitted,
// counted and drained for real, and kwok says that they run.
package controlplane

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
)

// Options of a control plane.
type Options struct {
	// Dir holds everything that it writes. It is left where it is when the control plane stops.
	Dir string
	// Controllers starts what acts on objects, not only what judges them.
	Controllers bool
	// Timeout of the start; 2 minutes unless given.
	Timeout time.Duration
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	*Client
	// Kubeconfig is the path of the administrator's file.
	Kubeconfig string

	opts   Options
	cache  *binaries.Cache
	pki    *pki
	server string
	tokens map[string]string
	procs  *processes
	// closers end what runs in this process.
	closers []func()
}

// The accounts that the parts of the control plane use, with the roles that Kubernetes gives them.
var accounts = map[string]string{
	"admin": "admin,admin,system:masters", "kcm": "system:kube-controller-manager,kcm",
	"scheduler": "system:kube-scheduler,scheduler", "kwok": "kwok,kwok,system:masters",
}

// Start starts a control plane. The programs must be in the cache. Stop ends it.
func Start(ctx context.Context, cache *binaries.Cache, opts Options) (*ControlPlane, error) {
	if opts.Timeout == 0 {
		opts.Timeout = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, opts.Timeout)
	defer cancel()
	for _, folder := range []string{"log", "etcd"} {
		if err := os.MkdirAll(filepath.Join(opts.Dir, folder), 0o700); err != nil {
			return nil, err
		}
	}
	certs, err := newPKI(filepath.Join(opts.Dir, "pki"))
	if err != nil {
		return nil, fmt.Errorf("making certificates: %w", err)
	}
	c := &ControlPlane{opts: opts, cache: cache, pki: certs, tokens: map[string]string{}, procs: &processes{dir: opts.Dir}}
	if err := c.start(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// Stop ends what Start started.
func (c *ControlPlane) Stop() {
	c.procs.stop()
	for _, end := range c.closers {
		end()
	}
	c.closers = nil
}

func (c *ControlPlane) start(ctx context.Context) error {
	ports, err := freePorts(6)
	if err != nil {
		return err
	}
	etcd, peer, server := loopback(ports[0]), loopback(ports[1]), ports[2]
	c.server = "https://" + loopback(server)
	if err := c.writeTokens(); err != nil {
		return err
	}
	if c.Kubeconfig, err = c.kubeconfig("admin", c.tokens["admin"]); err != nil {
		return err
	}
	_, err = c.procs.start(binaries.Etcd, c.cache.Path(binaries.Etcd), nil, "--data-dir=etcd", "--unsafe-no-fsync",
		"--listen-client-urls=http://"+etcd, "--advertise-client-urls=http://"+etcd, "--listen-peer-urls=http://"+peer,
		"--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=default=http://"+peer, "--log-level=warn")
	if err != nil {
		return err
	}
	api, err := c.procs.start(binaries.APIServer, c.cache.Path(binaries.APIServer), nil, c.serverArgs(etcd, server)...)
	if err != nil {
		return err
	}
	if err := api.ready(ctx, trusting(c.pki.ca), c.server+"/readyz"); err != nil {
		return err
	}
	if c.Client, err = newClient(c.RESTConfig("")); err != nil {
		return err
	}
	if !c.opts.Controllers {
		return nil
	}
	return c.startControllers(ctx, ports[3:])
}

func (c *ControlPlane) serverArgs(etcd string, port int) []string {
	return []string{
		"--etcd-servers=http://" + etcd, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=pki/tls.crt", "--tls-private-key-file=pki/tls.key", "--client-ca-file=pki/ca.crt",
		"--token-auth-file=tokens.csv", "--authorization-mode=Node,RBAC", "--service-cluster-ip-range=10.96.0.0/16",
		"--endpoint-reconciler-type=none", "--allow-privileged", // Pod Security decides, as on a real cluster
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=pki/sa.pub",
		"--service-account-signing-key-file=pki/sa.key", "--proxy-client-cert-file=pki/front.crt",
		"--proxy-client-key-file=pki/front.key", "--requestheader-client-ca-file=pki/ca.crt",
		"--requestheader-allowed-names=front-proxy", "--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--cert-dir=pki", "--profiling=false", "--request-timeout=10m", // for large definitions
		"--max-requests-inflight=1000", "--max-mutating-requests-inflight=500",
	}
}

func (c *ControlPlane) startControllers(ctx context.Context, ports []int) error {
	kcm, err := c.kubeconfig("kcm", c.tokens["kcm"])
	if err != nil {
		return err
	}
	scheduler, err := c.kubeconfig("scheduler", c.tokens["scheduler"])
	if err != nil {
		return err
	}
	args := []string{
		"--kubeconfig=" + kcm, "--authentication-kubeconfig=" + kcm, "--authorization-kubeconfig=" + kcm,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[0]), "--cert-dir=pki/kcm", "--leader-elect=false",
		"--service-account-private-key-file=pki/sa.key", "--root-ca-file=pki/ca.crt", "--use-service-account-credentials",
		"--cluster-signing-cert-file=pki/ca.crt", "--cluster-signing-key-file=pki/ca.key",
		"--horizontal-pod-autoscaler-sync-period=2s", "--horizontal-pod-autoscaler-downscale-stabilization=5s",
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--node-monitor-grace-period=24h", // kwok sends no heartbeats: no node is lost because the machine is busy
	}
	_, err = c.procs.start(binaries.ControllerManager, c.cache.Path(binaries.ControllerManager), nil, args...)
	if err != nil {
		return err
	}
	_, err = c.procs.start(binaries.Scheduler, c.cache.Path(binaries.Scheduler), nil, "--kubeconfig="+scheduler,
		"--authentication-kubeconfig="+scheduler, "--authorization-kubeconfig="+scheduler, "--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", ports[1]), "--cert-dir=pki/scheduler", "--leader-elect=false", "--kube-api-qps=500",
		"--kube-api-burst=1000")
	if err != nil {
		return err
	}
	if err := c.startKwok(ctx, ports[2]); err != nil {
		return err
	}
	return c.Wait(ctx, "the default service account", func(ctx context.Context) (bool, error) {
		return c.Exists(ctx, "v1", "ServiceAccount", "default", "default")
	})
}

func (c *ControlPlane) writeTokens() error {
	var lines strings.Builder
	for name, who := range accounts {
		secret := make([]byte, 16)
		if _, err := rand.Read(secret); err != nil {
			return err
		}
		c.tokens[name] = hex.EncodeToString(secret)
		fmt.Fprintf(&lines, "%s,%s\n", c.tokens[name], who)
	}
	return os.WriteFile(filepath.Join(c.opts.Dir, "tokens.csv"), []byte(lines.String()), 0o600)
}

// RESTConfig is the configuration of a client with a token; "" stands for the administrator's.
func (c *ControlPlane) RESTConfig(token string) *rest.Config {
	if token == "" {
		token = c.tokens["admin"]
	}
	return &rest.Config{
		Host: c.server, BearerToken: token, QPS: 500, Burst: 1000,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.pki.authority()},
	}
}

// kubeconfig writes a file for a user with a token and returns its path.
func (c *ControlPlane) kubeconfig(name, token string) (string, error) {
	config := api.NewConfig()
	config.Clusters["tests"] = &api.Cluster{Server: c.server, CertificateAuthorityData: c.pki.authority()}
	config.AuthInfos[name] = &api.AuthInfo{Token: token}
	config.Contexts["tests"] = &api.Context{Cluster: "tests", AuthInfo: name}
	config.CurrentContext = "tests"
	path := filepath.Join(c.opts.Dir, name+".kubeconfig")
	return path, clientcmd.WriteToFile(*config, path)
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
