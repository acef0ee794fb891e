// Package api holds the kinds that every Kubernetes cluster has, as of v1.36, as far as this project declares them:
// plain structs with the field names of the API. Fields whose value another resource may give are inputs.
//
// It stands in for the packages of pulumi-kubernetes: core/v1 with those that the layers need takes 79 seconds of CPU
// to compile, in every target that puts workloads into a cluster, and says no more than the names and types here,
// which the tests hold against the API's own description.
package api

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// PodTemplate makes pods.
type PodTemplate struct {
	// Metadata of the pods.
	Metadata PodMetadata `json:"metadata"`
	// Spec of the pods.
	Spec PodSpec `json:"spec"`
}

// PodMetadata is what pods of a template carry.
type PodMetadata struct {
	// Labels of the pods.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the pods.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PodSpec describes a pod.
type PodSpec struct {
	// ServiceAccountName is whom the pod runs as.
	ServiceAccountName string `json:"serviceAccountName"`
	// AutomountServiceAccountToken gives every container the account's token.
	AutomountServiceAccountToken bool `json:"automountServiceAccountToken"`
	// EnableServiceLinks puts the addresses of all services into the environment.
	EnableServiceLinks bool `json:"enableServiceLinks"`
	// ImagePullSecrets open private registries.
	ImagePullSecrets []NameRef `json:"imagePullSecrets,omitempty"`
	// SecurityContext of the pod.
	SecurityContext *PodSecurityContext `json:"securityContext,omitempty"`
	// RestartPolicy is Always, OnFailure or Never.
	RestartPolicy string `json:"restartPolicy,omitempty"`
	// TerminationGracePeriodSeconds is the time between SIGTERM and SIGKILL.
	TerminationGracePeriodSeconds int `json:"terminationGracePeriodSeconds"`
	// ActiveDeadlineSeconds ends the pod.
	ActiveDeadlineSeconds int `json:"activeDeadlineSeconds,omitempty"`
	// PriorityClassName says which pods go first.
	PriorityClassName string `json:"priorityClassName,omitempty"`
	// Containers of the pod.
	Containers []Container `json:"containers"`
	// Volumes of the pod.
	Volumes []Volume `json:"volumes,omitempty"`
	// NodeSelector restricts where the pod runs.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Tolerations let the pod onto tainted nodes.
	Tolerations []Toleration `json:"tolerations,omitempty"`
	// TopologySpreadConstraints spread pods over zones and nodes.
	TopologySpreadConstraints []TopologySpread `json:"topologySpreadConstraints,omitempty"`
}

// NameRef names an object of the same namespace.
type NameRef struct {
	// Name of the object.
	Name string `json:"name"`
}

// PodSecurityContext is what holds for all containers of a pod.
type PodSecurityContext struct {
	// RunAsNonRoot refuses to start as root.
	RunAsNonRoot bool `json:"runAsNonRoot"`
	// RunAsUser and RunAsGroup are whom the processes run as.
	RunAsUser int `json:"runAsUser"`
	// RunAsGroup is their group.
	RunAsGroup int `json:"runAsGroup"`
	// FSGroup owns the volumes.
	FSGroup int `json:"fsGroup"`
	// FSGroupChangePolicy is Always or OnRootMismatch.
	FSGroupChangePolicy string `json:"fsGroupChangePolicy"`
	// SeccompProfile filters system calls.
	SeccompProfile SeccompProfile `json:"seccompProfile"`
}

// SeccompProfile filters system calls.
type SeccompProfile struct {
	// Type is RuntimeDefault, Localhost or Unconfined.
	Type string `json:"type"`
}

// Container is a process of a pod.
type Container struct {
	// Name of the container.
	Name string `json:"name"`
	// Image that runs.
	Image string `json:"image"`
	// Command in place of the image's entry point.
	Command []string `json:"command,omitempty"`
	// Args of the image's entry point.
	Args []string `json:"args,omitempty"`
	// Env are variables.
	Env []EnvVar `json:"env,omitempty"`
	// EnvFrom takes all variables of an object.
	EnvFrom []EnvFrom `json:"envFrom,omitempty"`
	// Ports that the process listens on.
	Ports []Port `json:"ports,omitempty"`
	// Resources of the container.
	Resources Resources `json:"resources"`
	// SecurityContext of the container.
	SecurityContext SecurityContext `json:"securityContext"`
	// VolumeMounts of the container.
	VolumeMounts []VolumeMount `json:"volumeMounts,omitempty"`
	// StartupProbe holds the others back until it succeeds.
	StartupProbe *Probe `json:"startupProbe,omitempty"`
	// ReadinessProbe takes the pod out of its services while it fails.
	ReadinessProbe *Probe `json:"readinessProbe,omitempty"`
	// LivenessProbe restarts the container where it fails.
	LivenessProbe *Probe `json:"livenessProbe,omitempty"`
	// TerminationMessagePolicy is File or FallbackToLogsOnError.
	TerminationMessagePolicy string `json:"terminationMessagePolicy,omitempty"`
}

// EnvVar is a variable.
type EnvVar struct {
	// Name of the variable.
	Name string `json:"name"`
	// Value of the variable.
	Value pulumi.StringInput `json:"value,omitempty"`
	// ValueFrom takes the value from elsewhere.
	ValueFrom *EnvSource `json:"valueFrom,omitempty"`
}

// EnvSource is where the value of a variable comes from.
type EnvSource struct {
	// FieldRef is a field of the pod.
	FieldRef *FieldRef `json:"fieldRef,omitempty"`
	// SecretKeyRef is a key of a Secret.
	SecretKeyRef *KeyRef `json:"secretKeyRef,omitempty"`
}

// FieldRef is a field of the pod.
type FieldRef struct {
	// FieldPath of the field.
	FieldPath string `json:"fieldPath"`
}

// KeyRef is a key of an object.
type KeyRef struct {
	// Name of the object.
	Name string `json:"name"`
	// Key in it.
	Key string `json:"key"`
	// Optional lets the pod start without it.
	Optional bool `json:"optional,omitempty"`
}

// EnvFrom takes all variables of an object.
type EnvFrom struct {
	// SecretRef names a Secret.
	SecretRef NameRef `json:"secretRef"`
}

// Port is where a process listens.
type Port struct {
	// Name of the port.
	Name string `json:"name"`
	// ContainerPort is its number.
	ContainerPort int `json:"containerPort"`
	// Protocol is TCP, UDP or SCTP.
	Protocol string `json:"protocol"`
}

// Resources of a container.
type Resources struct {
	// Requests are what the scheduler counts.
	Requests map[string]string `json:"requests"`
	// Limits are what the container may take.
	Limits map[string]string `json:"limits"`
}

// SecurityContext of a container.
type SecurityContext struct {
	// AllowPrivilegeEscalation lets a process get more rights than its parent.
	AllowPrivilegeEscalation bool `json:"allowPrivilegeEscalation"`
	// ReadOnlyRootFilesystem closes the image's files.
	ReadOnlyRootFilesystem bool `json:"readOnlyRootFilesystem"`
	// Capabilities of the processes.
	Capabilities Capabilities `json:"capabilities"`
}

// Capabilities of processes.
type Capabilities struct {
	// Drop takes capabilities away.
	Drop []string `json:"drop"`
}

// Probe asks a container how it is.
type Probe struct {
	// HTTPGet asks over HTTP. It or TCPSocket is set.
	HTTPGet *HTTPGet `json:"httpGet,omitempty"`
	// TCPSocket opens a connection.
	TCPSocket *TCPSocket `json:"tcpSocket,omitempty"`
	// PeriodSeconds between two questions.
	PeriodSeconds int `json:"periodSeconds"`
	// TimeoutSeconds of a question.
	TimeoutSeconds int `json:"timeoutSeconds"`
	// FailureThreshold is how many failures count.
	FailureThreshold int `json:"failureThreshold"`
}

// HTTPGet is a question over HTTP.
type HTTPGet struct {
	// Path to ask.
	Path string `json:"path"`
	// Port by its name.
	Port string `json:"port"`
}

// TCPSocket opens a connection.
type TCPSocket struct {
	// Port by its name.
	Port string `json:"port"`
}

// Volume of a pod. One of the sources is set.
type Volume struct {
	// Name of the volume.
	Name string `json:"name"`
	// EmptyDir lives as long as the pod.
	EmptyDir *EmptyDir `json:"emptyDir,omitempty"`
	// ConfigMap holds its keys as files.
	ConfigMap *ConfigMapVolume `json:"configMap,omitempty"`
	// Secret holds its keys as files.
	Secret *SecretVolume `json:"secret,omitempty"`
	// PersistentVolumeClaim is a disk.
	PersistentVolumeClaim *ClaimVolume `json:"persistentVolumeClaim,omitempty"`
	// Projected holds tokens.
	Projected *ProjectedVolume `json:"projected,omitempty"`
}

// EmptyDir is a directory that lives as long as the pod.
type EmptyDir struct {
	// Medium is Memory, or nothing for the node's disk.
	Medium string `json:"medium,omitempty"`
	// SizeLimit evicts a pod that writes more.
	SizeLimit string `json:"sizeLimit"`
}

// ConfigMapVolume is a ConfigMap as files.
type ConfigMapVolume struct {
	// Name of the ConfigMap.
	Name pulumi.StringInput `json:"name"`
}

// SecretVolume is a Secret as files.
type SecretVolume struct {
	// SecretName of the Secret.
	SecretName pulumi.StringInput `json:"secretName"`
	// DefaultMode of the files.
	DefaultMode int `json:"defaultMode"`
}

// ClaimVolume is a disk.
type ClaimVolume struct {
	// ClaimName of the PersistentVolumeClaim.
	ClaimName string `json:"claimName"`
}

// ProjectedVolume holds tokens.
type ProjectedVolume struct {
	// Sources of the volume.
	Sources []Projection `json:"sources"`
}

// Projection is one file of a projected volume.
type Projection struct {
	// ServiceAccountToken is a token of the pod's account.
	ServiceAccountToken TokenProjection `json:"serviceAccountToken"`
}

// TokenProjection is a token of the pod's account.
type TokenProjection struct {
	// Path of the file.
	Path string `json:"path"`
	// ExpirationSeconds of the token; it is renewed in time.
	ExpirationSeconds int `json:"expirationSeconds"`
	// Audience that the token is for; the API server where it is empty.
	Audience string `json:"audience,omitempty"`
}

// VolumeMount puts a volume into a container.
type VolumeMount struct {
	// Name of the volume.
	Name string `json:"name"`
	// MountPath in the container.
	MountPath pulumi.StringInput `json:"mountPath"`
	// ReadOnly closes it.
	ReadOnly bool `json:"readOnly,omitempty"`
}

// Toleration lets a pod onto nodes with a taint.
type Toleration struct {
	// Key of the taint.
	Key string `json:"key"`
	// Operator is Exists or Equal.
	Operator string `json:"operator"`
	// Value of the taint.
	Value string `json:"value,omitempty"`
	// Effect of the taint.
	Effect string `json:"effect"`
}

// TopologySpread spreads pods.
type TopologySpread struct {
	// MaxSkew is the largest difference between two places.
	MaxSkew int `json:"maxSkew"`
	// TopologyKey is the label of nodes that tells places apart.
	TopologyKey string `json:"topologyKey"`
	// WhenUnsatisfiable is DoNotSchedule or ScheduleAnyway.
	WhenUnsatisfiable string `json:"whenUnsatisfiable"`
	// LabelSelector of the pods.
	LabelSelector Selector `json:"labelSelector"`
}

// Selector selects by labels; an empty one selects everything.
type Selector struct {
	// MatchLabels that must be there.
	MatchLabels map[string]string `json:"matchLabels,omitempty"`
}
