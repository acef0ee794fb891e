//go:build linux

package container

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// reader turns the first container of a pod into the arguments of podman.
type reader struct {
	engine *Engine
	pod    map[string]any
	around Around
	values map[string]string // of the variables so far
}

// known are the fields that are taken over, or that say nothing to a container on one machine.
var (
	knownContainer = []string{
		"name", "image", "imagePullPolicy", "command", "args", "env", "envFrom", "ports", "resources",
		"securityContext", "volumeMounts",
		"startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "terminationMessagePath", "terminationMessagePolicy",
	}
	knownSecurity = []string{
		"runAsUser", "runAsGroup", "runAsNonRoot", "readOnlyRootFilesystem", "allowPrivilegeEscalation", "capabilities",
		"seccompProfile",
	}
	knownPodSecurity = []string{
		"runAsUser", "runAsGroup", "runAsNonRoot", "fsGroup", "fsGroupChangePolicy", "seccompProfile", "supplementalGroups",
	}
)

func field(object map[string]any, path ...string) map[string]any {
	found, _, _ := unstructured.NestedMap(object, path...)
	return found
}

func text(object map[string]any, path ...string) string {
	found, _, _ := unstructured.NestedString(object, path...)
	return found
}

func list(object map[string]any, path ...string) []map[string]any {
	found, _, _ := unstructured.NestedSlice(object, path...)
	all := make([]map[string]any, 0, len(found))
	for _, each := range found {
		if item, ok := each.(map[string]any); ok {
			all = append(all, item)
		}
	}
	return all
}

func (r *reader) first() map[string]any {
	if all := list(r.pod, "spec", "containers"); len(all) > 0 {
		return all[0]
	}
	return map[string]any{}
}

// program is the image, and what is started in it: what the pod says, or else the image. The image's own health check
// is none of a pod's.
func (r *reader) program(image Image) []string {
	command, _, _ := unstructured.NestedStringSlice(r.first(), "command")
	if image.Name == "" {
		if len(command) == 0 {
			command = image.Entrypoint
		}
		return append([]string{"--rootfs", image.Root + ":O"}, command...)
	}
	args := []string{"--pull=never", "--no-healthcheck"}
	if len(command) > 0 {
		args = append(args, "--entrypoint", command[0])
		command = command[1:]
	}
	return append(append(args, image.Name), command...)
}

// reference is $(NAME) in an argument.
var reference = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_]*)\)`)

func (r *reader) args() []string {
	args, _, _ := unstructured.NestedStringSlice(r.first(), "args")
	for i, arg := range args {
		args[i] = r.filledIn(arg)
	}
	return args
}

// filledIn replaces references to variables that stand before it; what is unknown stays.
func (r *reader) filledIn(value string) string {
	return reference.ReplaceAllStringFunc(value, func(ref string) string {
		if known, ok := r.values[ref[2:len(ref)-1]]; ok {
			return known
		}
		return ref
	})
}

func (r *reader) arguments() ([]string, error) {
	c := r.first()
	for _, part := range []struct {
		where  string
		object map[string]any
		known  []string
	}{
		{"container", c, knownContainer}, {"container's security context", field(c, "securityContext"), knownSecurity},
		{"pod's security context", field(r.pod, "spec", "securityContext"), knownPodSecurity},
	} {
		for key := range part.object {
			if !slices.Contains(part.known, key) {
				return nil, fmt.Errorf("the %s has a %s, which this package does not take over", part.where, key)
			}
		}
	}
	args, err := r.security(c)
	if err != nil {
		return nil, err
	}
	limits, err := r.limits(c)
	if err != nil {
		return nil, err
	}
	variables, err := r.variables(c)
	if err != nil {
		return nil, err
	}
	mounts, err := r.mounts(c)
	if err != nil {
		return nil, err
	}
	hosts := "127.0.0.1 localhost\n"
	for _, host := range r.around.Hosts {
		hosts += "127.0.0.1 " + host + "\n"
	}
	folder, err := r.folder(map[string]string{"hosts": hosts})
	if err != nil {
		return nil, err
	}
	args = append(args, "--volume", filepath.Join(folder, "hosts")+":/etc/hosts:ro")
	return slices.Concat(args, limits, variables, mounts), nil
}

// security is who runs and what that may do. A pod that says nothing would run as root with the engine's capabilities,
// and so it does here.
func (r *reader) security(c map[string]any) ([]string, error) {
	pod, own := field(r.pod, "spec", "securityContext"), field(c, "securityContext")
	number := func(name string) (int64, bool) {
		for _, context := range []map[string]any{own, pod} {
			if n, ok, _ := unstructured.NestedInt64(context, name); ok {
				return n, true
			}
		}
		return 0, false
	}
	var args []string
	user, ok := number("runAsUser")
	if nonRoot, _, _ := unstructured.NestedBool(pod, "runAsNonRoot"); nonRoot && (!ok || user == 0) {
		return nil, fmt.Errorf("the pod must not run as root, and names no other user")
	}
	if ok {
		group, _ := number("runAsGroup")
		args = append(args, "--user", fmt.Sprintf("%d:%d", user, group))
	}
	if group, ok, _ := unstructured.NestedInt64(pod, "fsGroup"); ok {
		args = append(args, "--group-add", strconv.FormatInt(group, 10))
	}
	if closed, _, _ := unstructured.NestedBool(own, "readOnlyRootFilesystem"); closed {
		args = append(args, "--read-only", "--read-only-tmpfs=false")
	}
	if may, ok, _ := unstructured.NestedBool(own, "allowPrivilegeEscalation"); ok && !may {
		args = append(args, "--security-opt", "no-new-privileges")
	}
	dropped, _, _ := unstructured.NestedStringSlice(own, "capabilities", "drop")
	for _, capability := range dropped {
		args = append(args, "--cap-drop", capability)
	}
	return args, nil
}

func (r *reader) limits(c map[string]any) ([]string, error) {
	var args []string
	for name, value := range field(c, "resources", "limits") {
		amount, err := resource.ParseQuantity(fmt.Sprint(value))
		if err != nil {
			return nil, fmt.Errorf("limit of %s: %w", name, err)
		}
		if name == "memory" {
			args = append(args, "--memory", fmt.Sprint(amount.Value()))
		}
	}
	return args, nil
}

func (r *reader) variables(c map[string]any) ([]string, error) {
	var args []string
	for _, from := range list(c, "envFrom") {
		name := text(from, "secretRef", "name") + text(from, "configMapRef", "name")
		values, ok := r.around.Files[name]
		if !ok {
			return nil, fmt.Errorf("there is no object %s", name)
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			args = append(args, "--env", key+"="+values[key])
		}
	}
	for _, variable := range list(c, "env") {
		value, err := r.value(variable)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", text(variable, "name"), err)
		}
		r.values[text(variable, "name")] = r.filledIn(value)
		args = append(args, "--env", text(variable, "name")+"="+r.filledIn(value))
	}
	return args, nil
}

// annotated is a path such as metadata.annotations['name'].
var annotated = regexp.MustCompile(`^metadata\.(annotations|labels)\['([^']+)'\]$`)

func (r *reader) value(variable map[string]any) (string, error) {
	from := field(variable, "valueFrom")
	if len(from) == 0 {
		return text(variable, "value"), nil
	}
	if path := text(from, "fieldRef", "fieldPath"); path != "" {
		if parts := annotated.FindStringSubmatch(path); parts != nil {
			return text(r.pod, "metadata", parts[1], parts[2]), nil
		}
		switch path {
		case "metadata.name":
			return text(r.pod, "metadata", "name"), nil
		case "metadata.namespace":
			return text(r.pod, "metadata", "namespace"), nil
		case "metadata.uid":
			return text(r.pod, "metadata", "uid"), nil
		case "spec.nodeName":
			return text(r.pod, "spec", "nodeName"), nil
		case "status.podIP":
			return "127.0.0.1", nil
		}
		return "", fmt.Errorf("field %s is not known here", path)
	}
	for _, kind := range []string{"secretKeyRef", "configMapKeyRef"} {
		if ref := field(from, kind); len(ref) > 0 {
			value, ok := r.around.Files[text(ref, "name")][text(ref, "key")]
			if optional, _, _ := unstructured.NestedBool(ref, "optional"); !ok && !optional {
				return "", fmt.Errorf("there is no %s in %s", text(ref, "key"), text(ref, "name"))
			}
			return value, nil
		}
	}
	return "", fmt.Errorf("its source is not known here: %v", slices.Sorted(maps.Keys(from)))
}

func (r *reader) mounts(c map[string]any) ([]string, error) {
	volumes := map[string]map[string]any{}
	for _, volume := range list(r.pod, "spec", "volumes") {
		volumes[text(volume, "name")] = volume
	}
	var args []string
	for _, mount := range list(c, "volumeMounts") {
		volume, ok := volumes[text(mount, "name")]
		if !ok {
			return nil, fmt.Errorf("there is no volume %s", text(mount, "name"))
		}
		arg, err := r.mount(volume, mount)
		if err != nil {
			return nil, fmt.Errorf("volume %s: %w", text(mount, "name"), err)
		}
		args = append(args, arg...)
	}
	return args, nil
}

func (r *reader) mount(volume, mount map[string]any) ([]string, error) {
	path := text(mount, "mountPath")
	bind := func(folder, mode string) []string { return []string{"--volume", folder + ":" + path + ":" + mode} }
	mode := "rw"
	if closed, _, _ := unstructured.NestedBool(mount, "readOnly"); closed {
		mode = "ro"
	}
	switch {
	case volume["emptyDir"] != nil:
		if text(volume, "emptyDir", "medium") == "Memory" {
			size, err := resource.ParseQuantity(text(volume, "emptyDir", "sizeLimit"))
			if err != nil {
				return nil, fmt.Errorf("size limit: %w", err)
			}
			memory := fmt.Sprintf("type=tmpfs,destination=%s,tmpfs-size=%d,tmpfs-mode=1777", path, size.Value())
			return []string{"--mount", memory}, nil
		}
		folder, err := r.folder(nil)
		return bind(folder, mode), err
	case volume["configMap"] != nil:
		return r.files(text(volume, "configMap", "name"), bind)
	case volume["secret"] != nil:
		return r.files(text(volume, "secret", "secretName"), bind)
	case volume["persistentVolumeClaim"] != nil:
		folder, ok := r.around.Claims[text(volume, "persistentVolumeClaim", "claimName")]
		if !ok {
			return nil, fmt.Errorf("there is no claim %s", text(volume, "persistentVolumeClaim", "claimName"))
		}
		return bind(folder, mode), nil
	case volume["projected"] != nil:
		tokens := map[string]string{}
		for _, source := range list(volume, "projected", "sources") {
			tokens[text(source, "serviceAccountToken", "path")] = "a token"
		}
		folder, err := r.folder(tokens)
		return bind(folder, "ro"), err
	}
	return nil, fmt.Errorf("its source is not known here")
}

func (r *reader) files(name string, bind func(string, string) []string) ([]string, error) {
	files, ok := r.around.Files[name]
	if !ok {
		return nil, fmt.Errorf("there is no object %s", name)
	}
	folder, err := r.folder(files)
	return bind(folder, "ro"), err
}

// folder makes a folder that everybody may write to, as that of a pod's volume is.
func (r *reader) folder(files map[string]string) (string, error) {
	dir, err := os.MkdirTemp(r.engine.dir, "volume-")
	if err != nil {
		return "", err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return "", err
		}
	}
	return dir, os.Chmod(dir, 0o777)
}
