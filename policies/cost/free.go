package cost

import (
	"maps"
	"slices"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Reasons why a type costs nothing.
const (
	freePermission = "identities and permissions are free"
	freeSetting    = "a setting of another resource, billed there"
	freeNetwork    = "the network itself is free; gateways, endpoints and addresses are billed"
	freeRecord     = "a record of metadata; what runs or is stored is billed"
	freeControl    = "control of spending and quotas is free"
	freeLocal      = "runs on a machine of one's own"
	freeCluster    = "runs on the nodes of its cluster, which are billed where they are made"
	freeState      = "exists in the state of the stack only"
)

// freeTypes are the types that cost nothing by their nature.
var freeTypes = byReason(map[string][]string{
	freePermission: {
		"aws:ecr/repositoryPolicy:RepositoryPolicy", "aws:eks/accessEntry:AccessEntry",
		"aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
		"aws:eks/podIdentityAssociation:PodIdentityAssociation", "aws:iam/group:Group",
		"aws:iam/groupPolicy:GroupPolicy", "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
		"aws:iam/instanceProfile:InstanceProfile", "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
		"aws:iam/policy:Policy", "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy",
		"aws:iam/rolePolicyAttachment:RolePolicyAttachment", "aws:iam/serviceLinkedRole:ServiceLinkedRole",
		"aws:kms/alias:Alias", "aws:kms/grant:Grant", "aws:kms/keyPolicy:KeyPolicy",
		"aws:lambda/permission:Permission", "aws:s3/bucketPolicy:BucketPolicy",
		"aws:sagemaker/modelPackageGroupPolicy:ModelPackageGroupPolicy", "aws:secretsmanager/secretPolicy:SecretPolicy",
		"aws:sns/topicPolicy:TopicPolicy", "aws:sqs/queuePolicy:QueuePolicy",
		"aws:cloudwatch/logResourcePolicy:LogResourcePolicy", "aws:dynamodb/resourcePolicy:ResourcePolicy",
		"aws:cloudwatch/eventBusPolicy:EventBusPolicy",
		"azure-native:authorization:RoleAssignment", "azure-native:authorization:RoleDefinition",
		"azure-native:managedidentity:FederatedIdentityCredential", "azure-native:managedidentity:UserAssignedIdentity",
		"gcp:artifactregistry/repositoryIamMember:RepositoryIamMember", "gcp:bigquery/datasetIamMember:DatasetIamMember",
		"gcp:cloudrunv2/jobIamMember:JobIamMember", "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
		"gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
		"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
		"gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember", "gcp:kms/keyRing:KeyRing",
		"gcp:projects/iAMAuditConfig:IAMAuditConfig", "gcp:projects/iAMCustomRole:IAMCustomRole",
		"gcp:projects/iAMMember:IAMMember", "gcp:pubsub/topicIAMMember:TopicIAMMember",
		"gcp:secretmanager/secretIamMember:SecretIamMember", "gcp:serviceaccount/account:Account",
		"gcp:serviceaccount/iAMMember:IAMMember", "gcp:storage/bucketIAMMember:BucketIAMMember",
	},
	freeSetting: {
		"aws:appautoscaling/policy:Policy", "aws:appautoscaling/scheduledAction:ScheduledAction",
		"aws:appautoscaling/target:Target", "aws:autoscaling/policy:Policy", "aws:autoscaling/schedule:Schedule",
		"aws:batch/jobDefinition:JobDefinition", "aws:batch/jobQueue:JobQueue", "aws:ec2/launchTemplate:LaunchTemplate",
		"aws:ecr/lifecyclePolicy:LifecyclePolicy", "aws:eks/addon:Addon",
		"aws:emr/securityConfiguration:SecurityConfiguration", "aws:glue/securityConfiguration:SecurityConfiguration",
		"aws:glue/trigger:Trigger", "aws:guardduty/detectorFeature:DetectorFeature",
		"aws:redshiftdata/statement:Statement",
		"aws:lambda/alias:Alias", "aws:lambda/eventSourceMapping:EventSourceMapping",
		"aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
		"aws:redshiftserverless/namespace:Namespace", "aws:redshiftserverless/usageLimit:UsageLimit",
		"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
		"aws:s3/bucketLoggingV2:BucketLoggingV2", "aws:s3/bucketNotification:BucketNotification",
		"aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2",
		"aws:s3/bucketOwnershipControls:BucketOwnershipControls",
		"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
		"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
		"aws:s3/bucketVersioningV2:BucketVersioningV2", "aws:s3/bucketObjectv2:BucketObjectv2",
		"aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition",
		"aws:sagemaker/endpointConfiguration:EndpointConfiguration", "aws:sagemaker/model:Model",
		"aws:sagemaker/notebookInstanceLifecycleConfiguration:NotebookInstanceLifecycleConfiguration",
		"aws:sagemaker/studioLifecycleConfig:StudioLifecycleConfig", "aws:sns/topicSubscription:TopicSubscription",
		"aws:secretsmanager/secretRotation:SecretRotation", "aws:secretsmanager/secretVersion:SecretVersion",
		"aws:cloudwatch/eventTarget:EventTarget", "aws:cloudwatch/logMetricFilter:LogMetricFilter",
		"aws:cloudwatch/logStream:LogStream", "aws:cloudwatch/queryDefinition:QueryDefinition",
		"aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter",
		"azure-native:app:Job", "azure-native:insights:ActionGroup", "azure-native:insights:DiagnosticSetting",
		"azure-native:keyvault:Vault", "azure-native:network:PrivateDnsZoneGroup", "azure-native:storage:BlobContainer",
		"azure-native:storage:BlobServiceProperties", "azure-native:storage:ManagementPolicy",
		"gcp:bigquery/table:Table", "gcp:compute/instanceTemplate:InstanceTemplate",
		"gcp:logging/projectSink:ProjectSink", "gcp:monitoring/notificationChannel:NotificationChannel",
		"gcp:pubsub/subscription:Subscription", "gcp:secretmanager/secret:Secret",
		"gcp:storage/bucketObject:BucketObject", "gcp:storage/notification:Notification",
	},
	freeNetwork: {
		"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "aws:ec2/internetGateway:InternetGateway",
		"aws:ec2/eipAssociation:EipAssociation", "aws:ec2/networkAcl:NetworkAcl", "aws:ec2/route:Route",
		"aws:ec2/routeTable:RouteTable", "aws:ec2/routeTableAssociation:RouteTableAssociation",
		"aws:ec2/securityGroup:SecurityGroup", "aws:ec2/securityGroupRule:SecurityGroupRule",
		"aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc", "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy",
		"aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation",
		"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
		"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
		"azure-native:network:NetworkSecurityGroup", "azure-native:network:RouteTable",
		"azure-native:network:SecurityRule", "azure-native:network:Subnet", "azure-native:network:VirtualNetwork",
		"azure-native:network:VirtualNetworkLink", "azure-native:resources:ResourceGroup",
		"gcp:compute/firewall:Firewall", "gcp:compute/network:Network", "gcp:compute/router:Router",
		"gcp:compute/subnetwork:Subnetwork", "gcp:servicenetworking/connection:Connection",
	},
	freeRecord: {
		"aws:athena/database:Database", "aws:athena/namedQuery:NamedQuery", "aws:glue/catalogDatabase:CatalogDatabase",
		"aws:glue/catalogTable:CatalogTable", "aws:sagemaker/modelPackageGroup:ModelPackageGroup",
		"aws:sagemaker/domain:Domain", "aws:cloudwatch/eventRule:EventRule", "aws:scheduler/scheduleGroup:ScheduleGroup",
		"aws:cloudwatch/eventBus:EventBus", "aws:scheduler/schedule:Schedule",
		"gcp:projects/service:Service", "gcp:cloudscheduler/job:Job", "gcp:eventarc/trigger:Trigger",
	},
	freeControl: {
		"aws:budgets/budget:Budget", "aws:costexplorer/anomalyMonitor:AnomalyMonitor",
		"aws:costexplorer/anomalySubscription:AnomalySubscription", "azure-native:consumption:Budget",
		"gcp:billing/budget:Budget",
	},
})

func byReason(reasons map[string][]string) map[string]string {
	all := map[string]string{}
	for reason, types := range reasons {
		for _, typ := range types {
			all[typ] = reason
		}
	}
	return all
}

// freeType reports whether a type costs nothing by its nature, and why.
func freeType(typ string) (why string, ok bool) {
	if why, ok = freeTypes[typ]; ok {
		return why, true
	}
	pkg, _, _ := strings.Cut(typ, ":")
	switch {
	case pkg == "mlpathway":
		return freeLocal, true
	case pkg == "pulumi", pkg == "random", pkg == "tls", pkg == "command", pkg == "time":
		return freeState, true
	case pkg == "kubernetes" && !slices.Contains(clusterTypes, typ):
		return freeCluster, true
	}
	return "", false
}

// FreeTypes lists the types that cost nothing by their nature, each with the reason.
func FreeTypes() map[string]string { return maps.Clone(freeTypes) }
