package rules_test

// excuses are further declared properties whose change alone breaks nothing, by the reason.
var excuses = map[string][]string{
	"only makes the rule apply, or not": {
		"BAK-03 azure-native:storage:StorageAccount kind",
		"BAK-05 aws:s3/bucketV2:BucketV2 bucket",
		"BAK-05 aws:cloudtrail/trail:Trail s3BucketName",
		"BAK-05 gcp:storage/bucket:Bucket name",
		"BAK-05 azure-native:storage:BlobContainer containerName",
		"IMG-01 gcp:artifactregistry/repository:Repository format",
		"IMG-01 gcp:artifactregistry/repository:Repository mode",
		"IMG-03 azure-native:containerregistry:Registry sku.name",
		"IMG-04 azure-native:containerregistry:Registry sku.name",
		"K8S-06 kubernetes:rbac.authorization.k8s.io/v1:Role rules[].apiGroups",
		"K8S-08 kubernetes:apps/v1:Deployment spec.template.metadata.labels",
		"K8S-08 kubernetes:core/v1:Service spec.selector",
		"K8S-10 aws:eks/nodeGroup:NodeGroup remoteAccess.ec2SshKey",
		"K8S-11 kubernetes:core/v1:Service spec.type",
	},
	"a policy that allows stands beside one that denies": {
		"K8S-07 kubernetes:networking.k8s.io/v1:NetworkPolicy spec.ingress",
	},
	"another value is unverified, since its region does not show": {
		"REG-02 azure-native:storage:StorageAccount location",
		"REG-02 aws:s3/bucketReplicationConfig:BucketReplicationConfig rules[].destination.bucket",
	},
}
