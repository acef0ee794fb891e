package cost

import (
	"slices"

	"github.com/mlpathway/mlpathway/policies/rules"
)

const (
	clusterService = "kubernetes:core/v1:Service"
	clusterClaim   = "kubernetes:core/v1:PersistentVolumeClaim"
	clusterSet     = "kubernetes:apps/v1:StatefulSet"
)

// clusterTypes are the types of Kubernetes that cost more than the nodes that they run on.
var clusterTypes = []string{karpenterPool, clusterService, clusterClaim, clusterSet}

// cluster are objects for which the cluster makes something in its cloud. On machines of one's own they cost nothing.
var cluster = map[string]model{
	clusterService: func(p *pricer) {
		if p.text("spec.type", "ClusterIP") == "LoadBalancer" && p.inCloud() {
			p.unpriced("load balancer", "the cluster makes it, of a kind that the stack does not say")
		}
	},
	clusterClaim: func(p *pricer) { p.volumes() },
	clusterSet: func(p *pricer) {
		if p.count("spec.volumeClaimTemplates", 0) > 0 {
			p.volumes()
		}
	},
}

func (p *pricer) volumes() {
	if p.inCloud() {
		p.unpriced("volumes", "the cluster makes them, of a class whose price the stack does not say")
	}
}

// inCloud reports whether the stack makes anything in a cloud that sends a bill.
func (p *pricer) inCloud() bool {
	return slices.ContainsFunc(p.graph.Resources(), func(r *rules.Resource) bool {
		cloud := r.Cloud()
		return r.Custom && cloud != "" && cloud != rules.Kubernetes
	})
}
