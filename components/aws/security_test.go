package aws_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
)

const keyType = "aws:kms/key:Key"

func securityPlan(e components.Environment, args components.SecurityArgs) plan {
	return plan{environment: e, build: func(ctx *pulumi.Context, target components.Target) error {
		_, err := components.NewSecurity(ctx, "security", target, &args)
		return err
	}}
}

func TestDevHasNoKeysAndNoTrail(t *testing.T) {
	t.Parallel()
	r := securityPlan(components.Dev, components.SecurityArgs{}).must(t)
	assert.Len(t, r.Resources(), 1, "nothing but the component")
}

func TestKeys(t *testing.T) {
	t.Parallel()
	r := securityPlan(components.Prod, components.SecurityArgs{}).must(t)
	keys := r.Find(keyType)
	require.Len(t, keys, len(components.DataClasses()))
	for _, key := range keys {
		inputs := r.inputs(keyType, key.Name)
		assert.Equal(t, true, inputs["enableKeyRotation"])
		assert.EqualValues(t, 365, inputs["rotationPeriodInDays"])
		assert.EqualValues(t, 30, inputs["deletionWindowInDays"])
		assert.True(t, key.Protect && key.Retain, key.Name)
		for _, s := range decode(t, inputs["policy"])["Statement"].([]any) {
			statement := s.(map[string]any)
			principal := statement["Principal"].(map[string]any)
			for _, action := range texts(statement["Action"]) {
				assert.NotContains(t, action, "*", "%s: %s", key.Name, statement["Sid"])
			}
			if accounts, ok := principal["AWS"]; ok {
				assert.Equal(t, []any{"arn:aws:iam::123456789012:root"}, accounts)
			} else {
				assert.NotEmpty(t, statement["Condition"], "%s: a service only on behalf of this account", statement["Sid"])
			}
		}
	}
}

// TestKeysCannotLockOut: the account keeps the right to change the policy of every key.
func TestKeysCannotLockOut(t *testing.T) {
	t.Parallel()
	r := securityPlan(components.Stage, components.SecurityArgs{}).must(t)
	for _, key := range r.Find(keyType) {
		administer := r.document(keyType, key.Name, "policy")["Statement"].([]any)[0].(map[string]any)
		assert.Contains(t, administer["Action"], "kms:PutKeyPolicy")
		assert.Contains(t, administer["Action"], "kms:ScheduleKeyDeletion")
		assert.NotContains(t, administer["Action"], "kms:Decrypt", "administrators do not read")
	}
}

func TestServicesUseTheKeyOfTheirClass(t *testing.T) {
	t.Parallel()
	r := securityPlan(components.Prod, components.SecurityArgs{}).must(t)
	services := func(class components.DataClass) []string {
		var names []string
		for _, s := range r.document(keyType, "security-"+string(class), "policy")["Statement"].([]any) {
			names = append(names, texts(s.(map[string]any)["Principal"].(map[string]any)["Service"])...)
		}
		return names
	}
	assert.Equal(t, []string{"events.amazonaws.com"}, services(components.LakeData))
	assert.Equal(t, []string{"logs.eu-central-1.amazonaws.com", "cloudtrail.amazonaws.com", "cloudwatch.amazonaws.com"},
		services(components.LogData))
	assert.Empty(t, services(components.TableData))
	assert.Empty(t, services(components.SecretData))
}

func TestAuditTrail(t *testing.T) {
	t.Parallel()
	r := securityPlan(components.Prod, components.SecurityArgs{}).must(t)
	trail := r.inputs("aws:cloudtrail/trail:Trail", "")
	assert.Equal(t, true, trail["isMultiRegionTrail"])
	assert.Equal(t, true, trail["enableLogFileValidation"])
	assert.Contains(t, trail["kmsKeyId"], ":key/")
	writes := trail["advancedEventSelectors"].([]any)[1].(map[string]any)["fieldSelectors"].([]any)[3].(map[string]any)
	assert.Equal(t, []any{"arn:aws:s3:::fraud-prod-lake-"}, writes["startsWiths"])
	lock := r.inputs("aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2", "")
	retention := lock["rule"].(map[string]any)["defaultRetention"].(map[string]any)
	assert.EqualValues(t, 365, retention["days"])
	list := r.document("aws:s3/bucketPolicy:BucketPolicy", "security-audit-policy", "policy")["Statement"].([]any)
	for _, s := range list[2:] {
		source := s.(map[string]any)["Condition"].(map[string]any)["StringEquals"].(map[string]any)["aws:SourceArn"]
		assert.Equal(t, []any{"arn:aws:cloudtrail:eu-central-1:123456789012:trail/fraud-prod-security"}, source)
	}
	assert.Empty(t, securityPlan(components.Stage, components.SecurityArgs{}).must(t).
		Find("aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2"), "a locked bucket outlives its stack")
}

func TestDetectorOnlyInProdUnlessAsked(t *testing.T) {
	t.Parallel()
	token := "aws:guardduty/detector:Detector"
	assert.Len(t, securityPlan(components.Prod, components.SecurityArgs{}).must(t).Find(token), 1)
	assert.Empty(t, securityPlan(components.Stage, components.SecurityArgs{}).must(t).Find(token))
	assert.Len(t, securityPlan(components.Dev, components.SecurityArgs{ThreatDetection: new(true)}).must(t).Find(token), 1)
}

// TestTokensAreSecrets: the value is a secret in the inputs, and the output says only where it lies.
func TestTokensAreSecrets(t *testing.T) {
	t.Parallel()
	r := securityPlan(components.Dev, components.SecurityArgs{Tokens: []string{"endpoint"}}).must(t)
	version := r.one("aws:secretsmanager/secretVersion:SecretVersion", "security-endpoint")
	assert.True(t, version.Inputs["secretString"].IsSecret())
	graph, err := r.Graph()
	require.NoError(t, err)
	assert.NotContains(t, string(graph), strings.Repeat("x", 40))
}
