package rules

import (
	"slices"
	"strings"
)

// kubernetesRules are the rules on pods and clusters.
func kubernetesRules() []Rule {
	return []Rule{
		podsRestricted(), podsApartFromHost(), rootReadOnly(), resourcesSet(), tokensNotMounted(), accessNarrow(),
		namespacesFenced(), servingRedundant(), versionsSupported(), nodesHardened(), entriesInternal(),
	}
}

func podsRestricted() Rule {
	ofPod := []string{"securityContext.runAsNonRoot", "securityContext.runAsUser", "securityContext.seccompProfile.type"}
	ofContainer := []string{
		"securityContext.privileged", "securityContext.allowPrivilegeEscalation", "securityContext.runAsNonRoot",
		"securityContext.runAsUser", "securityContext.capabilities.drop", "securityContext.capabilities.add",
		"securityContext.seccompProfile.type",
	}
	matchers := podMatchers(func(c *Check, p pod) { restricted(c, p) }, ofPod, ofContainer)
	matchers = append(matchers, patchMatcher(func(c *Check, p pod) { restricted(c, p, AbsentOK) }, ofPod, ofContainer))
	return Rule{
		ID:    "K8S-01",
		Title: "Pods keep to the Pod Security Standard restricted",
		Why: "A process that runs as root, or may become root, owns the node as soon as it leaves its container, and with " +
			"the " +
			"node every other pod on it.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: matchers,
		Fix: "Pod: securityContext {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}. Each container: " +
			"securityContext {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}, and an image that runs as a user.",
		Remediation: "None: an image that was built to run as root would not start.",
		Controls:    "CIS-K8s1.12 5.2.2, 5.2.6, 5.2.7, 5.2.9, 5.6.2",
		Peers:       "Trivy KSV-0017/0001/0012/0003/0030/0104/0106; Kyverno pod-security; Checkov CKV_K8S_*",
	}
}

// restricted asks what the standard asks of Linux pods. The defaults are the opposite: escalation is allowed, the
// image's user may be root, some capabilities stay, and no system call is filtered.
// The options are for what is not given, as in a patch, which leaves the rest as it is.
func restricted(c *Check, p pod, options ...Option) {
	const sc = "securityContext."
	for _, container := range p.containers {
		c.expect(container.at(sc+"privileged"), "false", isBool(false), []Option{AbsentOK})
		c.expect(container.at(sc+"allowPrivilegeEscalation"), "false", isBool(false), options)
		c.expect(p.own(container, sc+"runAsNonRoot"), "true", isBool(true), options)
		c.expect(p.own(container, sc+"runAsUser"), "a user other than root", aUser, []Option{AbsentOK})
		c.expect(p.own(container, sc+"seccompProfile.type"), "RuntimeDefault or Localhost", filtered, options)
		if drop := container.at(sc + "capabilities.drop"); !drop.IsAbsent() || len(options) == 0 {
			c.includes(drop, "ALL")
		}
		c.expectEach(container.at(sc+"capabilities.add"), "nothing but NET_BIND_SERVICE", func(v Value) bool {
			text, _ := v.Text()
			return text == "NET_BIND_SERVICE"
		}, AbsentOK)
	}
	if len(p.containers) == 0 && len(options) > 0 { // a patch of the pod alone
		c.expect(p.at(sc+"runAsNonRoot"), "true", isBool(true), options)
		c.expect(p.at(sc+"runAsUser"), "a user other than root", aUser, []Option{AbsentOK})
		c.expect(p.at(sc+"seccompProfile.type"), "RuntimeDefault or Localhost", filtered, options)
	}
}

func aUser(v Value) bool {
	user, ok := v.Number()
	return ok && user != 0
}

// filtered accepts the profiles that filter system calls.
func filtered(v Value) bool {
	kind, _ := v.Text()
	return kind == "RuntimeDefault" || kind == "Localhost"
}

func podsApartFromHost() Rule {
	return Rule{
		ID:    "K8S-02",
		Title: "Pods share neither processes, network nor files with their node",
		Why: "A path of the node, its network or its processes give what isolation is there to keep away: the credentials " +
			"of " +
			"the node, and by the container engine's socket the node itself.",
		Severity: High,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: append(podMatchers(apartFromHost,
			[]string{"hostPID", "hostIPC", "hostNetwork", "volumes[].hostPath.path"}, []string{"ports[].hostPort"}),
			patchMatcher(apartFromHost, []string{"volumes[].hostPath.path"}, nil)),
		Fix: "Take out hostPID, hostIPC, hostNetwork, hostPort and hostPath volumes; use a PersistentVolumeClaim, an " +
			"emptyDir " +
			"or a Service.",
		Remediation: "None: what shares something with its node needs another design.",
		Controls:    "CIS-K8s1.12 5.2.3, 5.2.4, 5.2.5, 5.2.12",
		Peers:       "Trivy KSV-0006/0008/0009/0010/0023/0024; Kyverno baseline",
	}
}

// devicePaths are what a device plugin must see of its node. The exemption is for these paths alone, so that a name
// does not open the whole node.
var devicePaths = []string{"/var/lib/kubelet/device-plugins", "/dev/shm", "/run/nvidia", "/sys"}

func apartFromHost(c *Check, p pod) {
	for _, path := range []string{"hostPID", "hostIPC", "hostNetwork"} {
		c.expect(p.set(path), "false", isBool(false), []Option{AbsentOK})
	}
	for _, place := range []Item{p.Item, p.outer} {
		for _, volume := range place.within("volumes[]") {
			path := volume.at("hostPath.path")
			if volume.at("hostPath").IsAbsent() && volume.Kind() != Unknown || devicePlugin(c.Resource, path) {
				c.Pass()
				continue
			}
			if path.IsAbsent() {
				path = volume.at("hostPath")
			}
			c.expect(path, "a volume that is not a path of the node", never, nil)
		}
	}
	for _, container := range p.containers {
		for _, port := range container.within("ports[]") {
			c.expect(port.at("hostPort"), "no port of the node", func(v Value) bool {
				n, ok := v.Number()
				return ok && n == 0
			}, []Option{AbsentOK})
		}
	}
}

// devicePlugin reports whether a path belongs to the plugin that offers a node's accelerators to pods.
func devicePlugin(r *Resource, path Item) bool {
	name, _ := r.Properties.Get("metadata.name").Text()
	where, _ := path.Text()
	return r.Type == "kubernetes:apps/v1:DaemonSet" && strings.Contains(name, "device-plugin") &&
		slices.Contains(devicePaths, strings.TrimSuffix(where, "/"))
}

func rootReadOnly() Rule {
	return Rule{
		ID:    "K8S-03",
		Title: "Containers can not change their own files",
		Why: "An intruder who can write beside the program can replace it, and what he leaves there survives until " +
			"the pod goes.",
		Severity: Medium,
		Levels:   Levels{Off, Advisory, Advisory},
		Matchers: podMatchers(func(c *Check, p pod) {
			for _, container := range p.containers { // default: false
				c.expect(container.at("securityContext.readOnlyRootFilesystem"), "true", isBool(true), nil)
			}
		}, nil, []string{"securityContext.readOnlyRootFilesystem"}),
		Fix: "Set securityContext.readOnlyRootFilesystem: true, and mount an emptyDir where the program writes, " +
			"such as /tmp.",
		Remediation: "None: a program that writes to its root, as CUDA caches do, would fail.",
		Peers:       "Trivy KSV-0014; compliance-policies kubernetes",
	}
}

func resourcesSet() Rule {
	matchers := podMatchers(func(c *Check, p pod) {
		for _, container := range p.containers {
			sized(c, container, "resources")
		}
	}, nil, []string{"resources.requests", "resources.limits"})
	matchers = append(matchers, Matcher{
		Type: trainJob, Unchecked: true, Paths: []string{"spec.trainer.resourcesPerNode"},
		Check: func(c *Check) {
			// Without a trainer's own figures those of the runtime hold, which is judged itself.
			trainer := Item{Value: c.Get("spec.trainer"), Path: "spec.trainer"}
			if !trainer.at("resourcesPerNode").IsAbsent() {
				sized(c, trainer, "resourcesPerNode")
			}
		},
	})
	return Rule{
		ID:    "K8S-04",
		Title: "Containers say what CPU and memory they need, and how much memory they may take",
		Why: "Without requests the scheduler and the queue count a pod as nothing and crowd the node. Without a memory " +
			"limit one " +
			"leak takes the node down. An accelerator can not be shared, so its request must equal its limit.",
		Severity:    Medium,
		Levels:      Levels{Advisory, Mandatory, Mandatory},
		Matchers:    matchers,
		Fix:         "Set resources.requests.cpu, resources.requests.memory and resources.limits.memory for every container.",
		Remediation: "None: only a measurement tells what a program needs.",
		Peers:       "Trivy KSV-0011/0015/0016/0018",
	}
}

// sized wants requests for CPU and memory, a limit for memory, and equal figures for accelerators. A limit counts as a
// request where none is given: so does the API.
func sized(c *Check, in Item, resources string) {
	requests, limits := in.at(resources+".requests"), in.at(resources+".limits")
	entry := func(of Item, key string) Item {
		return Item{Value: of.Key(key), Path: join(of.Path, key)}
	}
	for _, key := range []string{"cpu", "memory"} {
		request := entry(requests, key)
		if request.IsAbsent() && !entry(limits, key).IsAbsent() {
			request = entry(limits, key)
		}
		c.expect(request, "a figure", isQuantity, nil)
	}
	c.expect(entry(limits, "memory"), "a figure", isQuantity, nil)
	for _, key := range slices.Concat(requests.Keys(), limits.Keys()) {
		if !strings.Contains(key, "/") || strings.HasPrefix(key, "hugepages-") {
			continue
		}
		request, limit := entry(requests, key), entry(limits, key)
		if request.IsUnknown() || limit.IsUnknown() {
			c.Unsure(limit.Path, "is not known yet, want the same request and limit")
			continue
		}
		if limit.IsAbsent() || !request.IsAbsent() && request.String() != limit.String() {
			c.Fail(limit.Path, "is %s, want the same as the request, %s", limit.Value, request.Value)
		}
	}
}

// isQuantity reports whether a value can be an amount such as 500m, 2Gi or 1.
func isQuantity(v Value) bool { return v.Kind() == Number || v.Kind() == String && !v.Empty() }

func tokensNotMounted() Rule {
	return Rule{
		ID:    "K8S-05",
		Title: "Pods run under an account of their own, and get its token only where they say that they need it",
		Why: "The token lets whoever breaks into the pod ask the cluster's API. The default account collects the rights of " +
			"everything in the namespace.",
		Severity: Medium,
		Levels:   Levels{Advisory, Advisory, Mandatory},
		Matchers: podMatchers(func(c *Check, p pod) {
			c.expect(p.set("serviceAccountName"), "an account of its own", func(v Value) bool {
				name, _ := v.Text()
				return name != "" && name != "default"
			}, nil)
			// Default: mounted. An explicit true is the only way in which a pod can say that it talks to the API, as a
			// controller does. Identities of clouds do not need it: they bring a token of their own.
			c.expect(p.set("automountServiceAccountToken"), "false, or true where the pod talks to the API",
				func(v Value) bool { _, ok := v.Bool(); return ok }, nil)
		}, []string{"serviceAccountName", "automountServiceAccountToken"}, nil),
		Fix: "Make a ServiceAccount for the workload, name it in serviceAccountName, and set automountServiceAccountToken: " +
			"false; true only for what talks to the Kubernetes API.",
		Remediation: "None: a pod that talks to the API would lose its access.",
		Peers:       "Trivy KSV-0036",
	}
}
