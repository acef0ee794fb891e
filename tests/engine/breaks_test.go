package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/engine"
	"github.com/mlpathway/mlpathway/tests/standin/cloud"
)

// These tests break the test program on purpose, each in one way, and demand that the check which is there for it
// finds it and names the resource.

func stackOf(t *testing.T, change func(*platformOptions)) *engine.Stack {
	t.Helper()
	return engine.New(t).Stack(t, "dev", program(change), nil)
}

func TestARenamedResourceIsALoss(t *testing.T) {
	t.Parallel()
	s := stackOf(t, func(*platformOptions) {})
	s.Up(t)
	s.Program = program(func(o *platformOptions) { o.renamed = true })
	assert.Contains(t, strings.Join(engine.LossProblems(s.Preview(t)), "\n"), "BucketV2::lake")
	s.Program = program(func(o *platformOptions) { o.aliased = true })
	assert.Empty(t, engine.LossProblems(s.Preview(t)), "an alias keeps it")
}

func TestAMissingParentIsSeen(t *testing.T) {
	t.Parallel()
	r := stackOf(t, func(o *platformOptions) { o.noParent = true }).Up(t)
	problems := engine.TreeProblems(r.State)
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0], "BucketV2::lake has no parent")
}

func TestAPlainSecretIsSeen(t *testing.T) {
	t.Parallel()
	r := stackOf(t, func(o *platformOptions) { o.plainSecret = true }).Up(t)
	problems, err := engine.SecretProblems(r.State)
	require.NoError(t, err)
	assert.Contains(t, strings.Join(problems, "\n"), "Namespace::warehouse shows inputs.adminUserPassword in plain")
}

func TestASecretInAnotherPropertyIsSeen(t *testing.T) {
	t.Parallel()
	r := stackOf(t, func(o *platformOptions) { o.tag = "for " + plantedPassword }).Up(t)
	problems, err := engine.SecretProblems(r.State)
	require.NoError(t, err)
	assert.Contains(t, strings.Join(problems, "\n"), "BucketV2::lake shows in inputs.tags.note what is a secret elsewhere")
}

func TestARandomNameIsSeenByTheSecondUp(t *testing.T) {
	t.Parallel()
	s := stackOf(t, func(o *platformOptions) { o.randomName = "1b9d6bcd" })
	s.Up(t)
	s.Program = program(func(o *platformOptions) { o.randomName = "4f7a11e2" })
	again := s.Up(t)
	assert.Contains(t, fmt.Sprint(again.Changed()), "BucketV2::lake")
	assert.Contains(t, strings.Join(engine.LossProblems(again), "\n"), "BucketV2::lake (bucket)")
}

func TestACyclicGrantMissesTheDeadline(t *testing.T) {
	t.Parallel()
	s := stackOf(t, func(o *platformOptions) { o.cyclic = true })
	s.Deadline = 20 * time.Second
	r := s.TryPreview(t)
	require.ErrorContains(t, r.Err, "killed because it had not ended after")
	assert.Contains(t, r.Explain(), "the last calls:")
}

// TestBadInputsAreRefused: properties that the SDK does not have, or has otherwise, in resources that are registered by
// hand.
func TestBadInputsAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*platformOptions)
		want   string
	}{
		"misspelt":   {func(o *platformOptions) { o.misspelt = true }, "has no property forceDestory"},
		"missing":    {func(o *platformOptions) { o.missing = true }, "needs the property policy"},
		"wrong type": {func(o *platformOptions) { o.wrongType = true }, "wants corsRules to be of type array"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := stackOf(t, test.change).TryPreview(t)
			require.Error(t, r.Err)
			assert.Contains(t, r.Explain(), test.want)
		})
	}
}

func TestAnEndpointReplacedAfterDeleteIsSeen(t *testing.T) {
	t.Parallel()
	s := stackOf(t, func(o *platformOptions) { o.fixedNames = true })
	s.Up(t)
	s.Program = program(func(o *platformOptions) { o.fixedNames, o.image = true, "2" })
	problems := strings.Join(engine.ReplaceOrderProblems(s.Up(t).Calls), "\n")
	assert.Contains(t, problems, "EndpointConfiguration::endpoint was deleted before its replacement was there")
}

// TestAWrongOrderIsRefused: the endpoint names its subnet by hand, and the subnet waits for the endpoint. So the engine
// deletes the subnet first, and the cloud refuses.
func TestAWrongOrderIsRefused(t *testing.T) {
	t.Parallel()
	s := stackOf(t, func(*platformOptions) {})
	subnet := s.Up(t).State.Find("aws:ec2/subnet:Subnet", "network-b")
	require.NotNil(t, subnet)
	s.Program = program(func(o *platformOptions) { o.plainSubnet = string(subnet.ID) })
	s.Up(t)
	r := s.TryDestroy(t)
	require.Error(t, r.Err)
	assert.Contains(t, r.Explain(), "Subnet "+string(subnet.ID)+" is still in use by aws:ec2/vpcEndpoint")
}

// TestMadeAndNeverHeardOf: the cloud made a resource, the engine was killed before it heard of it.
func TestMadeAndNeverHeardOf(t *testing.T) {
	t.Parallel()
	s := stackOf(t, func(*platformOptions) {})
	require.NoError(t, s.Workspace.Cloud.SetFaults(cloud.Fault{
		Kind: cloud.HangAfter, At: 1, Operation: cloud.Make, URN: "dynamodb/table:Table",
	}))
	s.Kill(t)
	state, err := s.State()
	require.NoError(t, err)
	require.Len(t, state.Pending, 1)
	unknown := state.Pending[0].Resource
	made, err := s.Workspace.Cloud.Resources()
	require.NoError(t, err)
	var id string
	for _, r := range made {
		if r.URN == string(unknown.URN) {
			id = r.ID
		}
	}
	require.NotEmpty(t, id, "the cloud has made it")
	s.Recover(t, engine.Made{
		Type: string(unknown.Type), Name: unknown.URN.Name(), Parent: string(unknown.Parent), ID: id,
	})
	again := s.Up(t)
	assert.Empty(t, again.Changed())
	orphans, err := engine.OrphanProblems(s.Workspace.Cloud, again.State)
	require.NoError(t, err)
	assert.Empty(t, orphans, "nothing was made twice")
}
