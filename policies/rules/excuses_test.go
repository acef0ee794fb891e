package rules_test

// excuses are further declared properties whose change alone breaks nothing, with the reason.
var excuses = map[string]string{
	"BAK-03 azure-native:storage:StorageAccount kind":                       "excuses: an account for files has no blobs",
	"BAK-05 aws:s3/bucketV2:BucketV2 bucket":                                "tells what is evidence",
	"BAK-05 aws:cloudtrail/trail:Trail s3BucketName":                        "tells what is evidence",
	"BAK-05 gcp:storage/bucket:Bucket name":                                 "tells what is evidence",
	"BAK-05 azure-native:storage:BlobContainer containerName":               "tells what is evidence",
	"IMG-01 gcp:artifactregistry/repository:Repository format":              "excuses: only Docker images have tags",
	"IMG-01 gcp:artifactregistry/repository:Repository mode":                "excuses: a mirror holds nothing of its own",
	"IMG-03 azure-native:containerregistry:Registry sku.name":               "excuses: only Premium can do it",
	"IMG-04 azure-native:containerregistry:Registry sku.name":               "excuses: only Premium can do it",
	"K8S-06 kubernetes:rbac.authorization.k8s.io/v1:Role rules[].apiGroups": "excuses: secrets of another API are others",
	"K8S-07 kubernetes:networking.k8s.io/v1:NetworkPolicy spec.ingress":     "a policy that allows stands beside one that denies",
	"K8S-08 kubernetes:apps/v1:Deployment spec.template.metadata.labels":    "excuses: what no Service selects does not serve",
	"K8S-08 kubernetes:core/v1:Service spec.selector":                       "excuses: what no Service selects does not serve",
	"K8S-10 aws:eks/nodeGroup:NodeGroup remoteAccess.ec2SshKey":             "excuses: without a key there is no SSH",
	"K8S-11 kubernetes:core/v1:Service spec.type":                           "excuses: other types are not reached from outside",
}
