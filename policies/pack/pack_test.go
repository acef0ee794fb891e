package pack

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/rules"
)

const (
	volumeType = "aws:ebs/volume:Volume"
	bucketType = "aws:s3/bucketV2:BucketV2"
)

func stackContext(t *testing.T, root string, config map[string]string) *pulumi.Context {
	t.Helper()
	ctx, err := pulumi.NewContext(t.Context(), pulumi.RunInfo{
		Project: "p", Stack: "s", RootDirectory: root, Config: config, Parallel: 1,
	})
	require.NoError(t, err)
	return ctx
}

func TestFacts(t *testing.T) {
	t.Parallel()
	s, err := Facts(stackContext(t, "", map[string]string{
		"p:environment": "stage", "p:team": "fraud", "p:owner": "ada", "p:costCenter": "cc-42", "p:dataClass": "internal",
		"p:compliance": `["hipaa"]`, "p:requiredTags": `["team"]`, "p:maxAccelerators": "4", "p:monthlyBudgetUSD": "99.5",
		"p:allowed":            `{"regions":["eu-*"],"sizes":["t3.*"],"registries":["r/"],"costCenters":["cc-42"]}`,
		"p:maxCostIncreaseUSD": "10", "other:environment": "dev",
	}))
	require.NoError(t, err)
	assert.Equal(t, &rules.Stack{
		Project: "p", Name: "s", Environment: rules.Stage, Team: "fraud", Owner: "ada", CostCenter: "cc-42",
		DataClass: "internal", Compliance: []string{"hipaa"}, RequiredTags: []string{"team"}, MaxAccelerators: 4,
		MonthlyBudgetUSD: 99.5, MaxCostIncreaseUSD: 10, AllowedRegions: []string{"eu-*"}, AllowedSizes: []string{"t3.*"},
		AllowedRegistries: []string{"r/"}, AllowedCostCenters: []string{"cc-42"},
	}, s)
	s, err = Facts(stackContext(t, "", nil))
	require.NoError(t, err)
	assert.Equal(t, rules.Prod, s.Environment, "a stack that says nothing is production")
	_, err = Facts(stackContext(t, "", map[string]string{"p:environment": "test", "p:compliance": "hipaa"}))
	require.ErrorContains(t, err, `environment: found "test", want dev, stage or prod`)
	require.ErrorContains(t, err, "compliance: found a value of the wrong form")
}

func TestPriced(t *testing.T) {
	t.Parallel()
	o, err := priced(stackContext(t, "", map[string]string{"p:usage": `{"storageGB": 7}`, "gcp:region": "europe-west1"}),
		rules.Dev)
	require.NoError(t, err)
	assert.InDelta(t, 7, o.Usage["storageGB"], 0)
	assert.Equal(t, "europe-west1", o.Region)
	_, err = priced(stackContext(t, "", map[string]string{"p:usage": `{"nonsense": 7}`}), rules.Dev)
	require.ErrorContains(t, err, "usage.nonsense: unknown key")
}

// manager takes down what a policy says.
type manager struct{ said []string }

func (m *manager) ReportViolation(message, urn string) {
	first, _, _ := strings.Cut(message, "\n")
	m.said = append(m.said, urn[strings.LastIndex(urn, ":")+1:]+" "+first)
}

// made makes the policies of a stack, by name.
func made(t *testing.T, root string, config map[string]string) map[string]policyx.Policy {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }
	pack, err := Factory(now)(stackContext(t, root, config))
	require.NoError(t, err)
	policies := map[string]policyx.Policy{}
	for _, p := range pack.Policies() {
		policies[p.Name()] = p
	}
	return policies
}

func shown(typ, name string, properties map[string]property.Value) policyx.AnalyzerResource {
	return policyx.AnalyzerResource{
		Type: typ, Name: name, URN: "urn:pulumi:s::p::" + typ + "::" + name, Properties: property.NewMap(properties),
	}
}

// alone shows one resource, whole the whole stack.
func alone(t *testing.T, policies map[string]policyx.Policy, r policyx.AnalyzerResource) []string {
	t.Helper()
	p, ok := policies[resourceMandatory].(policyx.ResourceValidationPolicy)
	require.True(t, ok)
	m := &manager{}
	require.NoError(t, p.Validate(context.Background(), policyx.ResourceValidationArgs{Manager: m, Resource: r}))
	return m.said
}

func whole(t *testing.T, policies map[string]policyx.Policy, name string, all ...policyx.AnalyzerResource) []string {
	t.Helper()
	p, ok := policies[name].(policyx.StackValidationPolicy)
	require.True(t, ok)
	m := &manager{}
	require.NoError(t, p.Validate(context.Background(), policyx.StackValidationArgs{Manager: m, Resources: all}))
	return m.said
}

// about gives what was said of a rule.
func about(said []string, rule string) (found []string) {
	for _, line := range said {
		if strings.Contains(line, rule) {
			found = append(found, line)
		}
	}
	return found
}

func TestEveryPolicyHasItsLevel(t *testing.T) {
	t.Parallel()
	policies := made(t, "", nil)
	assert.Equal(t, policyx.EnforcementLevelMandatory, policies[resourceMandatory].EnforcementLevel())
	assert.Equal(t, policyx.EnforcementLevelMandatory, policies[stackMandatory].EnforcementLevel())
	assert.Equal(t, policyx.EnforcementLevelAdvisory, policies[stackAdvisory].EnforcementLevel())
	assert.Len(t, policies, 3, "remediations are off by default")
	assert.Len(t, made(t, "", map[string]string{remediateKey: "true"}), 4)
}

func TestAFindingIsSaidOnce(t *testing.T) {
	t.Parallel()
	policies := made(t, "", map[string]string{"p:environment": "dev"})
	plain := shown(volumeType, "plain", map[string]property.Value{"encrypted": property.New(false)})
	later := shown(volumeType, "later", map[string]property.Value{"encrypted": property.New(property.Computed)})
	bucket := shown(bucketType, "raw", nil)
	const finding = "plain [high] ENC-02 fail: encrypted is false, want true"
	said := about(alone(t, policies, plain), "ENC-02")
	require.Len(t, said, 1)
	assert.Contains(t, said[0], finding)
	assert.Empty(t, about(alone(t, policies, later), "ENC-02"), "what is unknown is not said of a resource alone")
	alone(t, policies, bucket)
	mandatory := whole(t, policies, stackMandatory, plain, later, bucket)
	assert.Empty(t, about(mandatory, "ENC-02"), "what was said before is not said again")
	advice := whole(t, policies, stackAdvisory, plain, later, bucket)
	require.Len(t, about(advice, "ENC-01"), 1)
	assert.Contains(t, advice[len(advice)-1], "wait for values that are not known yet")
	assert.Contains(t, advice[len(advice)-1], "ENC-02")
}

func TestWholeStackIsJudgedByItsInputs(t *testing.T) {
	t.Parallel()
	policies := made(t, "", nil)
	inputs := shown(volumeType, "v", map[string]property.Value{
		"encrypted": property.New(true), "kmsKeyId": property.New("arn:aws:kms:x"),
	})
	assert.Empty(t, about(alone(t, policies, inputs), "ENC-02"))
	outputs := shown(volumeType, "v", nil)
	assert.Empty(t, about(whole(t, policies, stackMandatory, outputs), "ENC-02"))
	unseen := shown(volumeType, "unseen", nil)
	assert.NotEmpty(t, about(whole(t, made(t, "", nil), stackMandatory, unseen), "ENC-02"),
		"a resource that was not shown before is judged as it is shown now")
}

func TestWaiversLieBesideThePack(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	file := filepath.Join(root, "waivers.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`waivers:
  - {rule: ENC-02, urn: "*::plain", environment: dev, reason: replaced in December, owner: ada, expires: 2026-12-01}
`), 0o600))
	config := map[string]string{"p:environment": "dev"}
	plain := shown(volumeType, "plain", map[string]property.Value{"encrypted": property.New(false)})
	assert.Empty(t, about(alone(t, made(t, root, config), plain), "ENC-02"))
	require.NoError(t, os.Chmod(file, 0))
	if _, err := os.ReadFile(file); err != nil { // not so for root
		_, err := Factory(time.Now)(stackContext(t, root, config))
		require.ErrorContains(t, err, "reading waivers")
	}
	_, err := Factory(time.Now)(stackContext(t, filepath.Join(root, "waivers.yaml"), config))
	require.ErrorContains(t, err, "reading waivers")
}
