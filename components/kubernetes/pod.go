package kubernetes

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
)

// workload is a pod of an image.
type workload struct {
	// part tells the pods of a layer apart; account is whom they run as.
	part, account string
	image         string
	args          []string
	machine       components.Machine
	environment   pulumi.StringMap
	// secret names a Secret whose keys are variables; "" for none.
	secret string
	// files are addresses such as file:///etc/mlpathway/<name>/<key>, of a ConfigMap or a Secret.
	files []mount
	// spot says which machines; nil for any.
	spot *bool
	// nodes that work together; scratchGiB is what one writes beside the lake.
	nodes, scratchGiB int
	restart           string
	deadlineSeconds   int
	graceSeconds      int
	container         func(*api.Container)
}

// mount is a ConfigMap or a Secret as files.
type mount struct {
	uri    pulumi.StringInput
	secret bool
}

// The user that the images run as, and where the target puts files.
const (
	nonRoot  = 65532
	filesDir = "/etc/mlpathway"
)

// The resources of accelerators.
const (
	gpuResource = "nvidia.com/gpu"
	tpuResource = "google.com/tpu"
)

func acceleratorResource(kind components.Accelerator) string {
	switch kind {
	case components.NoAccelerator:
		return ""
	case components.TPU:
		return tpuResource
	case components.GPUSmall, components.GPUMedium, components.GPULarge, components.GPUXLarge:
	}
	return gpuResource
}

// fileURI is the address of a key of a ConfigMap or a Secret that pods mount.
func fileURI(name, key string) string { return "file://" + path.Join(filesDir, name, key) }

// pod describes the pods of a workload: not root, nothing but /tmp to write, no way to more rights, no token.
func (l *layer) pod(w workload) api.PodTemplate {
	resources := sized(w.machine, max(w.scratchGiB, 1))
	c := api.Container{
		Name: w.part, Image: w.image, Args: w.args, Env: l.variables(w.environment), Resources: resources,
		SecurityContext: closed(), TerminationMessagePolicy: "FallbackToLogsOnError",
		VolumeMounts: []api.VolumeMount{{Name: "tmp", MountPath: pulumi.String("/tmp")}},
	}
	spec := api.PodSpec{
		ServiceAccountName: w.account, SecurityContext: unprivileged(), RestartPolicy: w.restart,
		TerminationGracePeriodSeconds: max(w.graceSeconds, 30), ActiveDeadlineSeconds: w.deadlineSeconds,
		Volumes: []api.Volume{{Name: "tmp", EmptyDir: &api.EmptyDir{SizeLimit: fmt.Sprintf("%dGi", max(w.scratchGiB, 1))}}},
	}
	if l.settings.PullSecret != "" {
		spec.ImagePullSecrets = []api.NameRef{{Name: l.settings.PullSecret}}
	}
	for _, secret := range []string{w.secret, l.settings.Lake.Secret} {
		if secret != "" {
			c.EnvFrom = append(c.EnvFrom, api.EnvFrom{SecretRef: api.NameRef{Name: secret}})
		}
	}
	l.mountLake(&spec, &c)
	for i, file := range w.files {
		mountFile(&spec, &c, fmt.Sprintf("file-%d", i), file)
	}
	if w.machine.Accelerators > 0 || w.nodes > 1 {
		addSharedMemory(&spec, &c, w.machine)
	}
	l.place(&spec, w)
	if w.container != nil {
		w.container(&c)
	}
	spec.Containers = []api.Container{c}
	labels := l.podLabels(w.part)
	if l.settings.Identity.Cloud == "azure" && l.settings.Identity.Accounts[w.account] != "" {
		labels[azurePods] = "true"
	}
	return api.PodTemplate{Metadata: api.PodMetadata{Labels: labels}, Spec: spec}
}

// closed is the security of every container.
func closed() api.SecurityContext {
	return api.SecurityContext{ReadOnlyRootFilesystem: true, Capabilities: api.Capabilities{Drop: []string{"ALL"}}}
}

// unprivileged is the security of every pod.
func unprivileged() *api.PodSecurityContext {
	return &api.PodSecurityContext{
		RunAsNonRoot: true, RunAsUser: nonRoot, RunAsGroup: nonRoot, FSGroup: nonRoot,
		FSGroupChangePolicy: "OnRootMismatch", SeccompProfile: api.SeccompProfile{Type: "RuntimeDefault"},
	}
}

// sized are the resources for a machine. Memory is what is asked for, so that a pod is never ended for another one's
// need; CPUs may be used beyond the request where they are idle.
func sized(m components.Machine, scratchGiB int) api.Resources {
	memory, disk := components.FormatMemory(m.MemoryMiB), fmt.Sprintf("%dGi", scratchGiB+1)
	r := api.Resources{
		Requests: map[string]string{"cpu": components.FormatCPUs(m.CPUs), "memory": memory, "ephemeral-storage": disk},
		Limits:   map[string]string{"memory": memory, "ephemeral-storage": disk},
	}
	if resource := acceleratorResource(m.Accelerator); resource != "" {
		count := fmt.Sprint(m.Accelerators)
		r.Requests[resource], r.Limits[resource] = count, count
	}
	return r
}

// variables are the environment of a container in a fixed order, with where the store of the lake is.
func (l *layer) variables(given pulumi.StringMap) []api.EnvVar {
	all := maps.Clone(given)
	if all == nil {
		all = pulumi.StringMap{}
	}
	lake, style, folders := l.settings.Lake, "", ""
	if lake.Endpoint != "" {
		style = "true"
	}
	if onDisk(lake) {
		folders = "true" // a volume begins empty
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": lake.Endpoint, "AWS_REGION": lake.Region, "MLPATHWAY_S3_PATH_STYLE": style,
		"MLPATHWAY_MAKE_FOLDERS": folders,
	} {
		if value != "" {
			all[name] = pulumi.String(value)
		}
	}
	var list []api.EnvVar
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, api.EnvVar{Name: name, Value: all[name]})
	}
	return list
}

// mountLake puts the disk of the lake where its address says.
func (l *layer) mountLake(spec *api.PodSpec, c *api.Container) {
	if !onDisk(l.settings.Lake) {
		return
	}
	spec.Volumes = append(spec.Volumes, api.Volume{
		Name: "lake", PersistentVolumeClaim: &api.ClaimVolume{ClaimName: lakeClaim},
	})
	c.VolumeMounts = append(c.VolumeMounts, api.VolumeMount{Name: "lake", MountPath: pulumi.String(l.lakeDir())})
}

// mountFile puts a ConfigMap or a Secret where an address says; the last folder of the address is its name.
func mountFile(spec *api.PodSpec, c *api.Container, name string, m mount) {
	volume := api.Volume{Name: name, ConfigMap: &api.ConfigMapVolume{Name: part(m.uri, objectOf)}}
	if m.secret {
		volume = api.Volume{Name: name, Secret: &api.SecretVolume{SecretName: part(m.uri, objectOf), DefaultMode: 0o440}}
	}
	spec.Volumes = append(spec.Volumes, volume)
	c.VolumeMounts = append(c.VolumeMounts, api.VolumeMount{Name: name, MountPath: part(m.uri, folderOf), ReadOnly: true})
}

// part takes something out of an address.
func part(uri pulumi.StringInput, of func(string) (string, error)) pulumi.StringInput {
	if known, ok := uri.(pulumi.String); ok {
		if text, err := of(string(known)); err == nil {
			return pulumi.String(text)
		}
	}
	return uri.ToStringOutput().ApplyT(of).(pulumi.StringOutput)
}

func folderOf(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || path.Dir(path.Dir(u.Path)) != filesDir {
		return "", fmt.Errorf("found %q, want an address that this target gave, such as %s", uri, fileURI("name", "key"))
	}
	return path.Dir(u.Path), nil
}

func objectOf(uri string) (string, error) {
	folder, err := folderOf(uri)
	return path.Base(folder), err
}

func pathOf(uri string) (string, error) {
	folder, err := folderOf(uri)
	return path.Join(folder, path.Base(uri)), err
}

// addSharedMemory gives processes that share batches more than the 64 MiB of a container engine: a quarter of the
// memory, which counts as the container's own.
func addSharedMemory(spec *api.PodSpec, c *api.Container, m components.Machine) {
	spec.Volumes = append(spec.Volumes, api.Volume{
		Name: "shm", EmptyDir: &api.EmptyDir{Medium: "Memory", SizeLimit: components.FormatMemory(max(m.MemoryMiB/4, 64))},
	})
	c.VolumeMounts = append(c.VolumeMounts, api.VolumeMount{Name: "shm", MountPath: pulumi.String("/dev/shm")})
}

// place says on which nodes a pod may run.
func (l *layer) place(spec *api.PodSpec, w workload) {
	selector := map[string]string{}
	maps.Copy(selector, l.settings.Nodes.Accelerators[string(w.machine.Accelerator)])
	if resource := acceleratorResource(w.machine.Accelerator); resource != "" {
		spec.Tolerations = append(spec.Tolerations, api.Toleration{Key: resource, Operator: "Exists", Effect: "NoSchedule"})
	}
	if w.spot != nil && *w.spot {
		maps.Copy(selector, l.settings.Nodes.Spot)
		if taint := l.settings.Nodes.SpotTaint; taint != "" {
			spec.Tolerations = append(spec.Tolerations, api.Toleration{Key: taint, Operator: "Exists", Effect: "NoSchedule"})
		}
	}
	if w.spot != nil && !*w.spot {
		maps.Copy(selector, l.settings.Nodes.OnDemand)
	}
	if len(selector) > 0 {
		spec.NodeSelector = selector
	}
}
