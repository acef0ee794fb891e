package aws

// permission is what the CI system does with one kind of resource.
type permission struct {
	sid string
	// read is what it takes to look, write what it takes to make, change and delete.
	read, write []string
	on          []string
	conditions  Conditions
}

// permissions are what it takes to deploy the platform, in groups that each fit into one policy. Everything that has a
// name is bound to the names of this platform; what AWS names by itself is bound to the account and the region.
func (l *layer) permissions() map[string][]permission {
	return map[string][]permission{
		"data": l.dataPermissions(), "identity": l.identityPermissions(), "network": l.networkPermissions(),
		"models": l.modelPermissions(), "operations": l.operationPermissions(),
	}
}

// ours are ARNs of this platform's resources of a service.
func (l *layer) ours(service string, kinds ...string) []string {
	arns := make([]string, len(kinds))
	for i, kind := range kinds {
		arns[i] = l.arn(service, "%s%s-*", kind, l.options.Scope.Name(40))
	}
	return arns
}

// verbs writes actions of one service.
func verbs(service string, names ...string) []string {
	actions := make([]string, len(names))
	for i, name := range names {
		actions[i] = service + ":" + name
	}
	return actions
}

func (l *layer) dataPermissions() []permission {
	tables := append(l.ours("dynamodb", "table/"), l.arn("dynamodb", "table/MLTrainingMetadata*"))
	return []permission{{
		sid: "Buckets", on: []string{
			l.bucketARN("%s-*", l.options.Scope.Name(40)), l.bucketARN("%s-*/*", l.options.Scope.Name(40)),
		},
		read: verbs("s3", "GetAccelerateConfiguration", "GetBucketAcl", "GetBucketCORS", "GetBucketLogging",
			"GetBucketNotification", "GetBucketObjectLockConfiguration", "GetBucketOwnershipControls", "GetBucketPolicy",
			"GetBucketPublicAccessBlock", "GetBucketRequestPayment", "GetBucketTagging", "GetBucketVersioning",
			"GetBucketWebsite", "GetEncryptionConfiguration", "GetLifecycleConfiguration",
			"GetReplicationConfiguration", "ListBucket"),
		write: verbs("s3", "CreateBucket", "DeleteBucket", "DeleteBucketPolicy", "DeleteObject", "DeleteObjectVersion",
			"GetObject", "GetObjectTagging",
			"ListBucketVersions", "PutBucketLogging", "PutBucketNotification", "PutBucketObjectLockConfiguration",
			"PutBucketOwnershipControls", "PutBucketPolicy", "PutBucketPublicAccessBlock", "PutBucketTagging",
			"PutBucketVersioning", "PutEncryptionConfiguration", "PutLifecycleConfiguration", "PutObject",
			"PutObjectTagging"),
	}, {
		sid: "Tables", on: tables,
		read: verbs("dynamodb", "DescribeContinuousBackups", "DescribeTable", "DescribeTimeToLive", "ListTagsOfResource"),
		write: verbs("dynamodb", "CreateTable", "DeleteTable", "TagResource", "UntagResource", "UpdateContinuousBackups",
			"UpdateTable", "UpdateTimeToLive"),
	}, {
		sid: "Catalogue", on: []string{
			l.arn("glue", "catalog"), l.arn("glue", "database/*"), l.arn("glue", "table/*"),
		},
		read: verbs("glue", "GetDatabase", "GetTable", "GetTags"),
		write: verbs("glue", "CreateDatabase", "CreateTable", "DeleteDatabase", "DeleteTable", "TagResource",
			"UpdateDatabase", "UpdateTable"),
	}, {
		sid: "Queries", on: l.ours("athena", "workgroup/"),
		read:  verbs("athena", "GetWorkGroup", "ListTagsForResource"),
		write: verbs("athena", "CreateWorkGroup", "DeleteWorkGroup", "TagResource", "UntagResource", "UpdateWorkGroup"),
	}, {
		sid: "Warehouse", on: []string{l.arn("redshift-serverless", "namespace/*"), l.arn("redshift-serverless",
			"workgroup/*")},
		read: verbs("redshift-serverless", "GetNamespace", "GetUsageLimit", "GetWorkgroup", "ListTagsForResource"),
		write: verbs("redshift-serverless", "CreateNamespace", "CreateUsageLimit", "CreateWorkgroup", "DeleteNamespace",
			"DeleteUsageLimit", "DeleteWorkgroup", "GetCredentials", "TagResource", "UntagResource", "UpdateNamespace",
			"UpdateUsageLimit", "UpdateWorkgroup"),
	}, {
		sid: "Schemas", on: []string{l.arn("redshift-serverless", "workgroup/*")},
		write: verbs("redshift-data", "ExecuteStatement"),
	}, {
		sid: "SchemaResults", on: []string{"*"}, // knows no resource
		read: verbs("redshift-data", "DescribeStatement"),
	}, {
		sid: "NewSpark", on: []string{l.arn("emr-serverless", "/*")}, conditions: l.tagging(),
		write: verbs("emr-serverless", "CreateApplication"),
	}, {
		sid: "Spark", on: []string{l.arn("emr-serverless", "/applications/*")},
		read: verbs("emr-serverless", "GetApplication", "ListTagsForResource"),
		write: verbs("emr-serverless", "DeleteApplication", "StopApplication", "TagResource", "UntagResource",
			"UpdateApplication"),
	}}
}

// serviceRoles are the services of the platform that work with a role of their own in the account.
// Source: docs.aws.amazon.com/IAM, AWS services that work with IAM.
var serviceRoles = []string{
	"airflow.amazonaws.com", "eks-nodegroup.amazonaws.com", "eks.amazonaws.com", "guardduty.amazonaws.com",
	"ops.emr-serverless.amazonaws.com", "redshift.amazonaws.com", "sagemaker.application-autoscaling.amazonaws.com",
	"spot.amazonaws.com",
}

func (l *layer) identityPermissions() []permission {
	name := l.options.Scope.Name(40)
	roles := []string{l.globalARN("iam", "role/%s-*", name)}
	mustBound := Conditions(nil)
	if boundary := l.options.PermissionsBoundary; boundary != "" {
		mustBound = Conditions{"StringEquals": {"iam:PermissionsBoundary": {boundary}}}
	}
	return []permission{{
		sid: "Roles", on: roles,
		read: verbs("iam", "GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListInstanceProfilesForRole",
			"ListRolePolicies", "ListRoleTags"),
		write: verbs("iam", "DeleteRole", "TagRole", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole",
			"UpdateRoleDescription"),
	}, {
		sid: "BoundedRoles", on: roles, conditions: mustBound,
		write: verbs("iam", "AttachRolePolicy", "CreateRole", "DeleteRolePolicy", "DetachRolePolicy", "PutRolePolicy"),
	}, {
		sid: "HandOverRoles", on: roles, write: verbs("iam", "PassRole"),
		conditions: Conditions{"StringEquals": {"iam:PassedToService": {
			"airflow-env.amazonaws.com", "airflow.amazonaws.com", "ec2.amazonaws.com", "eks.amazonaws.com",
			"emr-serverless.amazonaws.com", "events.amazonaws.com", "lambda.amazonaws.com", "pods.eks.amazonaws.com",
			"redshift-serverless.amazonaws.com", "redshift.amazonaws.com", "sagemaker.amazonaws.com",
			"scheduler.amazonaws.com", "states.amazonaws.com", "vpc-flow-logs.amazonaws.com",
		}}},
	}, {
		// The first resource of its kind in an account makes the role that the service works with.
		sid: "RolesOfServices", on: []string{l.globalARN("iam", "role/aws-service-role/*")},
		write:      verbs("iam", "CreateServiceLinkedRole"),
		conditions: Conditions{"StringEquals": {"iam:AWSServiceName": serviceRoles}},
	}, {
		sid: "Policies", on: []string{l.globalARN("iam", "policy/%s-*", name)},
		read: verbs("iam", "GetPolicy", "GetPolicyVersion", "ListPolicyVersions"),
		write: verbs("iam", "CreatePolicy", "CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "TagPolicy",
			"UntagPolicy"),
	}, {
		sid: "Issuers", on: []string{l.globalARN("iam", "oidc-provider/*")},
		read:  verbs("iam", "GetOpenIDConnectProvider"),
		write: verbs("iam", "CreateOpenIDConnectProvider", "DeleteOpenIDConnectProvider", "TagOpenIDConnectProvider"),
	}, {
		sid: "InstanceProfiles", on: []string{l.globalARN("iam", "instance-profile/%s-*", name)},
		read: verbs("iam", "GetInstanceProfile"),
		write: verbs("iam", "AddRoleToInstanceProfile", "CreateInstanceProfile", "DeleteInstanceProfile",
			"RemoveRoleFromInstanceProfile", "TagInstanceProfile"),
	}, {
		sid: "Keys", on: []string{l.arn("kms", "key/*"), l.arn("kms", "alias/%s-*", name)},
		read: verbs("kms", "DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags"),
		// Those on grants and to encrypt again are asked of whoever makes a feature group.
		// Source: docs.aws.amazon.com/sagemaker, OnlineStoreSecurityConfig.
		write: verbs("kms", "CreateAlias", "CreateGrant", "Decrypt", "DeleteAlias", "EnableKeyRotation", "Encrypt",
			"GenerateDataKey", "ListGrants", "PutKeyPolicy", "ReEncryptFrom", "ReEncryptTo", "RetireGrant", "RevokeGrant",
			"ScheduleKeyDeletion", "TagResource", "UntagResource", "UpdateAlias", "UpdateKeyDescription"),
	}, {
		sid: "NewKeys", on: []string{"*"}, conditions: l.tagging(), // a key has no name before it is made
		write: verbs("kms", "CreateKey"),
	}, {
		sid: "FindKeys", on: []string{"*"}, read: verbs("kms", "ListAliases"), // knows no resource
	}, {
		sid: "Secrets", on: l.ours("secretsmanager", "secret:"),
		read: verbs("secretsmanager", "DescribeSecret", "GetResourcePolicy"),
		write: verbs("secretsmanager", "CreateSecret", "DeleteSecret", "GetSecretValue", "PutSecretValue", "TagResource",
			"UntagResource", "UpdateSecret"),
	}, {
		sid: "WarehouseAdministrator", on: []string{l.arn("secretsmanager", "secret:redshift!*")},
		write: verbs("secretsmanager", "CreateSecret", "DeleteSecret", "DescribeSecret", "GetSecretValue", "RotateSecret",
			"TagResource", "UpdateSecret"),
	}, {
		sid: "AuditTrail", on: []string{l.arn("cloudtrail", "trail/%s-*", name)},
		read: verbs("cloudtrail", "GetEventSelectors", "GetTrail", "GetTrailStatus", "ListTags"),
		write: verbs("cloudtrail", "AddTags", "CreateTrail", "DeleteTrail", "PutEventSelectors", "RemoveTags", "StartLogging",
			"StopLogging", "UpdateTrail"),
	}, {
		sid: "FindTrails", on: []string{"*"}, read: verbs("cloudtrail", "DescribeTrails"), // knows no resource
	}, {
		sid: "Threats", on: []string{l.arn("guardduty", "detector/*")},
		read:  verbs("guardduty", "GetDetector", "ListTagsForResource"),
		write: verbs("guardduty", "CreateDetector", "DeleteDetector", "TagResource", "UntagResource", "UpdateDetector"),
	}}
}

func (l *layer) networkPermissions() []permission {
	var inRegion []string
	for _, kind := range []string{
		"elastic-ip", "internet-gateway", "launch-template", "natgateway", "network-interface", "route-table",
		"security-group", "security-group-rule", "subnet", "vpc", "vpc-endpoint", "vpc-flow-log",
	} {
		inRegion = append(inRegion, l.arn("ec2", "%s/*", kind))
	}
	return []permission{{
		sid: "SeeNetwork", on: []string{"*"}, // know no resource
		read: verbs("ec2", "DescribeAddresses", "DescribeAddressesAttribute", "DescribeAvailabilityZones",
			"DescribeFlowLogs", "DescribeInternetGateways", "DescribeLaunchTemplateVersions", "DescribeLaunchTemplates",
			"DescribeNatGateways", "DescribeNetworkAcls", "DescribeNetworkInterfaces", "DescribePrefixLists",
			"DescribeRouteTables", "DescribeSecurityGroupRules", "DescribeSecurityGroups", "DescribeSubnets", "DescribeTags",
			"DescribeVpcAttribute", "DescribeVpcEndpoints", "DescribeVpcs"),
	}, {
		sid: "MakeNetwork", on: inRegion,
		write: verbs("ec2", "AllocateAddress", "AssociateRouteTable", "AttachInternetGateway",
			"AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "CreateFlowLogs", "CreateInternetGateway",
			"CreateLaunchTemplate", "CreateNatGateway", "CreateRoute", "CreateRouteTable", "CreateSecurityGroup",
			"CreateSubnet", "CreateTags", "CreateVpc", "CreateVpcEndpoint", "ModifySubnetAttribute", "ModifyVpcAttribute"),
	}, {
		// What is there already may be changed only if it carries the platform's tag.
		sid: "ChangeNetwork", on: inRegion, conditions: l.tagged(),
		write: verbs("ec2", "DeleteFlowLogs", "DeleteInternetGateway", "DeleteLaunchTemplate", "DeleteNatGateway",
			"DeleteRoute", "DeleteRouteTable", "DeleteSecurityGroup", "DeleteSubnet", "DeleteTags", "DeleteVpc",
			"DeleteVpcEndpoints", "DetachInternetGateway", "DisassociateAddress", "DisassociateRouteTable",
			"ModifyLaunchTemplate", "ModifyVpcEndpoint", "ReleaseAddress", "ReplaceRoute",
			"RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
	}, {
		sid: "Clusters", on: []string{
			l.arn("eks", "cluster/%s-*", l.options.Scope.Name(40)), l.arn("eks", "nodegroup/%s-*", l.options.Scope.Name(40)),
			l.arn("eks", "addon/%s-*", l.options.Scope.Name(40)),
			l.arn("eks", "access-entry/%s-*", l.options.Scope.Name(40)),
			l.arn("eks", "podidentityassociation/%s-*", l.options.Scope.Name(40)),
		},
		read: verbs("eks", "DescribeAccessEntry", "DescribeAddon", "DescribeCluster", "DescribeNodegroup",
			"DescribePodIdentityAssociation", "DescribeUpdate", "ListTagsForResource"),
		write: verbs("eks", "AssociateAccessPolicy", "CreateAccessEntry", "CreateAddon", "CreateCluster", "CreateNodegroup",
			"CreatePodIdentityAssociation", "DeleteAccessEntry", "DeleteAddon", "DeleteCluster", "DeleteNodegroup",
			"DeletePodIdentityAssociation", "DisassociateAccessPolicy", "TagResource", "UntagResource",
			"UpdateAccessEntry", "UpdateAddon", "UpdateClusterConfig", "UpdateClusterVersion", "UpdateNodegroupConfig",
			"UpdateNodegroupVersion", "UpdatePodIdentityAssociation"),
	}}
}

// tagging restricts a statement to what is made with this platform's tag.
func (l *layer) tagging() Conditions {
	return Conditions{"StringEquals": {
		"aws:RequestTag/" + platformTag: {l.options.Scope.Tags(l.Layer, l.Component)[platformTag]},
	}}
}

// tagged restricts a statement to what carries this platform's tag.
func (l *layer) tagged() Conditions {
	return Conditions{"StringEquals": {
		"aws:ResourceTag/" + platformTag: {l.options.Scope.Tags(l.Layer, l.Component)[platformTag]},
	}}
}

func (l *layer) modelPermissions() []permission {
	return []permission{{
		sid: "Models", on: append(l.ours("sagemaker", "endpoint/", "endpoint-config/", "feature-group/", "model/",
			"model-package-group/", "pipeline/", "mlflow-tracking-server/", "monitoring-schedule/"),
			l.arn("sagemaker", "domain/*"), l.arn("sagemaker", "user-profile/*/*")),
		read: verbs("sagemaker", "DescribeDomain", "DescribeEndpoint", "DescribeEndpointConfig", "DescribeFeatureGroup",
			"DescribeMlflowTrackingServer", "DescribeModel", "DescribeModelPackageGroup", "DescribeMonitoringSchedule",
			"DescribePipeline", "DescribeUserProfile", "ListTags"),
		write: verbs("sagemaker", "AddTags", "CreateDomain", "CreateEndpoint", "CreateEndpointConfig", "CreateFeatureGroup",
			"CreateMlflowTrackingServer", "CreateModel", "CreateModelPackageGroup", "CreateMonitoringSchedule",
			"CreatePipeline", "CreateUserProfile", "DeleteDomain", "DeleteEndpoint", "DeleteEndpointConfig",
			"DeleteFeatureGroup", "DeleteMlflowTrackingServer", "DeleteModel", "DeleteModelPackageGroup",
			"DeleteMonitoringSchedule", "DeletePipeline", "DeleteTags", "DeleteUserProfile", "UpdateDomain",
			"UpdateEndpoint", "UpdateFeatureGroup", "UpdateMlflowTrackingServer", "UpdateMonitoringSchedule",
			"UpdatePipeline", "UpdateUserProfile"),
	}, {
		sid: "Pipelines", on: l.ours("states", "stateMachine:"),
		read: verbs("states", "DescribeStateMachine", "ListStateMachineVersions", "ListTagsForResource"),
		write: verbs("states", "CreateStateMachine", "DeleteStateMachine", "TagResource", "UntagResource",
			"UpdateStateMachine"),
	}, {
		sid: "Airflow", on: l.ours("airflow", "environment/"),
		read: verbs("airflow", "GetEnvironment", "ListTagsForResource"),
		write: verbs("airflow", "CreateEnvironment", "DeleteEnvironment", "TagResource", "UntagResource",
			"UpdateEnvironment"),
	}, {
		sid: "CheckPipelines", on: []string{"*"}, write: verbs("states", "ValidateStateMachineDefinition"),
		// knows no resource
	}, {
		sid: "Functions", on: append(l.ours("lambda", "function:"), l.arn("lambda", "event-source-mapping:*")),
		read: verbs("lambda", "GetEventSourceMapping", "GetFunction", "GetFunctionCodeSigningConfig",
			"GetFunctionEventInvokeConfig", "GetPolicy", "ListTags", "ListVersionsByFunction"),
		write: verbs("lambda", "CreateEventSourceMapping", "CreateFunction", "DeleteEventSourceMapping", "DeleteFunction",
			"DeleteFunctionConcurrency", "DeleteFunctionEventInvokeConfig", "PutFunctionConcurrency",
			"PutFunctionEventInvokeConfig", "TagResource", "UntagResource", "UpdateEventSourceMapping",
			"UpdateFunctionCode", "UpdateFunctionConfiguration"),
	}, {
		sid: "Images", on: []string{l.arn("ecr", "repository/%s/*", l.options.Scope.Name(100))},
		read: verbs("ecr", "BatchGetImage", "DescribeImages", "DescribeRepositories", "GetLifecyclePolicy",
			"GetRepositoryPolicy", "ListTagsForResource"),
		write: verbs("ecr", "BatchCheckLayerAvailability", "BatchDeleteImage", "CompleteLayerUpload", "CreateRepository",
			"DeleteLifecyclePolicy", "DeleteRepository", "DeleteRepositoryPolicy", "GetDownloadUrlForLayer",
			"InitiateLayerUpload", "PutImage", "PutImageScanningConfiguration", "PutImageTagMutability",
			"PutLifecyclePolicy", "SetRepositoryPolicy", "TagResource", "UntagResource", "UploadLayerPart"),
	}, {
		sid: "LogInToRegistry", on: []string{"*"}, write: verbs("ecr", "GetAuthorizationToken"), // knows no resource
	}, {
		sid: "Scaling", on: []string{l.arn("application-autoscaling", "scalable-target/*")},
		read: verbs("application-autoscaling", "ListTagsForResource"),
		write: verbs("application-autoscaling", "DeleteScalingPolicy", "DeregisterScalableTarget", "PutScalingPolicy",
			"RegisterScalableTarget", "TagResource"),
	}, {
		sid: "SeeScaling", on: []string{"*"}, // know no resource
		read: verbs("application-autoscaling", "DescribeScalableTargets", "DescribeScalingPolicies"),
	}}
}

func (l *layer) operationPermissions() []permission {
	name := l.options.Scope.Name(40)
	return []permission{{
		sid: "Logs", on: []string{
			l.arn("logs", "log-group:/aws/*"), l.arn("logs", "log-group:/mlpathway/%s-*", name),
			l.arn("logs", "log-group:airflow-%s-*", name),
		},
		read: verbs("logs", "DescribeMetricFilters", "ListTagsForResource"),
		write: verbs("logs", "AssociateKmsKey", "CreateLogGroup", "DeleteLogGroup", "DeleteMetricFilter",
			"DisassociateKmsKey", "PutMetricFilter", "PutRetentionPolicy", "TagResource", "UntagResource"),
	}, {
		sid: "FindLogs", on: []string{l.arn("logs", "log-group:*")}, read: verbs("logs", "DescribeLogGroups"),
	}, {
		// Step Functions writes its logs through deliveries, which know no resource.
		sid: "LogDeliveries", on: []string{"*"}, read: verbs("logs", "DescribeResourcePolicies", "ListLogDeliveries"),
		write: verbs("logs", "CreateLogDelivery", "DeleteLogDelivery", "GetLogDelivery", "PutResourcePolicy",
			"UpdateLogDelivery"),
	}, {
		sid: "Alarms", on: append(l.ours("cloudwatch", "alarm:"), l.globalARN("cloudwatch", "dashboard/%s-*", name)),
		read: verbs("cloudwatch", "DescribeAlarms", "GetDashboard", "ListTagsForResource"),
		write: verbs("cloudwatch", "DeleteAlarms", "DeleteDashboards", "PutDashboard", "PutMetricAlarm", "TagResource",
			"UntagResource"),
	}, {
		sid: "Topics", on: l.ours("sns", ""),
		read: verbs("sns", "GetSubscriptionAttributes", "GetTopicAttributes", "ListTagsForResource"),
		write: verbs("sns", "CreateTopic", "DeleteTopic", "SetTopicAttributes", "Subscribe", "TagResource", "Unsubscribe",
			"UntagResource"),
	}, {
		sid: "Queues", on: l.ours("sqs", ""),
		read:  verbs("sqs", "GetQueueAttributes", "GetQueueUrl", "ListQueueTags"),
		write: verbs("sqs", "CreateQueue", "DeleteQueue", "SetQueueAttributes", "TagQueue", "UntagQueue"),
	}, {
		sid: "Events", on: l.ours("events", "rule/"),
		read: verbs("events", "DescribeRule", "ListTagsForResource", "ListTargetsByRule"),
		write: verbs("events", "DeleteRule", "DisableRule", "EnableRule", "PutRule", "PutTargets", "RemoveTargets",
			"TagResource", "UntagResource"),
	}, {
		sid: "Schedules", on: []string{l.arn("scheduler", "schedule/default/%s-*", name)},
		read: verbs("scheduler", "GetSchedule"), write: verbs("scheduler", "CreateSchedule", "DeleteSchedule",
			"UpdateSchedule"),
	}, {
		sid: "Budgets", on: []string{l.globalARN("budgets", "budget/%s-*", name)},
		read:  verbs("budgets", "ListTagsForResource", "ViewBudget"),
		write: verbs("budgets", "ModifyBudget", "TagResource", "UntagResource"),
	}, {
		sid: "Anomalies", on: []string{l.globalARN("ce", "anomalymonitor/*"), l.globalARN("ce", "anomalysubscription/*")},
		read: verbs("ce", "GetAnomalyMonitors", "GetAnomalySubscriptions", "ListTagsForResource"),
		write: verbs("ce", "CreateAnomalyMonitor", "CreateAnomalySubscription", "DeleteAnomalyMonitor",
			"DeleteAnomalySubscription", "TagResource", "UntagResource", "UpdateAnomalyMonitor",
			"UpdateAnomalySubscription"),
	}, {
		sid: "Parameters", on: []string{l.arn("ssm", "parameter/%s/*", name)},
		read:  verbs("ssm", "GetParameter", "ListTagsForResource"),
		write: verbs("ssm", "AddTagsToResource", "DeleteParameter", "PutParameter"),
	}}
}
