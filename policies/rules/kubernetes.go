package rules

// kubernetesRules are the rules on Kubernetes pods and clusters.
func kubernetesRules() []Rule {
	return []Rule{}
}
