package aws

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudtrail"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/guardduty"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/secretsmanager"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// auditLog is the part of the security layer that holds the audit trail.
const auditLog = "audit"

// Security makes the keys, the secrets, the audit trail and the detector of attacks.
func (t *Target) Security(
	ctx *pulumi.Context, name string, args *components.SecurityArgs, opts ...pulumi.ResourceOption,
) (*components.SecurityOutputs, error) {
	l := t.layer(ctx, components.SecurityLayer, name, opts)
	outputs := &components.SecurityOutputs{
		Keys: pulumi.StringMap{}, AuditSink: text(""), TokenURIs: none(),
	}
	if *args.CustomerKeys {
		for _, class := range components.DataClasses() {
			key, err := l.newKey(class, args)
			if err != nil {
				return nil, err
			}
			outputs.Keys[string(class)] = key
		}
	}
	if *args.AuditTrail {
		sink, err := l.newTrail(args, outputs.Keys[string(components.LogData)])
		if err != nil {
			return nil, err
		}
		outputs.AuditSink = sink
	}
	if *args.ThreatDetection {
		if err := l.newDetector(); err != nil {
			return nil, err
		}
	}
	uris := pulumi.StringMap{}
	for _, token := range args.Tokens {
		uri, err := l.newToken(token, outputs.Keys[string(components.SecretData)], *args.Retain)
		if err != nil {
			return nil, err
		}
		uris[token] = uri
	}
	outputs.TokenURIs = uris.ToStringMapOutput()
	return outputs, nil
}

// keyPurpose says what a key is for.
var keyPurpose = map[components.DataClass]string{
	components.LakeData:   "Data lake, models and what works on them",
	components.TableData:  "Warehouse, feature store, metadata table, images",
	components.SecretData: "Secrets and the cluster's own secrets",
	components.LogData:    "Logs, the audit trail and alarms",
}

// newKey makes the key of a data class and gives its ARN.
func (l *layer) newKey(class components.DataClass, args *components.SecurityArgs) (pulumi.StringOutput, error) {
	days := 7
	if *args.Retain {
		days = 30
	}
	part := string(class)
	key, err := kms.NewKey(l.Context, l.Part(part), &kms.KeyArgs{
		Description: pulumi.String(keyPurpose[class]), EnableKeyRotation: pulumi.Bool(true),
		RotationPeriodInDays: pulumi.Int(args.RotationDays), DeletionWindowInDays: pulumi.Int(days),
		Policy: document(l.keyPolicy(class)...), Tags: l.tags(restricted, part),
	}, l.kept(*args.Retain)...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	_, err = kms.NewAlias(l.Context, l.Part(part), &kms.AliasArgs{
		Name: pulumi.String("alias/" + l.physical(100, part)), TargetKeyId: key.KeyId,
	}, l.With()...)
	return key.Arn, err
}

// keyPolicy leaves it to IAM who in the account may use a key, and lets in the services that encrypt on the platform's
// behalf.
func (l *layer) keyPolicy(class components.DataClass) []Statement {
	account := &Principals{AWS: []string{l.globalARN("iam", "root")}}
	thisKey := here("*") // in the policy of a key: the key itself
	statements := []Statement{{
		Sid: "AdministerThroughIAM", Principals: account, Resources: thisKey, Actions: []string{
			"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey",
			"kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants",
			"kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RetireGrant", "kms:RevokeGrant",
			"kms:RotateKeyOnDemand", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias",
			"kms:UpdateKeyDescription",
		},
	}, {
		Sid: "UseThroughIAM", Principals: account, Resources: thisKey, Actions: []string{
			"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
			"kms:ReEncryptFrom", "kms:ReEncryptTo",
		},
	}, {
		Sid: "LendToServices", Principals: account, Resources: thisKey, Actions: []string{"kms:CreateGrant"},
		Conditions: Conditions{"Bool": {"kms:GrantIsForAWSResource": {"true"}}},
	}}
	encrypt := []string{"kms:Decrypt", "kms:GenerateDataKey"}
	service := func(sid, principal string, actions []string, conditions Conditions) {
		statements = append(statements, Statement{
			Sid: sid, Principals: &Principals{Service: []string{principal}}, Actions: actions, Resources: thisKey,
			Conditions: conditions,
		})
	}
	switch class {
	case components.LakeData:
		service("QueueEvents", "events.amazonaws.com", encrypt, l.ownAccount())
	case components.LogData:
		service("KeepLogs", "logs."+l.options.Region+".amazonaws.com", []string{
			"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo",
		}, Conditions{"ArnLike": {"kms:EncryptionContext:aws:logs:arn": {l.arn("logs", "log-group:*")}}})
		service("KeepAuditTrail", "cloudtrail.amazonaws.com", []string{
			"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey",
		}, Conditions{"StringEquals": {"aws:SourceArn": {l.trailARN()}}})
		service("RaiseAlarms", "cloudwatch.amazonaws.com", encrypt, l.ownAccount())
	case components.TableData, components.SecretData:
	}
	return statements
}

func (l *layer) trailARN() string { return l.arn("cloudtrail", "trail/%s", l.physical(128)) }

// newTrail records who did what in the account, and who wrote or deleted what in the platform's buckets.
func (l *layer) newTrail(args *components.SecurityArgs, key pulumi.StringInput) (pulumi.StringOutput, error) {
	lock := 0
	if *args.Retain {
		lock = args.AuditRetentionDays
	}
	logs, err := l.newLogBucket(auditLog+"-"+accessLogs, args.AuditRetentionDays, *args.Retain, auditLog)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	sink, err := l.newBucket(bucket{
		part: auditLog, class: internal, key: key, versioned: true, retain: *args.Retain,
		expireDays: args.AuditRetentionDays + 1, lockDays: lock, logs: logs, policy: l.trailPolicy(),
	})
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	_, err = cloudtrail.NewTrail(l.Context, l.Part(auditLog), &cloudtrail.TrailArgs{
		Name: pulumi.String(l.physical(128)), S3BucketName: l.Known(sink.name, sink.ready...), KmsKeyId: orNil(key),
		IsMultiRegionTrail: pulumi.Bool(true), IncludeGlobalServiceEvents: pulumi.Bool(true),
		EnableLogFileValidation: pulumi.Bool(true), AdvancedEventSelectors: l.auditedEvents(), Tags: l.tags(internal),
	}, l.kept(*args.Retain)...)
	return l.Known("s3://"+sink.name, sink.ready...), err
}

// trailPolicy lets the trail, and no other one, write to its bucket.
func (l *layer) trailPolicy() []Statement {
	trail := &Principals{Service: []string{"cloudtrail.amazonaws.com"}}
	name := l.bucketName(auditLog)
	return []Statement{{
		Sid: "CheckTrailBucket", Principals: trail, Actions: []string{"s3:GetBucketAcl"},
		Resources:  here(l.bucketARN("%s", name)),
		Conditions: Conditions{"StringEquals": {"aws:SourceArn": {l.trailARN()}}},
	}, {
		Sid: "TakeTrail", Principals: trail, Actions: []string{"s3:PutObject"},
		Resources: here(l.bucketARN("%s/AWSLogs/%s/*", name, l.options.Account)),
		Conditions: Conditions{"StringEquals": {
			"aws:SourceArn": {l.trailARN()}, "s3:x-amz-acl": {"bucket-owner-full-control"},
		}},
	}}
}

// auditedEvents are all changes of the account, and what is written to or deleted from the platform's buckets.
func (l *layer) auditedEvents() cloudtrail.TrailAdvancedEventSelectorArray {
	field := func(name string, values ...string) cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs {
		return cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs{
			Field: pulumi.String(name), Equals: pulumi.ToStringArray(values),
		}
	}
	return cloudtrail.TrailAdvancedEventSelectorArray{
		cloudtrail.TrailAdvancedEventSelectorArgs{
			Name: pulumi.String("management"),
			FieldSelectors: cloudtrail.TrailAdvancedEventSelectorFieldSelectorArray{
				field("eventCategory", "Management"),
			},
		},
		cloudtrail.TrailAdvancedEventSelectorArgs{
			Name: pulumi.String("writes to the platform's buckets"),
			FieldSelectors: cloudtrail.TrailAdvancedEventSelectorFieldSelectorArray{
				field("eventCategory", "Data"), field("readOnly", "false"), field("resources.type", "AWS::S3::Object"),
				cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs{
					Field:       pulumi.String("resources.ARN"),
					StartsWiths: pulumi.ToStringArray([]string{l.bucketARN("%s-lake-", l.options.Scope.Name(63))}),
				},
			},
		},
	}
}

// newDetector looks for attacks in the account's logs. An account has one detector per region.
func (l *layer) newDetector() error {
	detector, err := guardduty.NewDetector(l.Context, l.Part("threats"), &guardduty.DetectorArgs{
		Enable: pulumi.Bool(true), FindingPublishingFrequency: pulumi.String("FIFTEEN_MINUTES"), Tags: l.tags(internal),
	}, l.With()...)
	if err != nil {
		return err
	}
	_, err = guardduty.NewDetectorFeature(l.Context, l.Part("threats", "s3"), &guardduty.DetectorFeatureArgs{
		DetectorId: detector.ID(), Name: pulumi.String("S3_DATA_EVENTS"), Status: pulumi.String("ENABLED"),
	}, l.With()...)
	return err
}

// newToken makes a random bearer token and gives the address where a workload reads it.
func (l *layer) newToken(token string, key pulumi.StringInput, retain bool) (pulumi.StringOutput, error) {
	value, err := random.NewRandomPassword(l.Context, l.Part(token), &random.RandomPasswordArgs{
		Length: pulumi.Int(40), Special: pulumi.Bool(false),
	}, l.Given...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	days := 0 // a stack that is made again must find the name free
	if retain {
		days = 30
	}
	name := l.physical(200, token)
	secret, err := secretsmanager.NewSecret(l.Context, l.Part(token), &secretsmanager.SecretArgs{
		Name: pulumi.String(name), Description: pulumi.String("Bearer token " + token), KmsKeyId: orNil(key),
		RecoveryWindowInDays: pulumi.Int(days), Tags: l.tags(restricted),
	}, l.With()...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	// Registered by its token: the SDK's constructor marks the value as a secret even while it is unknown, and a recorded
	// preview cannot carry that. The value is a secret as soon as there is one.
	var version pulumi.CustomResourceState
	err = l.Context.RegisterResource("aws:secretsmanager/secretVersion:SecretVersion", l.Part(token), pulumi.Map{
		"secretId": secret.ID(), "secretString": value.Result,
	}, &version, l.With(pulumi.AdditionalSecretOutputs([]string{"secretString"}))...)
	return l.Known("awssecretsmanager://"+name+"?region="+l.options.Region+"&decoder=string", secret, &version), err
}
