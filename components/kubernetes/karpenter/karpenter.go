// Package karpenter declares the custom resources of Karpenter and of its provider for AWS.
package karpenter

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// Taint keeps pods off a node that do not tolerate it.
type Taint struct {
	// Key of the taint.
	Key string `json:"key"`
	// Value of the taint.
	Value string `json:"value,omitempty"`
	// Effect is NoSchedule, PreferNoSchedule or NoExecute.
	Effect string `json:"effect"`
}

// Requirement restricts which machines may become nodes.
type Requirement struct {
	// Key is a label of a node.
	Key string `json:"key"`
	// Operator is In, NotIn, Exists, DoesNotExist, Gt or Lt.
	Operator string `json:"operator"`
	// Values of the label.
	Values []string `json:"values,omitempty"`
}

// NodePool is the spec of a NodePool, karpenter.sh/v1.
type NodePool struct {
	// Template of the nodes.
	Template NodeTemplate `json:"template"`
	// Disruption says when nodes go.
	Disruption Disruption `json:"disruption"`
	// Limits cap the pool, by resource.
	Limits map[string]string `json:"limits"`
}

// NodeTemplate describes nodes.
type NodeTemplate struct {
	// Metadata of the nodes.
	Metadata NodeMetadata `json:"metadata"`
	// Spec of the nodes.
	Spec NodeSpec `json:"spec"`
}

// NodeMetadata holds labels.
type NodeMetadata struct {
	// Labels of the nodes.
	Labels map[string]string `json:"labels"`
}

// NodeSpec describes nodes.
type NodeSpec struct {
	// NodeClassRef names the class of the nodes.
	NodeClassRef NodeClassRef `json:"nodeClassRef"`
	// Requirements of the machines.
	Requirements []Requirement `json:"requirements"`
	// Taints of the nodes.
	Taints []Taint `json:"taints,omitempty"`
	// ExpireAfter replaces nodes of this age.
	ExpireAfter string `json:"expireAfter"`
}

// NodeClassRef names a node class.
type NodeClassRef struct {
	// Group, Kind and Name of the class.
	Group string `json:"group"`
	// Kind of the class.
	Kind string `json:"kind"`
	// Name of the class.
	Name string `json:"name"`
}

// Disruption says when nodes go.
type Disruption struct {
	// ConsolidationPolicy is WhenEmpty or WhenEmptyOrUnderutilized.
	ConsolidationPolicy string `json:"consolidationPolicy"`
	// ConsolidateAfter is how long a node must have been so.
	ConsolidateAfter string `json:"consolidateAfter"`
}

// EC2NodeClass is the spec of an EC2NodeClass, karpenter.k8s.aws/v1.
type EC2NodeClass struct {
	// AMISelectorTerms choose the image.
	AMISelectorTerms []AMITerm `json:"amiSelectorTerms"`
	// SubnetSelectorTerms choose the subnets: a list of {id}.
	SubnetSelectorTerms pulumi.ArrayInput `json:"subnetSelectorTerms"`
	// SecurityGroupSelectorTerms choose the security groups: a list of {id}.
	SecurityGroupSelectorTerms pulumi.ArrayInput `json:"securityGroupSelectorTerms"`
	// InstanceProfile of the nodes.
	InstanceProfile pulumi.StringInput `json:"instanceProfile"`
	// BlockDeviceMappings are the disks.
	BlockDeviceMappings []BlockDevice `json:"blockDeviceMappings"`
	// MetadataOptions of the instances.
	MetadataOptions MetadataOptions `json:"metadataOptions"`
	// InstanceStorePolicy is RAID0 to use the machine's own disks.
	InstanceStorePolicy string `json:"instanceStorePolicy,omitempty"`
	// AssociatePublicIPAddress gives nodes public addresses.
	AssociatePublicIPAddress bool `json:"associatePublicIPAddress"`
	// Tags of the instances and their disks.
	Tags map[string]string `json:"tags"`
}

// AMITerm chooses an image.
type AMITerm struct {
	// Alias is family@version.
	Alias string `json:"alias"`
}

// BlockDevice is a disk.
type BlockDevice struct {
	// DeviceName such as /dev/xvda.
	DeviceName string `json:"deviceName"`
	// EBS describes the volume.
	EBS EBS `json:"ebs"`
}

// EBS is a volume.
type EBS struct {
	// VolumeSize such as 100Gi.
	VolumeSize string `json:"volumeSize"`
	// VolumeType such as gp3.
	VolumeType string `json:"volumeType"`
	// Encrypted volumes.
	Encrypted bool `json:"encrypted"`
	// DeleteOnTermination deletes the volume with its node.
	DeleteOnTermination bool `json:"deleteOnTermination"`
}

// MetadataOptions of an instance.
type MetadataOptions struct {
	// HTTPTokens is required or optional.
	HTTPTokens string `json:"httpTokens"`
	// HTTPPutResponseHopLimit is 1 to keep pods away from the node's identity.
	HTTPPutResponseHopLimit int `json:"httpPutResponseHopLimit"`
	// HTTPEndpoint is enabled or disabled.
	HTTPEndpoint string `json:"httpEndpoint"`
}

// New declares a NodePool or an EC2NodeClass of the whole cluster. name is its logical and its own name.
func New[S NodePool | EC2NodeClass](
	ctx *pulumi.Context, logical, name string, spec S, opts ...pulumi.ResourceOption,
) (*object.Object, error) {
	version, kind := "karpenter.sh/v1", "NodePool"
	if _, ok := any(spec).(EC2NodeClass); ok {
		version, kind = "karpenter.k8s.aws/v1", "EC2NodeClass"
	}
	return object.New(ctx, logical, version, kind, object.Metadata{Name: name}, map[string]any{"spec": spec}, opts...)
}
