package karpenter_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/kubernetes/crdtest"
	"github.com/mlpathway/mlpathway/components/kubernetes/karpenter"
	"github.com/mlpathway/mlpathway/components/recording"
)

func TestFieldsAreThoseOfTheDefinitions(t *testing.T) {
	t.Parallel()
	ids := pulumi.Array{pulumi.Map{"id": pulumi.String("subnet-1")}}
	r, err := recording.Record(func(ctx *pulumi.Context) error {
		_, err := karpenter.New(ctx, "gpu-class", "gpu", karpenter.EC2NodeClass{
			AMISelectorTerms:    []karpenter.AMITerm{{Alias: "bottlerocket@v1.0.0"}},
			SubnetSelectorTerms: ids, SecurityGroupSelectorTerms: ids, InstanceProfile: pulumi.String("nodes"),
			BlockDeviceMappings: []karpenter.BlockDevice{{DeviceName: "/dev/xvda", EBS: karpenter.EBS{VolumeType: "gp3"}}},
			MetadataOptions: karpenter.MetadataOptions{
				HTTPTokens: "required", HTTPPutResponseHopLimit: 1, HTTPEndpoint: "enabled",
			},
			InstanceStorePolicy: "RAID0", Tags: map[string]string{"team": "fraud"},
		})
		if err != nil {
			return err
		}
		_, err = karpenter.New(ctx, "gpu", "gpu", karpenter.NodePool{
			Template: karpenter.NodeTemplate{
				Metadata: karpenter.NodeMetadata{Labels: map[string]string{"pool": "gpu"}},
				Spec: karpenter.NodeSpec{
					NodeClassRef: karpenter.NodeClassRef{Group: "karpenter.k8s.aws", Kind: "EC2NodeClass", Name: "gpu"},
					Requirements: []karpenter.Requirement{{Key: "a", Operator: "In", Values: []string{"b"}}},
					Taints:       []karpenter.Taint{{Key: "nvidia.com/gpu", Value: "true", Effect: "NoSchedule"}},
					ExpireAfter:  "720h",
				},
			},
			Disruption: karpenter.Disruption{ConsolidationPolicy: "WhenEmpty", ConsolidateAfter: "300s"},
			Limits:     map[string]string{"cpu": "100"},
		})
		return err
	}, recording.Options{Project: "p", Stack: "s"})
	require.NoError(t, err)
	assert.Len(t, r.Resources(), 2)
	for _, made := range r.Resources() {
		crdtest.Check(t, "../testdata/kinds.json", made)
	}
	assert.Len(t, r.Find("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"), 1)
}
