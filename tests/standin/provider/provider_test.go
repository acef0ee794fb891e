package provider

import (
	"slices"
	"strings"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/immutable"
	"github.com/mlpathway/mlpathway/tests/standin/schema"
)

func urnOf(typ, name string) resource.URN {
	return resource.NewURN("dev", "mlpathway", "", tokens.Type(typ), name)
}

func sdks(t *testing.T) *schema.SDKs {
	t.Helper()
	modules, err := schema.Modules(t.Context(), "../../..")
	require.NoError(t, err)
	return schema.New(modules, t.TempDir())
}

func inputs(values map[string]any) property.Map {
	return resource.FromResourcePropertyMap(resource.NewPropertyMapFromMap(values))
}

// checkCase is inputs of a type with a part of the refusal that they must meet; "" where they are good.
type checkCase struct {
	typ    string
	inputs map[string]any
	want   string
}

func TestCheckInputs(t *testing.T) {
	t.Parallel()
	s := sdks(t)
	subnet := "aws:ec2/subnet:Subnet"
	for name, test := range map[string]checkCase{
		"good":           {subnet, map[string]any{"vpcId": "vpc-1", "tags": map[string]any{"a": "b"}}, ""},
		"unknown":        {subnet, map[string]any{"vpcId": "vpc-1", "cidr": "10.0.0.0/20"}, "has no property cidr"},
		"missing":        {subnet, map[string]any{"cidrBlock": "10.0.0.0/20"}, "needs the property vpcId"},
		"text for bool":  {subnet, map[string]any{"vpcId": "v", "mapPublicIpOnLaunch": "true"}, "of type boolean"},
		"list for text":  {subnet, map[string]any{"vpcId": []any{"v"}}, "of type string"},
		"number in tags": {subnet, map[string]any{"vpcId": "v", "tags": map[string]any{"a": 1}}, "tags.a to be of type"},
		"half an integer": {
			"aws:dynamodb/table:Table", map[string]any{"readCapacity": 1.5}, "readCapacity to be of type integer",
		},
		"nested unknown": {
			"aws:eks/cluster:Cluster",
			map[string]any{"roleArn": "arn", "vpcConfig": map[string]any{"subnetIds": []any{}, "subnets": []any{}}},
			"has no property vpcConfig.subnets",
		},
		"nested in a list": {
			"kubernetes:apps/v1:Deployment", map[string]any{"spec": map[string]any{
				"selector": map[string]any{}, "template": map[string]any{
					"spec": map[string]any{"containers": []any{map[string]any{"name": "a", "imagePull": "x"}}},
				},
			}}, "spec.template.spec.containers[0].imagePull",
		},
	} {
		definition, err := s.Resource(test.typ)
		require.NoError(t, err, name)
		failures := checkInputs(definition, inputs(test.inputs))
		if test.want == "" {
			assert.Empty(t, failures, name)
			continue
		}
		require.Len(t, failures, 1, name)
		assert.Contains(t, failures[0].Reason, test.want, name)
	}
}

func TestUnknownAndSecretInputsPass(t *testing.T) {
	t.Parallel()
	definition, err := sdks(t).Resource("aws:ec2/subnet:Subnet")
	require.NoError(t, err)
	assert.Empty(t, checkInputs(definition, property.NewMap(map[string]property.Value{
		"vpcId": property.New(property.Computed), "cidrBlock": property.New("10.0.0.0/20").WithSecret(true),
	})))
}

func TestIDs(t *testing.T) {
	t.Parallel()
	s := sdks(t)
	for typ, test := range map[string]struct {
		inputs map[string]any
		want   string // a regular expression
	}{
		"aws:s3/bucketV2:BucketV2":                     {map[string]any{"bucket": "lake"}, `^lake$`},
		"aws:s3/bucketVersioningV2:BucketVersioningV2": {map[string]any{"bucket": "lake"}, `^lake$`},
		"aws:s3/bucketObjectv2:BucketObjectv2":         {map[string]any{"bucket": "lake", "key": "a/b"}, `^lake/a/b$`},
		"aws:ec2/vpc:Vpc":                              {nil, `^vpc-[0-9a-f]{17}$`},
		"aws:kms/key:Key":                              {nil, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`},
		"aws:sfn/stateMachine:StateMachine": {
			map[string]any{"name": "train"}, `^arn:aws:states:[a-z0-9-]+:\d{12}:stateMachine:train$`,
		},
		"aws:redshiftserverless/usageLimit:UsageLimit": {
			map[string]any{"resourceArn": "a", "usageType": "serverless-compute", "amount": 1}, `^limit-[0-9a-f]{17}$`,
		},
		"aws:guardduty/detector:Detector": {nil, `^detector-\d{12}$`}, // one for each account
		"aws:eks/nodeGroup:NodeGroup": {
			map[string]any{"clusterName": "c", "nodeGroupName": "gpu", "nodeRoleArn": "r"}, `^c:gpu$`,
		},
		"aws:iam/rolePolicy:RolePolicy":      {map[string]any{"role": "r", "name": "own", "policy": "{}"}, `^r:own$`},
		"aws:glue/catalogTable:CatalogTable": {map[string]any{"databaseName": "d", "name": "t"}, `^d:t$`},
		"aws:iam/rolePolicyAttachment:RolePolicyAttachment": {
			map[string]any{"role": "r", "policyArn": "p"}, `^p/r$`,
		},
		"gcp:storage/bucket:Bucket": {map[string]any{"name": "lake", "location": "EU"}, `^lake$`},
		"gcp:container/cluster:Cluster": {
			map[string]any{"name": "c", "location": "europe-west3"}, `^projects/[a-z-]+/locations/europe-west3/clusters/c$`,
		},
		"azure-native:storage:StorageAccount": {
			map[string]any{"resourceGroupName": "g", "accountName": "a"},
			`^/subscriptions/[0-9-]+/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a$`,
		},
		"kubernetes:core/v1:ConfigMap": {
			map[string]any{"metadata": map[string]any{"namespace": "n", "name": "c"}}, `^n/c$`,
		},
		"kubernetes:helm.sh/v3:Release": {
			map[string]any{"chart": "kueue", "namespace": "kueue-system", "name": "kueue"}, `^kueue-system/kueue$`,
		},
		"kubernetes:core/v1:Namespace": {map[string]any{"metadata": map[string]any{"name": "n"}}, `^n$`},
	} {
		definition, err := s.Resource(typ)
		require.NoError(t, err, typ)
		made := invention{definition: definition, urn: urnOf(typ, "name"), inputs: inputs(test.inputs), generation: 1}
		assert.Regexp(t, test.want, made.id(), typ)
		again := made
		again.generation++
		if strings.Contains(test.want, "[0-9a-f]") && !strings.Contains(test.want, "subscriptions") {
			assert.NotEqual(t, made.id(), again.id(), "its replacement is another one")
		} else {
			assert.Equal(t, made.id(), again.id(), "the name decides")
		}
	}
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	s := sdks(t)
	made := func(typ string, values map[string]any) property.Map {
		definition, err := s.Resource(typ)
		require.NoError(t, err)
		i := invention{definition: definition, urn: urnOf(typ, "name"), inputs: inputs(values), generation: 1}
		return i.outputs(inputs(values), i.id())
	}
	bucket := made("aws:s3/bucketV2:BucketV2", map[string]any{"bucket": "lake"})
	assert.Equal(t, "arn:aws:s3:::lake", text(bucket, "arn"))
	cluster := made("aws:eks/cluster:Cluster", map[string]any{
		"name": "c", "roleArn": "r", "tags": map[string]any{"a": "b"},
	})
	assert.Equal(t, "arn:aws:eks:"+region+":"+account+":cluster/c", text(cluster, "arn"))
	issuer := cluster.Get("identities").AsArray().Get(0).AsMap().Get("oidcs").AsArray().Get(0).AsMap()
	assert.Contains(t, text(issuer, "issuer"), "https://oidc.eks.")
	assert.Equal(t, "b", text(cluster, "tagsAll", "a"))
	assert.True(t, cluster.Get("outpostConfig").IsNull(), "what may be absent is")
	instance := made("gcp:sql/databaseInstance:DatabaseInstance", map[string]any{"databaseVersion": "POSTGRES_15"})
	assert.True(t, instance.Get("serverCaCerts").Secret(), "the SDK marks it")
	key := made("aws:iam/accessKey:AccessKey", map[string]any{"user": "u"})
	assert.True(t, strings.HasPrefix(text(key, "secret"), SecretMark))
}

func TestPreviewKnowsNothingThatACloudDecides(t *testing.T) {
	t.Parallel()
	definition, err := sdks(t).Resource("aws:ec2/vpc:Vpc")
	require.NoError(t, err)
	i := invention{definition: definition, urn: urnOf("aws:ec2/vpc:Vpc", "v"), inputs: property.Map{}}
	given := inputs(map[string]any{"cidrBlock": "10.0.0.0/16"})
	assert.Equal(t, "10.0.0.0/16", text(i.preview(given), "cidrBlock"))
	assert.True(t, i.preview(given).Get("arn").IsComputed())
	i.old = inputs(map[string]any{"arn": "known"})
	assert.Equal(t, "known", text(i.preview(given), "arn"), "an update keeps what was known")
}

func TestAutoname(t *testing.T) {
	t.Parallel()
	s := sdks(t)
	name := func(typ string, values map[string]any, before property.Map) property.Map {
		definition, err := s.Resource(typ)
		require.NoError(t, err)
		return naming{definition: definition, urn: urnOf(typ, "lake"), generation: 1}.autoname(inputs(values), before)
	}
	first := name("aws:s3/bucketV2:BucketV2", nil, property.Map{})
	assert.Regexp(t, `^lake-[0-9a-f]{7}$`, text(first, "bucket"))
	assert.Equal(t, first, name("aws:s3/bucketV2:BucketV2", nil, first), "a name that was chosen stays")
	given := name("aws:s3/bucketV2:BucketV2", map[string]any{"bucket": "mine"}, first)
	assert.Equal(t, "mine", text(given, "bucket"))
	assert.True(t, given.Get(defaults).IsNull())
	prefixed := name("aws:s3/bucketV2:BucketV2", map[string]any{"bucketPrefix": "p-"}, property.Map{})
	assert.Empty(t, text(prefixed, "bucket"))
	storage := name("azure-native:storage:StorageAccount", nil, property.Map{})
	assert.Regexp(t, `^lake[0-9a-f]{8}$`, text(storage, "accountName"))
	configMap := name("kubernetes:core/v1:ConfigMap", nil, property.Map{})
	assert.Regexp(t, `^lake-[0-9a-f]{8}$`, text(configMap, "metadata", "name"))
}

func TestDiff(t *testing.T) {
	t.Parallel()
	s := sdks(t)
	for name, test := range map[string]struct {
		typ           string
		before, after map[string]any
		want          map[string]p.DiffKind
	}{
		"nothing": {"aws:ec2/vpc:Vpc", map[string]any{"cidrBlock": "a"}, map[string]any{"cidrBlock": "a"}, nil},
		"immutable": {"aws:ec2/vpc:Vpc", map[string]any{"cidrBlock": "a"}, map[string]any{"cidrBlock": "b"},
			map[string]p.DiffKind{"cidrBlock": p.UpdateReplace}},
		"mutable": {"aws:ec2/vpc:Vpc", map[string]any{}, map[string]any{"enableDnsSupport": true},
			map[string]p.DiffKind{"enableDnsSupport": p.Add}},
		"removed": {"aws:dynamodb/table:Table", map[string]any{"rangeKey": "a"}, map[string]any{},
			map[string]p.DiffKind{"rangeKey": p.DeleteReplace}},
		"name": {"aws:eks/cluster:Cluster", map[string]any{"name": "a"}, map[string]any{"name": "b"},
			map[string]p.DiffKind{"name": p.UpdateReplace}},
		"inside an object": {"gcp:container/nodePool:NodePool",
			map[string]any{"nodeConfig": map[string]any{"machineType": "a", "labels": "x"}},
			map[string]any{"nodeConfig": map[string]any{"machineType": "b", "labels": "y"}},
			map[string]p.DiffKind{"nodeConfig.machineType": p.UpdateReplace, "nodeConfig.labels": p.Update}},
		"all of it": {"aws:sagemaker/endpointConfiguration:EndpointConfiguration",
			map[string]any{"kmsKeyArn": "a", "tags": "x"}, map[string]any{"kmsKeyArn": "b", "tags": "y"},
			map[string]p.DiffKind{"kmsKeyArn": p.UpdateReplace, "tags": p.Update}},
	} {
		definition, err := s.Resource(test.typ)
		require.NoError(t, err, name)
		n := naming{definition: definition, urn: urnOf(test.typ, "n")}
		kinds := map[string]p.DiffKind{}
		for at, difference := range n.compare("", inputs(test.before), inputs(test.after)) {
			kinds[at] = difference.Kind
		}
		if test.want == nil {
			test.want = map[string]p.DiffKind{}
		}
		assert.Equal(t, test.want, kinds, name)
	}
}

// TestImmutableTypesExist: the table names no type and no property that the SDKs do not have.
func TestImmutableTypesExist(t *testing.T) {
	t.Parallel()
	s := sdks(t)
	for _, typ := range immutable.Types() {
		pkg, _, _ := strings.Cut(typ, ":")
		if pkg == "mlpathway" { // no SDK, a provider of the project's own
			continue
		}
		definition, err := s.Resource(typ)
		require.NoError(t, err)
		everywhere := immutable.Paths(pkg + ":any:Type") // not every type has them
		for _, path := range immutable.Paths(typ) {
			head, _, _ := strings.Cut(path, ".")
			if head != "*" && !slices.Contains(everywhere, path) {
				assert.Contains(t, definition.Inputs, head, typ)
			}
		}
	}
	for typ := range awsPrefixes {
		_, err := s.Resource("aws:" + typ)
		require.NoError(t, err)
	}
	for _, typ := range awsSingles {
		_, err := s.Resource("aws:" + typ)
		require.NoError(t, err)
	}
}

// TestCustomResources: what no SDK knows has a name in its namespace, or in the cluster.
func TestCustomResources(t *testing.T) {
	t.Parallel()
	id := func(typ, namespace string) string {
		i := invention{urn: urnOf(typ, "logical"), inputs: inputs(map[string]any{
			"metadata": map[string]any{"name": "train", "namespace": namespace},
		})}
		return i.id()
	}
	assert.Equal(t, "fraud/train", id("kubernetes:jobset.x-k8s.io/v1alpha2:JobSet", "fraud"))
	assert.Equal(t, "ads/train", id("kubernetes:jobset.x-k8s.io/v1alpha2:JobSet", "ads"))
	assert.Equal(t, "train", id("kubernetes:kueue.x-k8s.io/v1beta1:ClusterQueue", ""))
}

func TestReferences(t *testing.T) {
	t.Parallel()
	found := references(inputs(map[string]any{
		"subnetIds": []any{"subnet-0123456789abcdef0"}, "role": "plain-name", "tags": map[string]any{"a": "arn:aws:s3:::x"},
		"policy": `{"Resource": ["arn:aws:s3:::lake/*", "arn:aws:kms:eu:1:key/k"]}`,
	}))
	assert.Equal(t, []string{"subnet-0123456789abcdef0"}, found)
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	s := sdks(t)
	ask := func(token string, args map[string]any) property.Map {
		definition, err := s.Function(token)
		require.NoError(t, err)
		answered, err := answer(definition, token, inputs(args))
		require.NoError(t, err)
		again, err := answer(definition, token, inputs(args))
		require.NoError(t, err)
		assert.Equal(t, answered, again, "the same every time")
		return answered
	}
	assert.Equal(t, account, text(ask("aws:index/getCallerIdentity:getCallerIdentity", nil), "accountId"))
	assert.Equal(t, region, text(ask("aws:index/getRegion:getRegion", nil), "name"))
	zones := ask("aws:index/getAvailabilityZones:getAvailabilityZones", map[string]any{"state": "available"})
	assert.Equal(t, 3, zones.Get("names").AsArray().Len())
	parameter := ask("aws:ssm/getParameter:getParameter", map[string]any{"name": "/ami"})
	assert.NotEmpty(t, text(parameter, "value"))
	document := ask("aws:iam/getPolicyDocument:getPolicyDocument", map[string]any{"statements": []any{map[string]any{
		"actions": []any{"s3:GetObject"}, "resources": []any{"*"},
		"principals": []any{map[string]any{"type": "Service", "identifiers": []any{"a.com"}}},
	}}})
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["*"],
		"Principal":{"Service":["a.com"]}}]}`, text(document, "json"))
	keys := ask("azure-native:storage:listStorageAccountKeys", map[string]any{
		"accountName": "a", "resourceGroupName": "g",
	})
	assert.Equal(t, 1, keys.Get("keys").AsArray().Len())
}
