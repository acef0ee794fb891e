package aws

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// noncurrentDays is how long a versioned bucket keeps what was overwritten or deleted.
const noncurrentDays = 30

// bucket describes a private bucket.
type bucket struct {
	part      string
	class     sensitivity
	key       pulumi.StringInput // nil for the keys of S3 itself
	versioned bool
	retain    bool
	// expireDays deletes objects, coldDays moves them to Intelligent-Tiering; 0 never.
	expireDays, coldDays int
	// lockDays keeps objects from being changed or deleted; 0 never.
	lockDays int
	// logs is the bucket that records requests; nil for such a bucket itself.
	logs *madeBucket
	// policy holds statements besides those that every bucket has.
	policy []Statement
}

// madeBucket is a bucket with everything that belongs to it.
type madeBucket struct {
	name  string
	ready []pulumi.Resource // the bucket and its settings: what writes to it waits for all of them
}

// bucketName is known before the bucket is there.
func (l *layer) bucketName(part string) string { return l.global(63, part) }

// newBucket makes a bucket that is closed to the public, encrypted, kept tidy and logged. The settings follow each
// other: S3 refuses two changes of one bucket at a time.
func (l *layer) newBucket(b bucket) (*madeBucket, error) {
	m := &madeBucket{name: l.bucketName(b.part)}
	made, err := s3.NewBucketV2(l.Context, l.Part(b.part), &s3.BucketV2Args{
		Bucket: pulumi.String(m.name), ForceDestroy: pulumi.Bool(!b.retain),
		ObjectLockEnabled: pulumi.Bool(b.lockDays > 0), Tags: l.tags(b.class),
	}, l.kept(b.retain)...)
	if err != nil {
		return nil, err
	}
	m.ready = append(m.ready, made)
	for _, setting := range []func(bucket, *s3.BucketV2, *madeBucket) (pulumi.Resource, error){
		l.ownership, l.publicAccess, l.encryption, l.versioning, l.lifecycle, l.bucketPolicy, l.accessLog, l.lock,
	} {
		resource, err := setting(b, made, m)
		if err != nil {
			return nil, err
		}
		if resource != nil {
			m.ready = append(m.ready, resource)
		}
	}
	return m, nil
}

// last gives the options of the next setting of a bucket.
func (l *layer) last(m *madeBucket) []pulumi.ResourceOption { return l.After(m.ready[len(m.ready)-1]) }

func (l *layer) ownership(b bucket, made *s3.BucketV2, m *madeBucket) (pulumi.Resource, error) {
	return s3.NewBucketOwnershipControls(l.Context, l.Part(b.part, "ownership"), &s3.BucketOwnershipControlsArgs{
		Bucket: made.ID(),
		Rule:   &s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")},
	}, l.last(m)...)
}

func (l *layer) publicAccess(b bucket, made *s3.BucketV2, m *madeBucket) (pulumi.Resource, error) {
	yes := pulumi.Bool(true)
	return s3.NewBucketPublicAccessBlock(l.Context, l.Part(b.part, "private"), &s3.BucketPublicAccessBlockArgs{
		Bucket: made.ID(), BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes,
	}, l.last(m)...)
}

func (l *layer) encryption(b bucket, made *s3.BucketV2, m *madeBucket) (pulumi.Resource, error) {
	algorithm := "AES256"
	if b.key != nil {
		algorithm = "aws:kms"
	}
	by := &s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
		SseAlgorithm: pulumi.String(algorithm), KmsMasterKeyId: orNil(b.key),
	}
	return s3.NewBucketServerSideEncryptionConfigurationV2(l.Context, l.Part(b.part, "encryption"),
		&s3.BucketServerSideEncryptionConfigurationV2Args{
			Bucket: made.ID(),
			Rules: s3.BucketServerSideEncryptionConfigurationV2RuleArray{
				// The bucket's own data key makes a request to KMS the exception.
				s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
					ApplyServerSideEncryptionByDefault: by, BucketKeyEnabled: pulumi.Bool(b.key != nil),
				},
			},
		}, l.last(m)...)
}

func (l *layer) versioning(b bucket, made *s3.BucketV2, m *madeBucket) (pulumi.Resource, error) {
	status := "Suspended"
	if b.versioned || b.lockDays > 0 {
		status = "Enabled"
	}
	return s3.NewBucketVersioningV2(l.Context, l.Part(b.part, "versioning"), &s3.BucketVersioningV2Args{
		Bucket:                  made.ID(),
		VersioningConfiguration: &s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String(status)},
	}, l.last(m)...)
}

func (l *layer) lifecycle(b bucket, made *s3.BucketV2, m *madeBucket) (pulumi.Resource, error) {
	return s3.NewBucketLifecycleConfigurationV2(l.Context, l.Part(b.part, "lifecycle"),
		&s3.BucketLifecycleConfigurationV2Args{Bucket: made.ID(), Rules: lifecycleRules(b)}, l.last(m)...)
}

// lifecycleRules are the rules of a bucket; they hold for every object in it.
func lifecycleRules(b bucket) s3.BucketLifecycleConfigurationV2RuleArray {
	rule := func(id string) s3.BucketLifecycleConfigurationV2RuleArgs {
		return s3.BucketLifecycleConfigurationV2RuleArgs{
			Id: pulumi.String(id), Status: pulumi.String("Enabled"),
			Filter: &s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String("")},
		}
	}
	uploads := rule("end-broken-uploads")
	uploads.AbortIncompleteMultipartUpload = &s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs{
		DaysAfterInitiation: pulumi.Int(7),
	}
	rules := s3.BucketLifecycleConfigurationV2RuleArray{uploads}
	if b.coldDays > 0 {
		cold := rule("cool-down")
		cold.Transitions = s3.BucketLifecycleConfigurationV2RuleTransitionArray{
			s3.BucketLifecycleConfigurationV2RuleTransitionArgs{
				Days: pulumi.Int(b.coldDays), StorageClass: pulumi.String("INTELLIGENT_TIERING"),
			},
		}
		rules = append(rules, cold)
	}
	if b.expireDays > 0 {
		expire := rule("expire")
		expire.Expiration = &s3.BucketLifecycleConfigurationV2RuleExpirationArgs{Days: pulumi.Int(b.expireDays)}
		rules = append(rules, expire)
	}
	// Also where versioning is off: it may have been on before.
	old := rule("forget-old-versions")
	old.NoncurrentVersionExpiration = &s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionExpirationArgs{
		NoncurrentDays: pulumi.Int(noncurrentDays),
	}
	markers := rule("forget-delete-markers")
	markers.Expiration = &s3.BucketLifecycleConfigurationV2RuleExpirationArgs{
		ExpiredObjectDeleteMarker: pulumi.Bool(true),
	}
	return append(rules, old, markers)
}

func (l *layer) bucketPolicy(b bucket, made *s3.BucketV2, m *madeBucket) (pulumi.Resource, error) {
	everything := here(l.bucketARN("%s", m.name), l.bucketARN("%s/*", m.name))
	anybody := &Principals{AWS: []string{"*"}}
	statements := append([]Statement{{
		Sid: "RefusePlainHTTP", Effect: Deny, Principals: anybody, Actions: []string{"s3:*"}, Resources: everything,
		Conditions: Conditions{"Bool": {"aws:SecureTransport": {"false"}}},
	}, {
		Sid: "RefuseOldTLS", Effect: Deny, Principals: anybody, Actions: []string{"s3:*"}, Resources: everything,
		Conditions: Conditions{"NumericLessThan": {"s3:TlsVersion": {"1.2"}}},
	}}, b.policy...)
	return s3.NewBucketPolicy(l.Context, l.Part(b.part, "policy"), &s3.BucketPolicyArgs{
		Bucket: made.ID(), Policy: document(statements...),
	}, l.last(m)...)
}

func (l *layer) accessLog(b bucket, made *s3.BucketV2, m *madeBucket) (pulumi.Resource, error) {
	if b.logs == nil {
		return nil, nil
	}
	return s3.NewBucketLoggingV2(l.Context, l.Part(b.part, "logging"), &s3.BucketLoggingV2Args{
		Bucket: made.ID(), TargetBucket: l.Known(b.logs.name, b.logs.ready...), TargetPrefix: pulumi.String(m.name + "/"),
	}, l.last(m)...)
}

func (l *layer) lock(b bucket, made *s3.BucketV2, m *madeBucket) (pulumi.Resource, error) {
	if b.lockDays == 0 {
		return nil, nil
	}
	return s3.NewBucketObjectLockConfigurationV2(l.Context, l.Part(b.part, "lock"),
		&s3.BucketObjectLockConfigurationV2Args{
			Bucket: made.ID(),
			Rule: &s3.BucketObjectLockConfigurationV2RuleArgs{
				DefaultRetention: &s3.BucketObjectLockConfigurationV2RuleDefaultRetentionArgs{
					Mode: pulumi.String("GOVERNANCE"), Days: pulumi.Int(b.lockDays),
				},
			},
		}, l.last(m)...)
}

// newLogBucket makes the bucket that records the requests to other buckets of the component. Its encryption is that of
// S3 itself: the log delivery can use no other.
func (l *layer) newLogBucket(part string, days int, retain bool, of ...string) (*madeBucket, error) {
	sources := make([]string, len(of))
	for i, source := range of {
		sources[i] = l.bucketARN("%s", l.bucketName(source))
	}
	return l.newBucket(bucket{
		part: part, class: internal, versioned: retain, retain: retain, expireDays: days,
		policy: []Statement{{
			Sid: "TakeAccessLogs", Principals: &Principals{Service: []string{"logging.s3.amazonaws.com"}},
			Actions: []string{"s3:PutObject"}, Resources: here(l.bucketARN("%s/*", l.bucketName(part))),
			Conditions: Conditions{
				"StringEquals": {"aws:SourceAccount": {l.options.Account}}, "ArnLike": {"aws:SourceArn": sources},
			},
		}},
	})
}
