package kubernetes

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/charts"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

// zoneMark is where the name of a zone stands in the address of the lake.
const zoneMark = "{zone}"

// What training jobs are made as.
const (
	asJobSet   = "jobset"
	asTrainJob = "trainjob"
)

// fill gives settings with their defaults, or says what is wrong with them. It is pure.
func fill(s settings.Settings, scope components.Scope, hasProvider bool) (settings.Settings, error) {
	r := &refuse{}
	if s.Context == "" && !hasProvider {
		r.add(components.ErrRequired, "kubernetes.context", "", "the name of a context in the kubeconfig")
	}
	byDefault(&s.Namespace, scope.Name(63))
	byDefault(&s.Trainer, asJobSet)
	byDefault(&s.Spark.Version, "3.5.5")
	byDefault(&s.Prometheus, "http://prometheus-operated.monitoring:9090")
	byDefault(&s.ArgoServer, "http://argo-server.argo:2746")
	byDefault(&s.Access.GatewayNamespace, "gateway-system")
	byDefault(&s.Access.MonitoringNamespace, "monitoring")
	byDefault(&s.Access.ArgoNamespace, "argo")
	byDefault(&s.Access.LakePort, 443)
	byDefault(&s.Access.APIPort, 6443)
	byDefault(&s.Gateway.DrainSeconds, 20)
	fillQuota(&s.Quota, scope.Environment)
	for _, name := range s.Operators {
		if !slices.Contains(charts.Names(), name) {
			r.add(components.ErrChoice, "kubernetes.operators", name, "one of "+strings.Join(charts.Names(), ", "))
		}
	}
	if s.Trainer != asJobSet && s.Trainer != asTrainJob {
		r.add(components.ErrChoice, "kubernetes.trainer", s.Trainer, "jobset or trainjob")
	}
	fillLake(&s.Lake, r)
	checkIdentity(s.Identity, r)
	checkAccess(&s.Access, r)
	checkGateway(s.Gateway, r)
	checkNodes(&s.Nodes, r)
	return s, r.err()
}

func byDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func fillQuota(q *settings.Quota, e components.Environment) {
	byDefault(&q.CPUs, map[components.Environment]int{components.Stage: 64, components.Prod: 256}[e])
	byDefault(&q.CPUs, 16)
	byDefault(&q.MemoryGiB, 4*q.CPUs)
	byDefault(&q.Pods, 200)
	byDefault(&q.StorageGiB, 500)
}

// lakeDirectory is the address of zones on a disk: below a directory of their own.
var lakeDirectory = regexp.MustCompile(`^file:///[^/{}][^{}]*/\{zone\}$`)

func fillLake(l *settings.Lake, r *refuse) {
	const key = "kubernetes.lake.uri"
	u, err := url.Parse(strings.ReplaceAll(l.URI, zoneMark, "zone"))
	switch {
	case l.URI == "":
		r.add(components.ErrRequired, key, "", "an address such as s3://fraud-{zone} or file:///lake/{zone}")
	case err != nil || !slices.Contains([]string{"file", "s3", "gs", "azblob"}, u.Scheme):
		r.add(components.ErrChoice, key, l.URI, "file://, s3://, gs:// or azblob://")
	case strings.Count(l.URI, zoneMark) != 1:
		r.add(components.ErrChoice, key, l.URI, "{zone} once: each zone is a bucket or a directory of its own")
	case u.Scheme == "file" && !lakeDirectory.MatchString(l.URI):
		r.add(components.ErrChoice, key, l.URI, "an absolute directory such as file:///lake/{zone}")
	case u.Scheme != "file" && u.RawQuery != "":
		r.add(components.ErrChoice, key, l.URI, "no query: kubernetes.lake.endpoint and region say where the store is")
	}
	if l.Endpoint != "" {
		if e, err := url.Parse(l.Endpoint); err != nil || e.Host == "" || e.Scheme != "https" && e.Scheme != "http" {
			r.add(components.ErrChoice, "kubernetes.lake.endpoint", l.Endpoint, "an address such as https://minio.minio.svc")
		}
		byDefault(&l.Region, "us-east-1")
	}
	byDefault(&l.SizeGiB, 50)
}

// onDisk reports whether the lake is a disk of the cluster.
func onDisk(l settings.Lake) bool { return strings.HasPrefix(l.URI, "file://") }

func checkIdentity(i settings.Identity, r *refuse) {
	if _, ok := identityAnnotations[i.Cloud]; i.Cloud != "" && !ok {
		r.add(components.ErrChoice, "kubernetes.identity.cloud", i.Cloud, "aws, gcp or azure")
	}
	if i.Cloud == "" && len(i.Accounts) > 0 {
		r.add(components.ErrRequired, "kubernetes.identity.cloud", "", "aws, gcp or azure")
	}
}

func checkAccess(a *settings.Access, r *refuse) {
	for key, ranges := range map[string][]string{"lake": a.Lake, "apiServers": a.APIServers} {
		for _, text := range ranges {
			if _, err := netip.ParsePrefix(text); err != nil {
				r.add(components.ErrCIDR, "kubernetes.access."+key, text, `a range such as "10.0.0.0/24"`)
			}
		}
	}
}

func checkGateway(g settings.Gateway, r *refuse) {
	if g.Name == "" && g.Class == "" {
		return
	}
	if g.Name != "" && g.Class != "" {
		r.add(components.ErrConflict, "kubernetes.gateway.class", g.Class, "either the name of a Gateway or a class")
	}
	if g.Host == "" {
		r.add(components.ErrRequired, "kubernetes.gateway.host", "", "the host that requests ask for")
	}
	if g.Class != "" && g.Certificate == "" {
		r.add(components.ErrRequired, "kubernetes.gateway.certificate", "", "the Secret with the host's certificate")
	}
}

func checkNodes(n *settings.Nodes, r *refuse) {
	for kind := range n.Accelerators {
		if !slices.Contains(components.Accelerators(), components.Accelerator(kind)) || kind == "" {
			r.add(components.ErrChoice, "kubernetes.nodes.accelerators", kind, "a kind of accelerator such as gpu-large")
		}
	}
	if k := n.Karpenter; k != (settings.NodeClass{}) && (k.Group == "" || k.Kind == "" || k.Name == "") {
		r.add(components.ErrRequired, "kubernetes.nodes.karpenter", k.Name, "group, kind and name of a class")
	}
	for key, share := range map[string]**int{"lendPercent": &n.LendPercent, "borrowPercent": &n.BorrowPercent} {
		if *share == nil {
			*share = new(100)
		}
		if **share < 0 || **share > 1000 {
			r.add(components.ErrRange, "kubernetes.nodes."+key, **share, "0 to 1000")
		}
	}
}
