package schema_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/tests/standin/schema"
)

func modules(t *testing.T) []schema.Module {
	t.Helper()
	all, err := schema.Modules(t.Context(), "../../..")
	require.NoError(t, err)
	return all
}

// required lists the properties that must be given, sorted.
func required(o schema.Object) []string {
	names := []string{}
	for name, property := range o {
		if property.Required {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestResource(t *testing.T) {
	t.Parallel()
	sdks := schema.New(modules(t), t.TempDir())
	for token, want := range map[string][]string{
		"aws:s3/bucketV2:BucketV2": {},
		"aws:ec2/subnet:Subnet":    {"vpcId"},
		"aws:eks/cluster:Cluster":  {"roleArn", "vpcConfig"},
		"aws:eks/nodeGroup:NodeGroup": {
			"clusterName", "nodeRoleArn", "scalingConfig", "subnetIds",
		},
		"aws:sagemaker/endpointConfiguration:EndpointConfiguration": {"productionVariants"},
		"gcp:storage/bucket:Bucket":                                 {"location"},
		"gcp:container/nodePool:NodePool":                           {"cluster"},
		"azure-native:storage:StorageAccount":                       {"kind", "resourceGroupName", "sku"},
		"azure-native:storage/v20230101:BlobContainer":              {"accountName", "resourceGroupName"},
		"azure-native:containerservice:ManagedCluster":              {"resourceGroupName"},
		"kubernetes:apps/v1:Deployment":                             {},
		"kubernetes:rbac.authorization.k8s.io/v1:RoleBinding":       {"roleRef"},
		"kubernetes:helm.sh/v3:Release":                             {"chart"},
	} {
		d, err := sdks.Resource(token)
		require.NoError(t, err, token)
		assert.Equal(t, want, required(d.Inputs), token)
		for name, property := range d.Outputs {
			assertResolved(t, d, token+" "+name, property.Type)
		}
	}
}

// assertResolved fails where a type is not understood, or refers to an object that is not there.
func assertResolved(t *testing.T, d *schema.Definition, at string, typ schema.Type) {
	t.Helper()
	switch typ.Kind {
	case schema.Struct:
		assert.Contains(t, d.Objects, typ.Ref, at)
	case schema.Array, schema.Map:
		require.NotNil(t, typ.Elem, at)
		assertResolved(t, d, at+"[]", *typ.Elem)
	default:
		assert.NotEmpty(t, typ.Kind, at)
	}
}

func TestTypes(t *testing.T) {
	t.Parallel()
	sdks := schema.New(modules(t), t.TempDir())
	d, err := sdks.Resource("aws:eks/cluster:Cluster")
	require.NoError(t, err)
	assert.Equal(t, schema.String, d.Inputs["roleArn"].Type.Kind)
	assert.Equal(t, schema.Boolean, d.Inputs["bootstrapSelfManagedAddons"].Type.Kind)
	assert.Equal(t, schema.Map, d.Inputs["tags"].Type.Kind)
	config := d.Objects[d.Inputs["vpcConfig"].Type.Ref]
	assert.Equal(t, schema.Array, config["subnetIds"].Type.Kind)
	assert.Equal(t, schema.String, config["subnetIds"].Type.Elem.Kind)
	identities := d.Outputs["identities"].Type
	require.Equal(t, schema.Array, identities.Kind, "ClusterIdentityArrayOutput")
	assert.Contains(t, d.Objects[identities.Elem.Ref], "oidcs")
	assert.True(t, d.Outputs["arn"].Required)
	assert.False(t, d.Outputs["outpostConfig"].Required, "ClusterOutpostConfigPtrOutput")

	d, err = sdks.Resource("kubernetes:apps/v1:Deployment")
	require.NoError(t, err)
	metadata := d.Objects[d.Inputs["metadata"].Type.Ref]
	assert.Contains(t, metadata, "labels", "a type of another package")

	d, err = sdks.Resource("gcp:sql/user:User")
	require.NoError(t, err)
	assert.Equal(t, []string{"password"}, d.Secrets)

	d, err = sdks.Resource("azure-native:storage:StorageAccount")
	require.NoError(t, err)
	assert.Equal(t, schema.String, d.Inputs["accessTier"].Type.Kind, "an enumeration")
	assert.Equal(t, schema.Struct, d.Outputs["primaryEndpoints"].Type.Kind)
}

func TestFunction(t *testing.T) {
	t.Parallel()
	sdks := schema.New(modules(t), t.TempDir())
	for token, want := range map[string][]string{
		"aws:index/getRegion:getRegion":                       {},
		"aws:ec2/getSubnet:getSubnet":                         {},
		"aws:ssm/getParameter:getParameter":                   {"name"},
		"aws:iam/getPolicyDocument:getPolicyDocument":         {},
		"aws:eks/getCluster:getCluster":                       {"name"},
		"gcp:organizations/getClientConfig:getClientConfig":   {},
		"azure-native:storage:listStorageAccountKeys":         {"accountName", "resourceGroupName"},
		"azure-native:authorization:getClientConfig":          {},
		"aws:ec2/getAmi:getAmi":                               {},
		"aws:index/getAvailabilityZones:getAvailabilityZones": {},
	} {
		d, err := sdks.Function(token)
		require.NoError(t, err, token)
		assert.Equal(t, want, required(d.Inputs), token)
		assert.NotEmpty(t, d.Outputs, token)
	}
}

func TestNotThere(t *testing.T) {
	t.Parallel()
	sdks := schema.New(modules(t), t.TempDir())
	for token, want := range map[string]error{
		"azure-native:machinelearningservices:Workspace": schema.ErrNotChecked,
		"kubernetes:jobset.x-k8s.io/v1alpha2:JobSet":     schema.ErrNotChecked,
		"kubernetes:monitoring.coreos.com/v1:PodMonitor": schema.ErrNotChecked,
		"kubernetes:gateway.networking.k8s.io/v1:Route":  schema.ErrNotChecked,
		"kubernetes:rbac.authorization.k8s.io/v1:Rule":   schema.ErrUnknown,
		"tls:index/privateKey:PrivateKey":                schema.ErrNotChecked,
		"aws:s3/bucketV3:BucketV3":                       schema.ErrUnknown,
		"aws:nowhere/thing:Thing":                        schema.ErrUnknown,
		"azure-native:storage:StorageAcount":             schema.ErrUnknown,
		"kubernetes:apps/v1:Deploymant":                  schema.ErrUnknown,
		"nothing":                                        schema.ErrUnknown,
	} {
		for range 2 { // the answer stays the same when it is known
			_, err := sdks.Resource(token)
			require.ErrorIs(t, err, want, token)
		}
	}
	_, err := schema.New(nil, t.TempDir()).Resource("aws:s3/bucketV2:BucketV2")
	require.ErrorIs(t, err, schema.ErrNotChecked, "a project without the SDK")
}

// TestCache: what was read once is not read again, and a broken file is read anew.
func TestCache(t *testing.T) {
	t.Parallel()
	const token = "aws:dynamodb/table:Table"
	all, cache := modules(t), t.TempDir()
	first, err := schema.New(all, cache).Resource(token)
	require.NoError(t, err)
	for i := range all {
		all[i].Dir = t.TempDir() // the sources are gone
	}
	second, err := schema.New(all, cache).Resource(token)
	require.NoError(t, err)
	assert.Equal(t, first, second)
	_, err = schema.New(all, cache).Resource("aws:s3/bucketV2:BucketV2")
	require.ErrorIs(t, err, schema.ErrUnknown)
}

func TestPlugins(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, m := range modules(t) {
		plugin, ok, err := m.Plugin()
		require.NoError(t, err)
		if ok {
			found[plugin.Name] = true
			assert.Contains(t, m.Version, plugin.Version)
		}
	}
	assert.Equal(t, []string{"aws", "azure-native", "gcp", "kubernetes", "random"}, slices.Sorted(maps.Keys(found)))
}
