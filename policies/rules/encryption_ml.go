package rules

import (
	"slices"
	"strings"
)

func notebooksEncrypted() Rule {
	const disk = "gceSetup.dataDisks."
	return Rule{
		ID:       "ENC-04",
		Title:    "The storage of notebooks and workbenches is encrypted, outside dev with a key of one's own",
		Why:      "Notebooks collect copies of the data that nobody keeps account of. " + ownKeyWhy,
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type: "aws:sagemaker/notebookInstance:NotebookInstance", Paths: []string{"kmsKeyId"}, Check: ownKey("kmsKeyId"),
			}, {
				Type: "aws:sagemaker/domain:Domain", Paths: []string{"kmsKeyId"}, Check: ownKey("kmsKeyId"),
			}, {
				Type:  "gcp:workbench/instance:Instance",
				Paths: []string{disk + "diskEncryption", disk + "kmsKey"},
				Check: inNeedOfOwnKey(allOf(isText(disk+"diskEncryption", "CMEK"), hasCustomerKey(disk+"kmsKey"))),
			}, {
				Type:  "gcp:notebooks/instance:Instance",
				Paths: []string{"diskEncryption", "kmsKey"},
				Check: inNeedOfOwnKey(allOf(isText("diskEncryption", "CMEK"), hasCustomerKey("kmsKey"))),
			}, {
				Type: "azure-native:machinelearningservices:Workspace", Paths: []string{"encryption.status"}, Unchecked: true,
				Check: inNeedOfOwnKey(isText("encryption.status", "Enabled")),
			},
		},
		Fix: "AWS: kmsKeyId. GCP: diskEncryption CMEK and kmsKey. Azure: encryption with status Enabled and " +
			"keyVaultProperties.",
		Remediation: "None: it replaces the notebook with what is on it.",
		Controls: "HIPAA 164.312(a)(2)(iv), 164.312(e)(2)(ii); PCI3.2.1 3.4, 8.2.1; PCI4 3.5.1, 8.3.2; NIST SC-28(1), " +
			"SC-13a",
		Peers: "Checkov CKV_AWS_22, CKV_AWS_187, CKV2_GCP_21, CKV2_GCP_27; cdk-nag SM2",
	}
}

func modelsEncrypted() Rule {
	const spec = "encryptionSpec.kmsKeyName"
	return Rule{
		ID:       "ENC-05",
		Title:    "Endpoints, feature stores, data sets and tensorboards are encrypted, outside dev with a key of one's own",
		Why:      "Features and captured requests are the data itself, and a model can give it away. " + ownKeyWhy,
		Severity: High,
		Levels:   Levels{Advisory, Advisory, Mandatory},
		Matchers: []Matcher{
			{
				Type: "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
				Paths: []string{
					"kmsKeyArn", "dataCaptureConfig.enableCapture", "dataCaptureConfig.kmsKeyId",
					"productionVariants[].instanceType", "productionVariants[].serverlessConfig",
				},
				Check: inNeedOfOwnKey(endpointEncrypted),
			}, {
				Type: "aws:sagemaker/featureGroup:FeatureGroup",
				Paths: []string{
					"offlineStoreConfig.s3StorageConfig.kmsKeyId", "onlineStoreConfig.securityConfig.kmsKeyId",
				},
				Check: inNeedOfOwnKey(featuresEncrypted),
			},
			{Type: "gcp:vertex/aiEndpoint:AiEndpoint", Paths: []string{spec}, Check: ownKey(spec)},
			{Type: "gcp:vertex/aiFeatureStore:AiFeatureStore", Paths: []string{spec}, Check: ownKey(spec)},
			{Type: "gcp:vertex/aiDataset:AiDataset", Paths: []string{spec}, Check: ownKey(spec)},
			{Type: "gcp:vertex/aiTensorboard:AiTensorboard", Paths: []string{spec}, Check: ownKey(spec)},
			{
				Type:  "azure-native:cognitiveservices:Account",
				Paths: []string{"properties.encryption.keySource"}, Unchecked: true,
				Check: inNeedOfOwnKey(isText("properties.encryption.keySource", "Microsoft.KeyVault")),
			},
		},
		Fix: "AWS: kmsKeyArn and dataCaptureConfig.kmsKeyId; kmsKeyId of each store of a feature group. GCP: " +
			"encryptionSpec.kmsKeyName. Azure: properties.encryption with keySource Microsoft.KeyVault.",
		Remediation: "None: which key is its owner's choice, and most of these can not be changed.",
		Controls:    "HIPAA 164.312(a)(2)(iv), 164.312(e)(2)(ii); PCI3.2.1 3.4, 8.2.1; NIST SC-28(1), SC-13a",
		Peers: "Checkov CKV_AWS_98, CKV2_GCP_24/25/26, CKV_GCP_92, CKV2_AZURE_22; KICS " +
			"sagemaker_endpoint_configuration_encryption_disabled",
	}
}

// endpointEncrypted wants a key for the volumes of the machines, where they have any: SageMaker refuses one for
// serverless variants and for machines with disks of their own, which encrypt themselves.
func endpointEncrypted(c *Check) {
	switch hasVolumes(c) {
	case Yes:
		c.CustomerKey("kmsKeyArn")
	case Maybe:
		if c.Given("kmsKeyArn") != Yes {
			c.Unsure("kmsKeyArn", "is not set, and it is not known yet whether the machines have volumes")
		}
	case No:
		c.Pass()
	}
	if c.Get("dataCaptureConfig").IsAbsent() {
		return
	}
	if on, known := c.Get("dataCaptureConfig.enableCapture").Bool(); on || !known {
		c.CustomerKey("dataCaptureConfig.kmsKeyId")
	}
}

// hasVolumes tells whether a variant has machines with volumes.
func hasVolumes(c *Check) Tri {
	has := No
	for _, variant := range c.Each("productionVariants[]") {
		serverless, machine := variant.Key("serverlessConfig"), variant.Key("instanceType")
		text, known := machine.Text()
		switch {
		case serverless.IsUnknown():
			has = has.Or(Maybe)
		case !serverless.IsAbsent():
		case !known:
			has = has.Or(Maybe)
		case !hasLocalDisk(text):
			has = Yes
		}
	}
	return has
}

// hasLocalDisk reports whether a machine type has disks of its own: those with a d behind the generation, as
// ml.m5d.large, and the families of accelerators that always have them.
func hasLocalDisk(machine string) bool {
	family, _, _ := strings.Cut(strings.TrimPrefix(machine, "ml."), ".")
	always := []string{"g4dn", "g5", "g6", "g6e", "gr6", "p4d", "p4de", "p5", "p5e", "p5en", "trn1", "trn1n", "trn2"}
	behind := strings.TrimLeft(strings.TrimLeft(family, "abcdefghijklmnopqrstuvwxyz"), "0123456789")
	return slices.Contains(always, family) || strings.Contains(behind, "d")
}

// featuresEncrypted looks at the stores that a feature group has.
func featuresEncrypted(c *Check) {
	for store, key := range map[string]string{
		"offlineStoreConfig": "s3StorageConfig.kmsKeyId", "onlineStoreConfig": "securityConfig.kmsKeyId",
	} {
		if !c.Get(store).IsAbsent() {
			c.CustomerKey(store + "." + key)
		}
	}
}
