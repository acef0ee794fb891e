package rules

import (
	"slices"
	"strings"
)

const (
	quota         = "kubernetes:core/v1:ResourceQuota"
	limitRange    = "kubernetes:core/v1:LimitRange"
	networkPolicy = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
	namespace     = "kubernetes:core/v1:Namespace"
)

func accessNarrow() Rule {
	role := func(typ string) Matcher {
		return Matcher{
			Type:  typ,
			Paths: []string{"rules[].verbs", "rules[].resources", "rules[].apiGroups", "rules[].resourceNames"},
			Check: narrowRole,
		}
	}
	binding := func(typ string) Matcher {
		return Matcher{
			Type: typ, Paths: []string{"roleRef.name", "subjects[].name"}, Check: func(c *Check) {
				c.NoneOf("roleRef.name", []string{"cluster-admin"})
				c.NoneOf("subjects[].name", []string{"system:anonymous", "system:unauthenticated", "system:authenticated"})
			},
		}
	}
	return Rule{
		ID:    "K8S-06",
		Title: "Roles name what they allow, and nobody lists secrets",
		Why: "A wildcard grows with every kind that is installed later. Who can list secrets has every password and token " +
			"of " +
			"the namespace, and with a cluster role of the whole cluster.",
		Severity: Critical,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			role("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"), role("kubernetes:rbac.authorization.k8s.io/v1:Role"),
			binding("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"),
			binding("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"),
		},
		Fix: "Name verbs and resources; for secrets only get, with resourceNames. Bind a role that fits instead of " +
			"cluster-admin.",
		Remediation: "None: which rights are used is for the owner to say.",
		Controls:    "CIS-K8s1.12 5.1.1, 5.1.3, 5.1.2",
		Peers:       "Trivy KSV-0041/0044/0045/0046/0111; Checkov CKV_K8S_49",
	}
}

// narrowRole judges the rules of a role. One that only gathers others (aggregationRule) has none.
func narrowRole(c *Check) {
	for _, rule := range c.Each("rules[]") {
		if rule.Kind() != Map {
			c.expect(rule, "a rule", never, nil)
			continue
		}
		c.expectEach(rule.at("verbs"), "no wildcard", noStar)
		c.expectEach(rule.at("resources"), "no wildcard", noStar, AbsentOK) // paths of the API are no resources
		if secrets(rule) {
			verbs := []string{"get", "create", "update", "patch", "delete"}
			if rule.at("resourceNames").Empty() {
				verbs = verbs[1:]
			}
			c.expectEach(rule.at("verbs"), "for secrets only "+strings.Join(verbs, ", "), func(v Value) bool {
				verb, _ := v.Text()
				return slices.Contains(verbs, verb)
			})
		}
	}
}

// noStar accepts */scale, which is one subresource of what can be scaled.
func noStar(v Value) bool {
	text, ok := v.Text()
	return ok && (!strings.Contains(text, "*") || text == "*/scale")
}

// secrets reports whether a rule is about the secrets of the core API.
func secrets(rule Item) bool {
	has := func(path, want string) bool {
		list, _ := rule.Get(path).List()
		return slices.ContainsFunc(list, func(v Value) bool { return equal(v, StringValue(want)) })
	}
	return has("resources", "secrets") && (rule.at("apiGroups").IsAbsent() || has("apiGroups", ""))
}

func namespacesFenced() Rule {
	return Rule{
		ID:    "K8S-07",
		Title: "Namespaces enforce pod security, bound what is used, and deny traffic that nobody allowed",
		Why: "Without these fences one workload can take the whole cluster: its machines, its money and the network paths " +
			"to " +
			"everybody else.",
		Severity: Medium,
		Levels:   Levels{Advisory, Advisory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{
				Type: namespace, Paths: []string{"metadata.labels"}, Check: fenced,
				Remedy: func(c *Check) []Change {
					const label = "pod-security.kubernetes.io/enforce"
					if labels := c.Get("metadata.labels"); labels.IsUnknown() || !labels.Key(label).IsAbsent() {
						return nil
					}
					return []Change{{Path: `metadata.labels["` + label + `"]`, New: StringValue("restricted")}}
				},
			},
			{Type: quota, Paths: []string{"metadata.namespace"}},
			{Type: limitRange, Paths: []string{"metadata.namespace"}},
			{Type: networkPolicy, Paths: []string{
				"metadata.namespace", "spec.podSelector", "spec.policyTypes", "spec.ingress",
			}},
		},
		Fix: "Label the namespace pod-security.kubernetes.io/enforce: restricted; add a ResourceQuota, a LimitRange and a " +
			"NetworkPolicy with an empty podSelector, policyTypes [Ingress, Egress] and no rules.",
		Remediation: "Sets the label. Quotas and policies are resources of their own.",
		Peers:       "Trivy KSV-0038/0039/0040; Kyverno",
	}
}

func fenced(c *Check) {
	labels := Item{Value: c.Get("metadata.labels"), Path: "metadata.labels"}
	label := "pod-security.kubernetes.io/enforce"
	c.expect(Item{Value: labels.Key(label), Path: join(labels.Path, label)}, "baseline or restricted", func(v Value) bool {
		text, _ := v.Text()
		return text == "restricted" || text == "baseline"
	}, nil)
	c.Satellites(quota, "metadata.namespace", "has no ResourceQuota")
	c.Satellites(limitRange, "metadata.namespace", "has no LimitRange")
	policies := c.Satellites(networkPolicy, "metadata.namespace", "has no NetworkPolicy")
	unsure := false
	for _, policy := range policies {
		switch deniesByDefault(policy) {
		case Yes:
			return
		case Maybe:
			unsure = true
		case No:
		}
	}
	if unsure {
		c.Unsure("", "has a NetworkPolicy that is not known yet, want one that denies all ingress")
	} else if len(policies) > 0 {
		c.Fail("", "has no NetworkPolicy that denies all ingress: podSelector {}, policyTypes with Ingress, no ingress rules")
	}
}

// deniesByDefault reports whether a policy selects every pod and allows no ingress. Default policyTypes: Ingress.
func deniesByDefault(c *Check) Tri {
	selector, types, ingress := c.Get("spec.podSelector"), c.Get("spec.policyTypes"), c.Get("spec.ingress")
	if selector.HasUnknown() || types.HasUnknown() || ingress.IsUnknown() {
		return Maybe
	}
	every := selector.Kind() == Map && (selector.Empty() || selector.Key("matchLabels").Empty() &&
		selector.Key("matchExpressions").Empty())
	list, _ := types.List()
	isIngress := func(v Value) bool { return equal(v, StringValue("Ingress")) }
	covered := types.IsAbsent() || slices.ContainsFunc(list, isIngress)
	return triOf(every && covered && ingress.Empty())
}

func servingRedundant() Rule {
	const (
		budget  = "kubernetes:policy/v1:PodDisruptionBudget"
		service = "kubernetes:core/v1:Service"
		scaler  = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
		keda    = "kubernetes:keda.sh/v1alpha1:ScaledObject"
	)
	return Rule{
		ID:    "K8S-08",
		Title: "What serves in prod has two replicas, of which a disruption leaves one",
		Why: "A drained node takes a single replica down, and every request with it, each time that the cluster is " +
			"upgraded.",
		Severity: Low,
		Levels:   Levels{Off, Off, Advisory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{
				Type:  "kubernetes:apps/v1:Deployment",
				Paths: []string{"spec.replicas", "spec.template.metadata.labels"},
				Check: func(c *Check) {
					// Only what a Service leads to serves; a controller may well be alone.
					labels := c.Get("spec.template.metadata.labels")
					c.reads(service, "spec.selector")
					c.reads(budget, "spec.selector.matchLabels")
					switch c.selected(labels, service, "spec.selector") {
					case No:
						return
					case Maybe:
						c.Unsure("spec.template.metadata.labels", "may be selected by a Service: not known yet")
						return
					case Yes:
					}
					if c.selected(labels, budget, "spec.selector.matchLabels") == No {
						c.Fail("", "has no PodDisruptionBudget")
					}
					// An autoscaler sets the number itself; its minimum counts then.
					for typ, path := range map[string]string{scaler: "spec.minReplicas", keda: "spec.minReplicaCount"} {
						if scalers, _ := c.satellites(typ, "spec.scaleTargetRef.name"); len(scalers) > 0 {
							scalers[0].AtLeast(path, 2) // default: 1, and 0 for KEDA
							return
						}
					}
					c.AtLeast("spec.replicas", 2) // default: 1
				},
			},
			{Type: budget, Paths: []string{"spec.selector.matchLabels"}},
			{Type: service, Paths: []string{"spec.selector"}},
			{Type: scaler, Paths: []string{"spec.scaleTargetRef.name", "spec.minReplicas"}},
			{Type: keda, Paths: []string{"spec.scaleTargetRef.name", "spec.minReplicaCount"}, Unchecked: true},
		},
		Fix:         "Set replicas, or the autoscaler's minimum, to 2 and add a PodDisruptionBudget for the same labels.",
		Remediation: "None: a second replica costs money.",
		Peers:       "compliance-policies kubernetes (min replicas, PDB)",
	}
}

// selectors are the selectors of one type, found by one pair of key and value.
type selectors struct {
	byPair map[string][]Value
	// loose are those of which no pair is known.
	loose []Value
}

func (g *Graph) selectors(typ, path string) *selectors {
	return memo(g, "selectors "+typ+" "+path, func() *selectors {
		index := &selectors{byPair: map[string][]Value{}}
		for _, r := range g.OfType(typ) {
			selector := r.Properties.Get(path)
			switch pair, known := firstPair(selector); {
			case selector.Empty():
			case known:
				index.byPair[pair] = append(index.byPair[pair], selector)
			default:
				index.loose = append(index.loose, selector)
			}
		}
		return index
	})
}

// firstPair is the first pair of a selector whose value is known.
func firstPair(selector Value) (pair string, known bool) {
	for _, key := range selector.Keys() {
		if value, ok := selector.Key(key).Text(); ok {
			return key + "=" + value, true
		}
	}
	return "", false
}

// selected reports whether a selector in some resource of a type fits labels.
func (c *Check) selected(labels Value, typ, path string) Tri {
	index := c.Graph.selectors(typ, path)
	if all := len(index.byPair) + len(index.loose); labels.IsUnknown() && all > 0 {
		return Maybe
	}
	found := No
	for _, key := range labels.Keys() {
		value, _ := labels.Key(key).Text()
		for _, selector := range index.byPair[key+"="+value] {
			found = found.Or(fits(selector, labels))
		}
	}
	for _, selector := range index.loose {
		found = found.Or(fits(selector, labels))
	}
	return found
}

// fits reports whether labels have every pair of a selector.
func fits(selector, labels Value) Tri {
	all := Yes
	if selector.IsUnknown() {
		all = Maybe
	}
	for _, key := range selector.Keys() {
		want, has := selector.Key(key), labels.Key(key)
		switch {
		case has.IsAbsent():
			return No
		case want.IsUnknown() || has.IsUnknown():
			all = all.And(Maybe)
		default:
			all = all.And(triOf(equal(want, has)))
		}
	}
	return all
}

func triOf(yes bool) Tri {
	if yes {
		return Yes
	}
	return No
}
