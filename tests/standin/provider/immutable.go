package provider

// immutable are the properties that cannot be changed on a resource that exists, by type, besides its name. A dot
// leads into an object; * stands for every property. Source: "Forces new resource" and "Force new" in the
// documentation of the Terraform providers behind aws and gcp, "immutable" in Azure's API, and the API server.
var immutable = map[string]string{
	"aws:ec2/vpc:Vpc":                     "cidrBlock ipv4IpamPoolId",
	"aws:ec2/subnet:Subnet":               "cidrBlock vpcId availabilityZone",
	"aws:ec2/securityGroup:SecurityGroup": "vpcId description namePrefix",
	"aws:ec2/natGateway:NatGateway":       "subnetId allocationId connectivityType",
	"aws:ec2/vpcEndpoint:VpcEndpoint":     "vpcId serviceName vpcEndpointType",
	"aws:dynamodb/table:Table":            "hashKey rangeKey",
	"aws:eks/cluster:Cluster":             "roleArn encryptionConfig bootstrapSelfManagedAddons",
	"aws:eks/nodeGroup:NodeGroup": "instanceTypes subnetIds nodeRoleArn amiType capacityType diskSize " +
		"clusterName",
	"aws:kms/key:Key": "customerMasterKeySpec keyUsage multiRegion",
	"aws:sagemaker/endpointConfiguration:EndpointConfiguration": "*",
	"aws:sagemaker/model:Model":                                 "*",
	"aws:sagemaker/modelPackageGroup:ModelPackageGroup":         "*",
	"aws:ecr/repository:Repository":                             "encryptionConfigurations",
	"aws:lambda/function:Function":                              "packageType",
	"aws:sfn/stateMachine:StateMachine":                         "type",
	"aws:redshiftserverless/workgroup:Workgroup":                "namespaceName",
	"aws:s3/bucketV2:BucketV2":                                  "bucketPrefix objectLockEnabled",
	"aws:emrserverless/application:Application":                 "type",
	"gcp:storage/bucket:Bucket":                                 "location project customPlacementConfig",
	"gcp:compute/subnetwork:Subnetwork":                         "network region",
	"gcp:container/cluster:Cluster":                             "location network subnetwork initialNodeCount",
	"gcp:container/nodePool:NodePool": "cluster location nodeConfig.machineType nodeConfig.spot " +
		"nodeConfig.diskSizeGb",
	"gcp:bigquery/dataset:Dataset":                 "location project",
	"gcp:firestore/database:Database":              "locationId type",
	"gcp:artifactregistry/repository:Repository":   "location format",
	"azure-native:storage:StorageAccount":          "isHnsEnabled",
	"azure-native:network:Subnet":                  "virtualNetworkName",
	"azure-native:containerservice:ManagedCluster": "dnsPrefix nodeResourceGroup",
	"azure-native:containerservice:AgentPool":      "vmSize osDiskSizeGB scaleSetPriority",
	"kubernetes:apps/v1:Deployment":                "spec.selector",
	"kubernetes:apps/v1:StatefulSet": "spec.selector spec.serviceName " +
		"spec.volumeClaimTemplates",
	"kubernetes:batch/v1:Job":                                    "spec.template spec.completions spec.selector",
	"kubernetes:core/v1:PersistentVolumeClaim":                   "spec.accessModes spec.storageClassName",
	"kubernetes:core/v1:ConfigMap":                               "data binaryData",
	"kubernetes:core/v1:Secret":                                  "data stringData type",
	"kubernetes:rbac.authorization.k8s.io/v1:RoleBinding":        "roleRef",
	"kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding": "roleRef",
}

// everywhere are the properties that no resource of a provider can change: where it is.
var everywhere = map[string]string{
	"azure-native": "location resourceGroupName",
	"gcp":          "project",
	"kubernetes":   "metadata.name metadata.namespace",
}
