# The twins of some rules of policies/rules: they deny what those find, for a stack in prod with confidential data.
# Resources are grouped by type, and a value that is not known yet is {"$unknown": true}.
package policies

# hidden: the value at the keys, or something on the way to it, is not known yet.
hidden(x, keys) if {
	some i in numbers.range(0, count(keys))
	object.get(object.get(x, array.slice(keys, 0, i), {}), "$unknown", false)
}

get(x, keys) := object.get(x, keys, null)

not_true(x, keys) if {
	not hidden(x, keys)
	not get(x, keys) in {true, "true"}
}

not_false(x, keys) if {
	not hidden(x, keys)
	not get(x, keys) in {false, "false"}
}

# on: given, and not false. What is not given has a default that is false.
on(x, keys) if {
	get(x, keys) != null
	not_false(x, keys)
}

# off: given, and not true. What is not given has a default that is true.
off(x, keys) if {
	get(x, keys) != null
	not_true(x, keys)
}

not_one_of(x, keys, texts) if {
	not hidden(x, keys)
	not is_one_of(get(x, keys), texts)
}

is_one_of(v, texts) if {
	is_string(v)
	lower(v) in texts
}

no_key(x, keys) if {
	not hidden(x, keys)
	not is_key(get(x, keys))
}

is_key(v) if {
	is_string(v)
	v != ""
	not contains(v, "alias/aws/")
}

items(x, key) := v if {
	v := object.get(x, key, [])
	is_array(v)
} else := []

empty(v) if v in {null, "", [], {}}

own_key if {
	input.environment == "prod"
	input.dataClass == "confidential"
}

deny contains sprintf("%s %s", [id, r.urn]) if {
	some id, types in broken
	some type, _ in types
	some r in input.byType[type]
	fails(id, type, r.props)
}

# broken says which types each rule inspects, so that no other resource is looked at.
broken := {
	"ENC-02": {
		"aws:ebs/volume:Volume": 1, "aws:efs/fileSystem:FileSystem": 1, "aws:ec2/instance:Instance": 1,
		"aws:ec2/launchTemplate:LaunchTemplate": 1, "aws:fsx/lustreFileSystem:LustreFileSystem": 1,
		"gcp:compute/disk:Disk": 1, "azure-native:containerservice:AgentPool": 1,
		"azure-native:containerservice:ManagedCluster": 1,
	},
	"ENC-03": {
		"aws:redshift/cluster:Cluster": 1, "aws:redshiftserverless/namespace:Namespace": 1,
		"aws:rds/instance:Instance": 1, "aws:rds/cluster:Cluster": 1, "aws:dynamodb/table:Table": 1,
		"gcp:bigquery/dataset:Dataset": 1, "gcp:bigquery/table:Table": 1, "gcp:sql/databaseInstance:DatabaseInstance": 1,
		"azure-native:documentdb:DatabaseAccount": 1, "azure-native:synapse:Workspace": 1,
	},
	"ENC-04": {
		"aws:sagemaker/notebookInstance:NotebookInstance": 1, "aws:sagemaker/domain:Domain": 1,
		"gcp:workbench/instance:Instance": 1, "gcp:notebooks/instance:Instance": 1,
		"azure-native:machinelearningservices:Workspace": 1,
	},
	"ENC-06": {
		"aws:ecr/repository:Repository": 1, "gcp:artifactregistry/repository:Repository": 1,
		"azure-native:containerregistry:Registry": 1,
	},
	"ENC-07": {
		"aws:sns/topic:Topic": 1, "aws:sqs/queue:Queue": 1, "aws:kinesis/stream:Stream": 1,
		"aws:cloudwatch/logGroup:LogGroup": 1, "gcp:pubsub/topic:Topic": 1,
	},
	"ENC-09": {
		"aws:eks/cluster:Cluster": 1, "gcp:container/cluster:Cluster": 1, "azure-native:containerservice:ManagedCluster": 1,
	},
	"PUB-02": {
		"gcp:storage/bucketIAMMember:BucketIAMMember": 1, "gcp:storage/bucketIAMBinding:BucketIAMBinding": 1,
		"gcp:bigquery/datasetIamMember:DatasetIamMember": 1, "gcp:bigquery/dataset:Dataset": 1,
		"gcp:cloudrunv2/serviceIamMember:ServiceIamMember": 1,
		"gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": 1,
		"gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": 1,
	},
	"PUB-04": {
		"aws:rds/instance:Instance": 1, "aws:redshift/cluster:Cluster": 1,
		"aws:redshiftserverless/workgroup:Workgroup": 1, "gcp:sql/databaseInstance:DatabaseInstance": 1,
		"azure-native:documentdb:DatabaseAccount": 1, "azure-native:synapse:Workspace": 1,
		"azure-native:storage:StorageAccount": 1,
	},
	"PUB-05": {
		"aws:sagemaker/notebookInstance:NotebookInstance": 1, "aws:sagemaker/domain:Domain": 1,
		"gcp:workbench/instance:Instance": 1, "gcp:notebooks/instance:Instance": 1,
		"azure-native:machinelearningservices:Workspace": 1, "azure-native:machinelearningservices:Compute": 1,
		"azure-native:cognitiveservices:Account": 1,
	},
	"IAM-06": {
		"gcp:compute/instance:Instance": 1, "gcp:container/nodePool:NodePool": 1, "gcp:dataproc/cluster:Cluster": 1,
		"aws:sagemaker/notebookInstance:NotebookInstance": 1,
	},
	"IAM-07": {
		"azure-native:storage:StorageAccount": 1, "azure-native:containerservice:ManagedCluster": 1,
		"azure-native:containerregistry:Registry": 1, "azure-native:cognitiveservices:Account": 1,
		"azure-native:documentdb:DatabaseAccount": 1, "gcp:container/cluster:Cluster": 1,
	},
	"TLS-03": {
		"aws:redshift/parameterGroup:ParameterGroup": 1, "gcp:sql/databaseInstance:DatabaseInstance": 1,
		"azure-native:eventhub:Namespace": 1, "azure-native:documentdb:DatabaseAccount": 1,
	},
}

volumes := {"aws:ebs/volume:Volume", "aws:efs/fileSystem:FileSystem"}

fails("ENC-02", type, p) if {
	type in volumes
	not_true(p, ["encrypted"])
}

fails("ENC-02", type, p) if {
	type in volumes | {"aws:fsx/lustreFileSystem:LustreFileSystem"}
	own_key
	no_key(p, ["kmsKeyId"])
}

fails("ENC-02", "aws:ec2/instance:Instance", p) if not_true(p, ["rootBlockDevice", "encrypted"])

fails("ENC-02", "aws:ec2/instance:Instance", p) if {
	some device in items(p, "ebsBlockDevices")
	not_true(device, ["encrypted"])
}

fails("ENC-02", "aws:ec2/launchTemplate:LaunchTemplate", p) if empty(get(p, ["blockDeviceMappings"]))

fails("ENC-02", "aws:ec2/launchTemplate:LaunchTemplate", p) if {
	some mapping in items(p, "blockDeviceMappings")
	not_true(mapping, ["ebs", "encrypted"])
}

fails("ENC-02", "gcp:compute/disk:Disk", p) if {
	own_key
	no_key(p, ["diskEncryptionKey", "kmsKeySelfLink"])
}

fails("ENC-02", "azure-native:containerservice:AgentPool", p) if not_true(p, ["enableEncryptionAtHost"])

fails("ENC-02", "azure-native:containerservice:ManagedCluster", p) if {
	some pool in items(p, "agentPoolProfiles")
	not_true(pool, ["enableEncryptionAtHost"])
}

database_flag := {
	"aws:redshift/cluster:Cluster": "encrypted", "aws:rds/instance:Instance": "storageEncrypted",
	"aws:rds/cluster:Cluster": "storageEncrypted",
}

database_key := {
	"aws:redshift/cluster:Cluster": ["kmsKeyId"], "aws:redshiftserverless/namespace:Namespace": ["kmsKeyId"],
	"aws:rds/instance:Instance": ["kmsKeyId"], "aws:rds/cluster:Cluster": ["kmsKeyId"],
	"aws:dynamodb/table:Table": ["serverSideEncryption", "kmsKeyArn"],
	"gcp:bigquery/dataset:Dataset": ["defaultEncryptionConfiguration", "kmsKeyName"],
	"gcp:sql/databaseInstance:DatabaseInstance": ["encryptionKeyName"],
	"azure-native:documentdb:DatabaseAccount": ["keyVaultKeyUri"],
	"azure-native:synapse:Workspace": ["encryption", "cmk", "key", "keyVaultUrl"],
}

fails("ENC-03", type, p) if not_true(p, [database_flag[type]])

fails("ENC-03", type, p) if {
	own_key
	no_key(p, database_key[type])
}

fails("ENC-03", "aws:dynamodb/table:Table", p) if {
	own_key
	not_true(p, ["serverSideEncryption", "enabled"])
}

fails("ENC-03", "gcp:bigquery/table:Table", p) if {
	own_key
	get(p, ["encryptionConfiguration"]) != null
	no_key(p, ["encryptionConfiguration", "kmsKeyName"])
}

fails("ENC-04", type, p) if {
	type in {"aws:sagemaker/notebookInstance:NotebookInstance", "aws:sagemaker/domain:Domain"}
	own_key
	no_key(p, ["kmsKeyId"])
}

fails("ENC-04", "gcp:workbench/instance:Instance", p) if {
	own_key
	workbench_disk(p)
}

workbench_disk(p) if {
	some disk in items(get(p, ["gceSetup"]), "dataDisks")
	not_one_of(disk, ["diskEncryption"], {"cmek"})
}

workbench_disk(p) if {
	some disk in items(get(p, ["gceSetup"]), "dataDisks")
	no_key(disk, ["kmsKey"])
}

workbench_disk(p) if {
	not is_array(get(p, ["gceSetup", "dataDisks"]))
	not_one_of(p, ["gceSetup", "dataDisks", "diskEncryption"], {"cmek"})
}

workbench_disk(p) if {
	not is_array(get(p, ["gceSetup", "dataDisks"]))
	no_key(p, ["gceSetup", "dataDisks", "kmsKey"])
}

fails("ENC-04", "gcp:notebooks/instance:Instance", p) if {
	own_key
	not_one_of(p, ["diskEncryption"], {"cmek"})
}

fails("ENC-04", "gcp:notebooks/instance:Instance", p) if {
	own_key
	no_key(p, ["kmsKey"])
}

fails("ENC-04", "azure-native:machinelearningservices:Workspace", p) if {
	own_key
	not_one_of(p, ["encryption", "status"], {"enabled"})
}

fails("ENC-06", "aws:ecr/repository:Repository", p) if {
	own_key
	empty(get(p, ["encryptionConfigurations"]))
}

fails("ENC-06", "aws:ecr/repository:Repository", p) if {
	own_key
	some configuration in items(p, "encryptionConfigurations")
	not_one_of(configuration, ["encryptionType"], {"kms", "kms_dsse"})
}

fails("ENC-06", "aws:ecr/repository:Repository", p) if {
	own_key
	some configuration in items(p, "encryptionConfigurations")
	no_key(configuration, ["kmsKey"])
}

fails("ENC-06", "gcp:artifactregistry/repository:Repository", p) if {
	own_key
	no_key(p, ["kmsKeyName"])
}

fails("ENC-06", "azure-native:containerregistry:Registry", p) if {
	own_key
	not_one_of(p, ["encryption", "status"], {"enabled"})
}

message_key := {
	"aws:sns/topic:Topic": "kmsMasterKeyId", "aws:cloudwatch/logGroup:LogGroup": "kmsKeyId",
	"gcp:pubsub/topic:Topic": "kmsKeyName",
}

fails("ENC-07", type, p) if {
	own_key
	no_key(p, [message_key[type]])
}

fails("ENC-07", "aws:sqs/queue:Queue", p) if {
	not hidden(p, ["kmsMasterKeyId"])
	empty(get(p, ["kmsMasterKeyId"]))
	get(p, ["sqsManagedSseEnabled"]) != null
	not_true(p, ["sqsManagedSseEnabled"])
}

fails("ENC-07", "aws:kinesis/stream:Stream", p) if not_one_of(p, ["encryptionType"], {"kms"})

fails("ENC-09", "aws:eks/cluster:Cluster", p) if no_key(p, ["encryptionConfig", "provider", "keyArn"])

fails("ENC-09", "aws:eks/cluster:Cluster", p) if {
	not hidden(p, ["encryptionConfig", "resources"])
	not names_secrets(get(p, ["encryptionConfig", "resources"]))
}

names_secrets(resources) if {
	some text in resources
	lower(text) == "secrets"
}

# An element that is not known yet may name them.
names_secrets(resources) if {
	some text in resources
	text["$unknown"]
}

fails("ENC-09", "gcp:container/cluster:Cluster", p) if not_one_of(p, ["databaseEncryption", "state"], {"encrypted"})

fails("ENC-09", "azure-native:containerservice:ManagedCluster", p) if {
	not_true(p, ["securityProfile", "azureKeyVaultKms", "enabled"])
}

everybody := {"allusers", "allauthenticatedusers", "iammember:allusers"}

# open: known, and no text or everybody.
open(v) if {
	not object.get(v, "$unknown", false)
	not is_string(v)
}

open(v) if lower(v) in everybody

fails("PUB-02", type, p) if {
	type != "gcp:bigquery/dataset:Dataset"
	type != "gcp:storage/bucketIAMBinding:BucketIAMBinding"
	not hidden(p, ["member"])
	open(get(p, ["member"]))
}

fails("PUB-02", "gcp:storage/bucketIAMBinding:BucketIAMBinding", p) if {
	some member in items(p, "members")
	open(member)
}

fails("PUB-02", "gcp:bigquery/dataset:Dataset", p) if {
	some access in items(p, "accesses")
	some key in ["specialGroup", "iamMember"]
	member := object.get(access, key, null)
	member != null
	open(member)
}

fails("PUB-04", type, p) if {
	type in {"aws:rds/instance:Instance", "aws:redshiftserverless/workgroup:Workgroup"}
	on(p, ["publiclyAccessible"])
}

fails("PUB-04", "aws:redshift/cluster:Cluster", p) if not_false(p, ["publiclyAccessible"])

fails("PUB-04", "gcp:sql/databaseInstance:DatabaseInstance", p) if {
	not_false(p, ["settings", "ipConfiguration", "ipv4Enabled"])
}

fails("PUB-04", "gcp:sql/databaseInstance:DatabaseInstance", p) if {
	some network in items(get(p, ["settings", "ipConfiguration"]), "authorizedNetworks")
	not hidden(network, ["value"])
	not get(network, ["value"]) in {"", null}
	is_one_of(get(network, ["value"]), {"0.0.0.0/0", "::/0"})
}

fails("PUB-04", "azure-native:documentdb:DatabaseAccount", p) if {
	not_one_of(p, ["publicNetworkAccess"], {"disabled", "securedbyperimeter"})
}

fails("PUB-04", "azure-native:synapse:Workspace", p) if not_one_of(p, ["publicNetworkAccess"], {"disabled"})

fails("PUB-04", "azure-native:storage:StorageAccount", p) if {
	not_one_of(p, ["publicNetworkAccess"], {"disabled", "securedbyperimeter"})
	not_one_of(p, ["networkRuleSet", "defaultAction"], {"deny"})
}

fails("PUB-05", "aws:sagemaker/notebookInstance:NotebookInstance", p) if {
	not_one_of(p, ["directInternetAccess"], {"disabled"})
}

fails("PUB-05", "aws:sagemaker/notebookInstance:NotebookInstance", p) if empty(get(p, ["subnetId"]))

fails("PUB-05", "aws:sagemaker/domain:Domain", p) if not_one_of(p, ["appNetworkAccessType"], {"vpconly"})

fails("PUB-05", "gcp:workbench/instance:Instance", p) if not_true(p, ["gceSetup", "disablePublicIp"])

fails("PUB-05", "gcp:notebooks/instance:Instance", p) if not_true(p, ["noPublicIp"])

fails("PUB-05", "azure-native:machinelearningservices:Workspace", p) if {
	not_one_of(p, ["publicNetworkAccess"], {"disabled"})
}

fails("PUB-05", "azure-native:machinelearningservices:Workspace", p) if {
	not_one_of(p, ["managedNetwork", "isolationMode"], {"allowonlyapprovedoutbound"})
}

fails("PUB-05", "azure-native:machinelearningservices:Compute", p) if {
	not other_compute(get(p, ["properties", "computeType"]))
	not_false(p, ["properties", "properties", "enableNodePublicIp"])
}

other_compute(kind) if {
	is_string(kind)
	not lower(kind) in {"amlcompute", "computeinstance"}
}

fails("PUB-05", "azure-native:cognitiveservices:Account", p) if {
	not_one_of(p, ["properties", "publicNetworkAccess"], {"disabled"})
}

no_account(p, keys) if {
	not hidden(p, keys)
	not own_account(get(p, keys))
}

own_account(email) if {
	is_string(email)
	not email in {"", "default"}
	not endswith(email, "-compute@developer.gserviceaccount.com")
}

fails("IAM-06", "gcp:compute/instance:Instance", p) if {
	get(p, ["serviceAccount"]) != null
	no_account(p, ["serviceAccount", "email"])
}

fails("IAM-06", "gcp:container/nodePool:NodePool", p) if no_account(p, ["nodeConfig", "serviceAccount"])

fails("IAM-06", "gcp:dataproc/cluster:Cluster", p) if {
	no_account(p, ["clusterConfig", "gceClusterConfig", "serviceAccount"])
}

fails("IAM-06", "aws:sagemaker/notebookInstance:NotebookInstance", p) if not_one_of(p, ["rootAccess"], {"disabled"})

fails("IAM-07", "azure-native:storage:StorageAccount", p) if not_false(p, ["allowSharedKeyAccess"])

fails("IAM-07", "azure-native:containerservice:ManagedCluster", p) if not_true(p, ["disableLocalAccounts"])

fails("IAM-07", "azure-native:containerservice:ManagedCluster", p) if not_true(p, ["aadProfile", "enableAzureRBAC"])

fails("IAM-07", "azure-native:containerservice:ManagedCluster", p) if off(p, ["enableRBAC"])

fails("IAM-07", "azure-native:containerregistry:Registry", p) if on(p, ["adminUserEnabled"])

fails("IAM-07", "azure-native:cognitiveservices:Account", p) if not_true(p, ["properties", "disableLocalAuth"])

fails("IAM-07", "azure-native:documentdb:DatabaseAccount", p) if not_true(p, ["disableLocalAuth"])

fails("IAM-07", "gcp:container/cluster:Cluster", p) if on(p, ["enableLegacyAbac"])

fails("IAM-07", "gcp:container/cluster:Cluster", p) if {
	on(p, ["masterAuth", "clientCertificateConfig", "issueClientCertificate"])
}

fails("TLS-03", "aws:redshift/parameterGroup:ParameterGroup", p) if {
	some parameter in items(p, "parameters")
	parameter.name == "require_ssl"
	not_true(parameter, ["value"])
}

fails("TLS-03", "aws:redshift/parameterGroup:ParameterGroup", p) if {
	get(p, ["family"]) != "redshift-2.0"
	not hidden(p, ["parameters"])
	count([1 | some parameter in items(p, "parameters"); ssl_or_unknown(parameter)]) == 0
}

ssl_or_unknown(parameter) if parameter.name == "require_ssl"

ssl_or_unknown(parameter) if hidden(parameter, ["name"])

fails("TLS-03", "gcp:sql/databaseInstance:DatabaseInstance", p) if {
	get(p, ["settings", "ipConfiguration", "sslMode"]) == null
	get(p, ["settings", "ipConfiguration", "requireSsl"]) != null
	not_true(p, ["settings", "ipConfiguration", "requireSsl"])
}

fails("TLS-03", "gcp:sql/databaseInstance:DatabaseInstance", p) if {
	not needs_no_mode(get(p, ["settings", "ipConfiguration"]))
	not_one_of(p, ["settings", "ipConfiguration", "sslMode"], {"encrypted_only", "trusted_client_certificate_required"})
}

needs_no_mode(configuration) if {
	get(configuration, ["sslMode"]) == null
	get(configuration, ["requireSsl"]) != null
}

fails("TLS-03", "azure-native:eventhub:Namespace", p) if not_one_of(p, ["minimumTlsVersion"], {"1.2", "1.3"})

fails("TLS-03", "azure-native:documentdb:DatabaseAccount", p) if {
	get(p, ["minimalTlsVersion"]) != null
	not_one_of(p, ["minimalTlsVersion"], {"tls12", "tls13"})
}
