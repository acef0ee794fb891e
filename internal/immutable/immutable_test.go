package immutable_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/internal/immutable"
)

func TestReplaces(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typ, path string
		want      bool
	}{
		{"aws:s3/bucketV2:BucketV2", "bucket", true},
		{"aws:s3/bucketV2:BucketV2", "bucketKeys", false},
		{"aws:s3/bucketV2:BucketV2", "tags.team", false},
		{"aws:sagemaker/model:Model", "primaryContainer.image", true},
		{"aws:sagemaker/model:Model", "tags.team", false},
		{"aws:eks/nodeGroup:NodeGroup", "instanceTypes[0]", true},
		{"gcp:container/nodePool:NodePool", "nodeConfig.machineType", true},
		{"gcp:container/nodePool:NodePool", "nodeConfig", true},
		{"gcp:container/nodePool:NodePool", "nodeConfig.labels.a", false},
		{"gcp:pubsub/topic:Topic", "project", true},
		{"kubernetes:apps/v1:Deployment", "metadata.name", true},
		{"kubernetes:apps/v1:Deployment", "spec.replicas", false},
		{"aws:unknown/type:Type", "name", false},
	} {
		assert.Equal(t, test.want, immutable.Replaces(test.typ, test.path), "%s %s", test.typ, test.path)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	assert.True(t, slices.IsSorted(immutable.Types()))
	assert.True(t, immutable.Known("aws:kms/key:Key"))
	assert.False(t, immutable.Known("aws:unknown/type:Type"))
	for _, typ := range immutable.Types() {
		assert.Equal(t, 2, strings.Count(typ, ":"), typ)
		assert.NotEmpty(t, immutable.Paths(typ), typ)
	}
}
