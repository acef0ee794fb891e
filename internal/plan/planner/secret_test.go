package planner

import (
	"bytes"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/policies/report"
	"github.com/mlpathway/mlpathway/stacks"
)

// planted is a secret that must never show.
const planted = "hunter2-planted"

// leaky puts a secret wherever a rule, an estimate or a report may look.
func leaky(ctx *pulumi.Context) error {
	secret := pulumi.ToSecret(pulumi.String(planted)).(pulumi.StringOutput)
	register := func(token, name string, inputs pulumi.Map) error {
		var made pulumi.CustomResourceState
		return ctx.RegisterResource(token, name, inputs, &made)
	}
	for token, inputs := range map[string]pulumi.Map{
		"aws:s3/bucketV2:BucketV2": {"bucket": secret, "tags": pulumi.Map{"env": secret}},
		"aws:iam/policy:Policy": {
			"policy": pulumi.Sprintf(`{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "%s"}]}`, secret),
		},
		"aws:lambda/function:Function": {
			"memorySize": secret, "runtime": secret, "imageUri": secret,
			"environment": pulumi.Map{"variables": pulumi.Map{"PASSWORD": secret}},
		},
		"aws:ec2/instance:Instance":                       {"instanceType": secret, "userData": secret},
		"aws:sagemaker/notebookInstance:NotebookInstance": {"instanceType": secret, "lifecycleConfigName": secret},
		"aws:iam/role:Role": {
			"assumeRolePolicy": secret, "managedPolicyArns": pulumi.Array{secret},
		},
		"aws:kms/key:Key":           {"policy": secret, "enableKeyRotation": secret},
		"aws:ebs/volume:Volume":     {"type": secret, "size": secret},
		"gcp:storage/bucket:Bucket": {"location": secret, "storageClass": secret},
		"gcp:compute/instance:Instance": {
			"machineType": secret, "guestAccelerators": pulumi.Array{pulumi.Map{"type": secret}},
		},
		"azure-native:storage:StorageAccount":          {"location": secret, "sku": pulumi.Map{"name": secret}},
		"azure-native:containerservice:ManagedCluster": {"agentPoolProfiles": pulumi.Array{pulumi.Map{"vmSize": secret}}},
		"azure-native:synapse:BigDataPool":             {"nodeSize": secret},
		"azure-native:containerregistry:Registry":      {"sku": pulumi.Map{"name": secret}},
		"aws:mwaa/environment:Environment":             {"environmentClass": secret},
	} {
		if err := register(token, "leaky", inputs); err != nil {
			return err
		}
	}
	ctx.Export("password", secret)
	ctx.Export("url", pulumi.Sprintf("https://u:%s@host", secret))
	return nil
}

// TestPlantedSecretNeverShows: not in a plan, not in a message, not in an estimate, not in a report.
func TestPlantedSecretNeverShows(t *testing.T) {
	t.Parallel()
	recorder, err := recording.Record(leaky, recording.Options{Project: "p", Stack: "s", DryRun: true})
	require.NoError(t, err)
	p, err := New("/nowhere", "p", nil, time.Now())
	require.NoError(t, err)
	config := &stacks.Config{
		Target: "aws", Team: "fraud", Environment: "prod", RequiredTags: []string{"env"},
		Allowed: stacks.Allowed{Regions: []string{"eu-*"}, Sizes: []string{"m*"}, Registries: []string{"r/"}},
	}
	d, err := p.judge("s", map[string]string{"x:y": planted}, &stacks.Planned{Config: config, Recorder: recorder}, nil)
	require.NoError(t, err)
	require.Len(t, d.Resources, 15)
	assert.Equal(t, plan.Secret, d.Outputs["password"])
	set := &plan.Set{Version: plan.Version, Plans: []*plan.Document{d}, Diffs: []*plan.Diff{plan.Compare("base", nil, d)}}
	var written bytes.Buffer
	data, err := set.Encode()
	require.NoError(t, err)
	written.Write(data)
	require.NoError(t, report.Text(&written, d, time.Now()))
	require.NoError(t, report.SARIF(&written, set))
	require.NoError(t, report.JUnit(&written, set))
	require.NoError(t, report.Markdown(&written, set, time.Now()))
	require.NoError(t, report.DiffText(&written, d, set.Diffs[0]))
	for _, line := range bytes.Split(written.Bytes(), []byte("\n")) {
		assert.NotContains(t, string(line), planted)
	}
}

// TestTwoResourcesWithOneURN: an engine refuses what the recorder takes.
func TestTwoResourcesWithOneURN(t *testing.T) {
	t.Parallel()
	recorder, err := recording.Record(func(ctx *pulumi.Context) error {
		for range 2 {
			var made pulumi.CustomResourceState
			if err := ctx.RegisterResource("aws:iam/role:Role", "twice", pulumi.Map{}, &made); err != nil {
				return err
			}
		}
		return nil
	}, recording.Options{Project: "p", Stack: "s", DryRun: true})
	require.NoError(t, err)
	_, err = graphOf(recorder, nil)
	require.ErrorContains(t, err, "two resources have the URN")
}
