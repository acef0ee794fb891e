package controlplane

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mlpathway/mlpathway/tests/cluster/binaries"
)

// operator is a controller that is installed from its own manifests and runs with the rights of its own account.
type operator struct {
	program, module, folder, without string
	namespace, account               string
	config                           func(o operatorPlace) map[string]any
}

// operatorPlace is where an operator finds and offers things.
type operatorPlace struct {
	webhook, health int
	certs           string
}

// Operators in the order in which they are installed: Kueue queues the jobs of the others.
var operators = []operator{
	{
		program: binaries.JobSet, module: "sigs.k8s.io/jobset", folder: "config/default",
		namespace: "jobset-system", account: "jobset-controller-manager",
		config: func(p operatorPlace) map[string]any {
			return p.config("config.jobset.x-k8s.io/v1alpha1", map[string]any{
				"metrics": map[string]any{"bindAddress": "0"}, "internalCertManagement": map[string]any{"enable": false},
				"webhook": p.listener(true),
			})
		},
	}, {
		program: binaries.Trainer, module: "github.com/kubeflow/trainer/v2", folder: "manifests/overlays/manager",
		without: "third-party/jobset", namespace: "kubeflow-system", account: "kubeflow-trainer-controller-manager",
		config: func(p operatorPlace) map[string]any {
			return p.config("config.trainer.kubeflow.org/v1alpha1", map[string]any{
				"metrics":        map[string]any{"bindAddress": "0", "secureServing": true},
				"certManagement": map[string]any{"enable": false}, "webhook": p.listener(false),
			})
		},
	}, {
		program: binaries.Kueue, module: "sigs.k8s.io/kueue", folder: "config/default",
		namespace: "kueue-system", account: "kueue-controller-manager",
		config: func(p operatorPlace) map[string]any {
			return p.config("config.kueue.x-k8s.io/v1beta2", map[string]any{
				"metrics": map[string]any{"bindAddress": "0"}, "internalCertManagement": map[string]any{"enable": false},
				"webhook": p.listener(true), "featureGates": map[string]any{"VisibilityOnDemand": false},
				"clientConnection": map[string]any{"qps": 300, "burst": 500},
				"integrations": map[string]any{"frameworks": []string{
					"batch/job", "jobset.x-k8s.io/jobset", "trainer.kubeflow.org/trainjob",
				}},
			})
		},
	},
}

func (p operatorPlace) config(apiVersion string, rest map[string]any) map[string]any {
	rest["apiVersion"], rest["kind"] = apiVersion, "Configuration"
	rest["health"] = map[string]any{"healthProbeBindAddress": loopback(p.health)}
	rest["leaderElection"] = map[string]any{"leaderElect": false}
	return rest
}

func (p operatorPlace) listener(named bool) map[string]any {
	listener := map[string]any{"host": "127.0.0.1", "port": p.webhook}
	if named { // Trainer has a fixed place under the directory for temporary files
		listener["certDir"] = p.certs
	}
	return listener
}

// StartOperators installs and starts the controllers of JobSet, Trainer and Kueue.
func (c *ControlPlane) StartOperators(ctx context.Context) error {
	for _, o := range operators {
		if err := c.startOperator(ctx, o); err != nil {
			return fmt.Errorf("starting the controller of %s: %w", o.program, err)
		}
	}
	return nil
}

func (c *ControlPlane) startOperator(ctx context.Context, o operator) error {
	module, err := c.cache.Module(ctx, o.module)
	if err != nil {
		return err
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	dir := filepath.Join(c.opts.Dir, o.program)
	place := operatorPlace{
		webhook: ports[0], health: ports[1], certs: filepath.Join(dir, "k8s-webhook-server", "serving-certs"),
	}
	if err := c.servingCerts(place.certs); err != nil {
		return err
	}
	objects, err := render(module, o.folder, o.without, dir)
	if err != nil {
		return err
	}
	parts, err := c.split(objects, place.webhook)
	if err != nil {
		return err
	}
	for _, definition := range parts.definitions {
		if err := c.define(ctx, definition); err != nil {
			return err
		}
	}
	if err := c.applyAll(ctx, parts.base); err != nil {
		return err
	}
	if err := c.runOperator(ctx, o, place, dir); err != nil {
		return err
	}
	return c.applyAll(ctx, parts.webhooks) // only now somebody answers them
}

func (c *ControlPlane) runOperator(ctx context.Context, o operator, place operatorPlace, dir string) error {
	text, err := json.Marshal(o.config(place))
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return err
	}
	token, err := c.accountToken(ctx, o.namespace, o.account)
	if err != nil {
		return err
	}
	kubeconfig, err := c.kubeconfig(o.account, token)
	if err != nil {
		return err
	}
	program, args := c.cache.Path(o.program), []string{"--config=" + config}
	if o.program == binaries.Kueue {
		program, args = withMetricsCerts(place.certs, program, args)
	}
	p, err := c.procs.start(o.program, program, []string{"KUBECONFIG=" + kubeconfig, "TMPDIR=" + dir}, args...)
	if err != nil {
		return err
	}
	return p.ready(ctx, plain, "http://"+loopback(place.health)+"/readyz")
}

// withMetricsCerts runs Kueue where it finds the certificate of its metrics: the path is fixed, under /etc. A mount
// namespace of its own gives it one without touching the machine's.
func withMetricsCerts(certs, program string, args []string) (string, []string) {
	const script = `mount -t tmpfs none /etc && mkdir -p /etc/kueue/metrics/certs && cp "$0"/* /etc/kueue/metrics/certs/ &&
		exec "$@"`
	return "unshare", append([]string{"--map-root-user", "--mount", "sh", "-c", script, certs, program}, args...)
}

// servingCerts puts the certificate of the servers into a directory.
func (c *ControlPlane) servingCerts(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"tls.crt", "tls.key"} {
		text, err := os.ReadFile(c.pki.path(name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// accountToken asks the server for a token of a service account.
func (c *ControlPlane) accountToken(ctx context.Context, namespace, account string) (string, error) {
	in, err := c.Resource("v1", "ServiceAccount", namespace)
	if err != nil {
		return "", err
	}
	request := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": map[string]any{"name": account},
		"spec": map[string]any{"expirationSeconds": int64(24 * 3600)},
	}}
	answer, err := in.Create(ctx, request, metav1.CreateOptions{}, "token")
	if err != nil {
		return "", fmt.Errorf("a token for %s: %w", account, err)
	}
	token, _, err := unstructured.NestedString(answer.Object, "status", "token")
	return token, err
}

// AccountClient is a client with the rights of a service account.
func (c *ControlPlane) AccountClient(ctx context.Context, namespace, account string) (*Client, error) {
	token, err := c.accountToken(ctx, namespace, account)
	if err != nil {
		return nil, err
	}
	return newClient(c.RESTConfig(token))
}

// StartKarpenter starts Karpenter with its cloud provider that makes kwok nodes. types is a JSON file of instance
// types.
func (c *ControlPlane) StartKarpenter(ctx context.Context, types string) error {
	for _, folder := range []string{"pkg/apis/crds", "kwok/apis/crds"} {
		objects, err := definitions{module: "sigs.k8s.io/karpenter", folder: folder}.read(ctx, c.cache)
		if err != nil {
			return err
		}
		for _, object := range objects {
			if err := c.define(ctx, object); err != nil {
				return err
			}
		}
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	p, err := c.procs.start(binaries.Karpenter, c.cache.Path(binaries.Karpenter),
		[]string{"KUBECONFIG=" + c.Kubeconfig, "SYSTEM_NAMESPACE=kube-system"}, "--disable-leader-election",
		fmt.Sprintf("--metrics-port=%d", ports[0]), fmt.Sprintf("--health-probe-port=%d", ports[1]),
		"--instance-types-file-path="+types, "--batch-idle-duration=300ms")
	if err != nil {
		return err
	}
	return p.ready(ctx, plain, "http://"+loopback(ports[1])+"/readyz")
}
