// Package immutable knows which properties of a cloud's resources cannot be changed on a resource that exists: whoever
// changes one gets a new resource.
package immutable

import (
	"slices"
	"strings"
)

// byType are the properties by type. A dot leads into an object; * stands for every property but tags. Source: "Forces
// new resource" in the documentation of the Terraform providers behind aws and gcp, "immutable" in Azure's API, and the
// API server of Kubernetes. The data of a ConfigMap can be changed: this project tells the provider so.
var byType = map[string][]string{
	"aws:cloudwatch/logGroup:LogGroup":    {"logGroupClass", "name", "namePrefix"},
	"aws:dynamodb/table:Table":            {"hashKey", "rangeKey", "name"},
	"aws:ec2/natGateway:NatGateway":       {"subnetId", "allocationId", "connectivityType"},
	"aws:ec2/securityGroup:SecurityGroup": {"vpcId", "description", "name", "namePrefix"},
	"aws:ec2/subnet:Subnet":               {"cidrBlock", "vpcId", "availabilityZone"},
	"aws:ec2/vpc:Vpc":                     {"cidrBlock", "ipv4IpamPoolId"},
	"aws:ec2/vpcEndpoint:VpcEndpoint":     {"vpcId", "serviceName", "vpcEndpointType"},
	"aws:ecr/repository:Repository":       {"encryptionConfigurations", "name"},
	"aws:eks/cluster:Cluster": {
		"roleArn", "encryptionConfig", "bootstrapSelfManagedAddons", "name",
	},
	"aws:eks/nodeGroup:NodeGroup": {
		"instanceTypes", "subnetIds", "nodeRoleArn", "amiType", "capacityType", "diskSize", "clusterName",
		"nodeGroupName",
	},
	"aws:emrserverless/application:Application": {"type", "name"},
	"aws:glue/catalogDatabase:CatalogDatabase":  {"catalogId", "name"},
	"aws:iam/role:Role":                         {"name", "namePrefix"},
	"aws:kms/key:Key": {
		"customerMasterKeySpec", "keyUsage", "multiRegion",
	},
	"aws:lambda/function:Function":               {"packageType", "name"},
	"aws:redshiftserverless/namespace:Namespace": {"namespaceName"},
	"aws:redshiftserverless/workgroup:Workgroup": {"namespaceName", "workgroupName"},
	"aws:s3/bucketV2:BucketV2":                   {"bucket", "bucketPrefix", "objectLockEnabled"},
	"aws:sagemaker/domain:Domain": {
		"authMode", "domainName", "kmsKeyId", "subnetIds", "vpcId",
	},
	"aws:sagemaker/endpoint:Endpoint":                           {"name"},
	"aws:sagemaker/endpointConfiguration:EndpointConfiguration": {"*"},
	"aws:sagemaker/featureGroup:FeatureGroup": {
		"description", "eventTimeFeatureName", "featureGroupName", "offlineStoreConfig", "onlineStoreConfig.securityConfig",
		"onlineStoreConfig.storageType", "recordIdentifierFeatureName", "roleArn",
	},
	"aws:sagemaker/model:Model":                         {"*"},
	"aws:sagemaker/modelPackageGroup:ModelPackageGroup": {"*"},
	"aws:secretsmanager/secret:Secret":                  {"name", "namePrefix"},
	"aws:sfn/stateMachine:StateMachine":                 {"type", "name"},
	"gcp:artifactregistry/repository:Repository":        {"location", "format", "repositoryId"},
	"gcp:bigquery/dataset:Dataset":                      {"location", "datasetId"},
	"gcp:compute/subnetwork:Subnetwork":                 {"network", "region", "name"},
	"gcp:container/cluster:Cluster": {
		"location", "network", "subnetwork", "initialNodeCount", "name",
	},
	"gcp:container/nodePool:NodePool": {
		"cluster", "location", "name", "nodeConfig.machineType", "nodeConfig.spot",
		"nodeConfig.diskSizeGb",
	},
	"gcp:firestore/database:Database":              {"locationId", "type", "name"},
	"gcp:storage/bucket:Bucket":                    {"location", "name", "customPlacementConfig"},
	"azure-native:containerservice:AgentPool":      {"vmSize", "osDiskSizeGB", "scaleSetPriority"},
	"azure-native:containerservice:ManagedCluster": {"dnsPrefix", "nodeResourceGroup"},
	"azure-native:network:Subnet":                  {"virtualNetworkName"},
	"azure-native:storage:StorageAccount":          {"isHnsEnabled", "accountName"},
	"kubernetes:apps/v1:Deployment":                {"spec.selector"},
	"kubernetes:apps/v1:StatefulSet": {
		"spec.selector", "spec.serviceName", "spec.volumeClaimTemplates",
	},
	"kubernetes:batch/v1:Job": {
		"spec.template", "spec.completions", "spec.selector",
	},
	"kubernetes:core/v1:Secret":                                  {"data", "stringData", "type"},
	"kubernetes:core/v1:PersistentVolumeClaim":                   {"spec.accessModes", "spec.storageClassName"},
	"kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding": {"roleRef"},
	"kubernetes:rbac.authorization.k8s.io/v1:RoleBinding":        {"roleRef"},
	// This project's own: what `local` replaces, from the provider's Diff.
	"mlpathway:local:Directory": {"path"},
}

// byPackage are the properties that no resource of a provider can change: whom it belongs to and where it is.
var byPackage = map[string][]string{
	"azure-native": {"location", "resourceGroupName"},
	"gcp":          {"project"},
	"kubernetes":   {"metadata.name", "metadata.namespace"},
}

// mutable are the properties that * does not stand for.
var mutable = []string{"tags", "tagsAll"}

// Known reports whether the table has the type.
func Known(typ string) bool { return byType[typ] != nil }

// Types lists the types of the table.
func Types() []string {
	types := make([]string, 0, len(byType))
	for typ := range byType {
		types = append(types, typ)
	}
	slices.Sort(types)
	return types
}

// Paths are the properties of a type that cannot be changed.
func Paths(typ string) []string {
	pkg, _, _ := strings.Cut(typ, ":")
	return append(slices.Clone(byType[typ]), byPackage[pkg]...)
}

// Replaces reports whether a change at a path makes a new resource: the path itself, something above it or something
// inside it cannot be changed.
func Replaces(typ, path string) bool {
	root, _, _ := strings.Cut(path, ".")
	root, _, _ = strings.Cut(root, "[")
	return slices.ContainsFunc(Paths(typ), func(fixed string) bool {
		return fixed == "*" && !slices.Contains(mutable, root) ||
			path == fixed || below(path, fixed) || below(fixed, path)
	})
}

// below reports whether a path lies inside another.
func below(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "["))
}
