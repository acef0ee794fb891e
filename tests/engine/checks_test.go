package engine_test

import (
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/tests/engine"
	"github.com/mlpathway/mlpathway/tests/standin/cloud"
)

const (
	vpcURN    = "urn:pulumi:dev::mlpathway::aws:ec2/vpc:Vpc::network"
	subnetURN = "urn:pulumi:dev::mlpathway::aws:ec2/subnet:Subnet::network-a"
)

// at is a call from one second to another.
func at(operation cloud.Operation, urn string, from, to int64) cloud.Call {
	return cloud.Call{Operation: operation, URN: urn, Started: time.Unix(from, 0), Ended: time.Unix(to, 0)}
}

func TestDeleteOrderProblems(t *testing.T) {
	t.Parallel()
	before := &engine.State{Resources: []apitype.ResourceV3{
		{URN: vpcURN}, {URN: subnetURN, Dependencies: []resource.URN{vpcURN}},
	}}
	good := []cloud.Call{at(cloud.Delete, subnetURN, 1, 2), at(cloud.Delete, vpcURN, 3, 4)}
	assert.Empty(t, engine.DeleteOrderProblems(before, good))
	overlapping := []cloud.Call{at(cloud.Delete, subnetURN, 1, 3), at(cloud.Delete, vpcURN, 2, 4)}
	assert.Len(t, engine.DeleteOrderProblems(before, overlapping), 1)
	child := &engine.State{Resources: []apitype.ResourceV3{{URN: vpcURN}, {URN: subnetURN, Parent: vpcURN}}}
	assert.Len(t, engine.DeleteOrderProblems(child, overlapping), 1)
}

func TestReplaceOrderProblems(t *testing.T) {
	t.Parallel()
	good := []cloud.Call{at(cloud.Make, subnetURN, 1, 2), at(cloud.Delete, subnetURN, 3, 4)}
	assert.Empty(t, engine.ReplaceOrderProblems(good))
	bad := []cloud.Call{at(cloud.Delete, subnetURN, 1, 2), at(cloud.Make, subnetURN, 3, 4)}
	assert.Len(t, engine.ReplaceOrderProblems(bad), 1)
	preview := bad[1]
	preview.Preview = true
	assert.Empty(t, engine.ReplaceOrderProblems([]cloud.Call{bad[0], preview}))
}

func TestPreviewProblems(t *testing.T) {
	t.Parallel()
	result := func(steps ...engine.Step) *engine.Result {
		r := &engine.Result{}
		for _, s := range steps {
			r.Events = append(r.Events, apitype.EngineEvent{ResourcePreEvent: &apitype.ResourcePreEvent{
				Metadata: apitype.StepEventMetadata{Op: s.Operation, URN: s.URN},
			}})
		}
		return r
	}
	announced := result(engine.Step{Operation: apitype.OpCreate, URN: vpcURN})
	assert.Empty(t, engine.PreviewProblems(announced, announced))
	assert.Len(t, engine.PreviewProblems(announced, result()), 1)
	assert.Len(t, engine.PreviewProblems(result(), announced), 1)
	assert.Len(t, engine.PreviewProblems(announced, result(engine.Step{Operation: apitype.OpUpdate, URN: vpcURN})), 1)
}

func TestStateful(t *testing.T) {
	t.Parallel()
	for typ, want := range map[string][2]bool{ // survives every release, holds data
		"aws:s3/bucketV2:BucketV2":                                  {true, true},
		"aws:s3/bucketPolicy:BucketPolicy":                          {false, false},
		"aws:ec2/vpc:Vpc":                                           {true, false},
		"aws:sagemaker/endpointConfiguration:EndpointConfiguration": {false, false},
		"gcp:container/cluster:Cluster":                             {true, false},
		"gcp:bigquery/dataset:Dataset":                              {true, true},
		"azure-native:storage/v20230101:StorageAccount":             {true, true},
		"azure-native:storage:StorageAccount":                       {true, true},
		"azure-native:machinelearningservices:OnlineEndpoint":       {false, false},
		"kubernetes:core/v1:Namespace":                              {true, false},
		"kubernetes:core/v1:ConfigMap":                              {false, false},
		"mlpathway:local:Directory":                                 {true, true},
		"mlpathway:local:Process":                                   {false, false},
	} {
		assert.Equal(t, want, [2]bool{engine.Stateful(typ), engine.HoldsData(typ)}, typ)
	}
}
