package tests

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/internal/immutable"
)

// stateful are the types that hold something which nobody can make again.
var stateful = []string{
	"aws:cloudwatch/logGroup:LogGroup", "aws:dynamodb/table:Table", "aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc",
	"aws:ecr/repository:Repository", "aws:glue/catalogDatabase:CatalogDatabase", "aws:kms/key:Key",
	"aws:redshiftserverless/namespace:Namespace", "aws:redshiftserverless/workgroup:Workgroup",
	"aws:s3/bucketV2:BucketV2", "aws:sagemaker/domain:Domain", "aws:sagemaker/endpoint:Endpoint",
	"aws:sagemaker/featureGroup:FeatureGroup", "aws:sagemaker/modelPackageGroup:ModelPackageGroup",
	"aws:secretsmanager/secret:Secret",
}

// succeeded are the types that a change may replace, as long as the successor is there first: nothing fixes their names
// and nothing asks to delete them first.
var succeeded = []string{
	"aws:sagemaker/endpointConfiguration:EndpointConfiguration", "aws:sagemaker/model:Model",
}

// set changes one key of a stack file; a key of a layer is written layer.key.
func set(t *testing.T, values map[string]string, key string, value any) {
	t.Helper()
	layer, inner, nested := strings.Cut("mlpathway:"+key, ".")
	if nested {
		object := map[string]any{}
		if before := values[layer]; before != "" {
			require.NoError(t, json.Unmarshal([]byte(before), &object))
		}
		object[inner] = value
		value = object
	}
	if plain, ok := value.(string); ok {
		values[layer] = plain
		return
	}
	data, err := json.Marshal(value)
	require.NoError(t, err)
	values[layer] = string(data)
}

// awsUpdates are the changes of a stack that its owner makes all the time.
func awsUpdates(stack string) map[string]map[string]any {
	image := func(name string) string {
		return "111111111111.dkr.ecr.eu-central-1.amazonaws.com/" + stack + "/" + name + "@sha256:" + strings.Repeat("a", 64)
	}
	zero := map[string]int{"fraud-dev": 0, "fraud-stage": 1, "fraud-prod": 3}[stack]
	return map[string]map[string]any{
		"model image": {
			"images": map[string]any{"training": image("training-image"), "inference": image("inference-image")},
		},
		"instance type": {
			"endpoint.machine": map[string]any{"cpus": 4, "memoryMiB": 5000}, "training.machine": map[string]any{"cpus": 8},
		},
		"accelerator": {"training.machine": map[string]any{"accelerator": "gpu-small"}},
		"scaling":     {"endpoint.minReplicas": zero, "endpoint.maxReplicas": 20, "endpoint.targetRequestsPerSecond": 7},
		"schedule":    {"batch.schedule": "5 4 * * *", "monitoring.schedule": "7 3 * * *"},
		"retention":   {"monitoring.retentionDays": 731, "dataLake.expireDays": 400, "registry.keepVersions": 7},
		"tags": {
			"labels": map[string]any{"ticket": "A-1", "branch": "main"}, "owner": "new@example.com", "costCenter": "cc-9",
		},
	}
}

// recordAWSWith records a stack with changes.
func recordAWSWith(t *testing.T, stack string, changes map[string]any) *recording.Recorder {
	t.Helper()
	values := stackValues(t, stack)
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		set(t, values, key, changes[key])
	}
	return recordAWSValues(t, stack, values)
}

// TestAWSUpdatesKeepWhatHoldsData: no such change replaces or drops what holds data, and none deletes what an endpoint
// stands on before its successor is there.
func TestAWSUpdatesKeepWhatHoldsData(t *testing.T) {
	t.Parallel()
	for _, stack := range awsStacks {
		before := recordAWS(t, stack)
		for name, changes := range awsUpdates(stack) {
			t.Run(stack+" "+name, func(t *testing.T) {
				t.Parallel()
				changed := checkKept(t, before, recordAWSWith(t, stack, changes))
				assert.NotZero(t, changed, "nothing changes: the test changes what nobody reads")
			})
		}
	}
}

// checkKept holds one plan against the next and counts the resources that change.
func checkKept(t *testing.T, before, after *recording.Recorder) int {
	t.Helper()
	next, changed := map[string]recording.Resource{}, 0
	for _, r := range after.Resources() {
		next[r.URN] = r
	}
	kinds := map[string]bool{}
	for _, r := range before.Resources() {
		now, there := next[r.URN]
		paths := differences(r.Inputs.Mappable(), now.Inputs.Mappable())
		if r.Custom && len(paths) > 0 {
			changed++
		}
		switch {
		case slices.Contains(stateful, r.Type):
			kinds[r.Type] = true
			require.True(t, immutable.Known(r.Type), "%s: nobody knows what replaces it", r.Type)
			assert.True(t, there, "%s would be deleted", r.URN)
			for _, path := range paths {
				assert.False(t, immutable.Replaces(r.Type, path), "%s would be replaced for its %s", r.URN, path)
			}
		case slices.Contains(succeeded, r.Type):
			kinds[r.Type] = true
			assert.False(t, now.DeleteBeforeReplace, "%s goes before its successor", r.URN)
			assert.NotContains(t, now.Inputs, "name", "%s: two of one name cannot be there at a time", r.URN)
		}
	}
	for _, kind := range append([]string{"aws:s3/bucketV2:BucketV2", "aws:sagemaker/endpoint:Endpoint"}, succeeded...) {
		assert.True(t, kinds[kind], "the stack has no %s", kind)
	}
	return changed
}

// differences are the paths at which two values differ; it looks into objects.
func differences(before, after any) []string {
	left, isObject := before.(map[string]any)
	right, isToo := after.(map[string]any)
	if !isObject || !isToo {
		if reflect.DeepEqual(before, after) {
			return nil
		}
		return []string{""}
	}
	keys := map[string]bool{}
	for key := range left {
		keys[key] = true
	}
	for key := range right {
		keys[key] = true
	}
	var paths []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		for _, path := range differences(left[key], right[key]) {
			paths = append(paths, strings.TrimSuffix(key+"."+path, "."))
		}
	}
	return paths
}

// TestAWSObjectsTakeTheirTags: S3 refuses an object with more than ten tags, however many labels a stack has.
func TestAWSObjectsTakeTheirTags(t *testing.T) {
	t.Parallel()
	r := recordAWSWith(t, "fraud-dev", map[string]any{"labels": map[string]any{"a": "1", "b": "2", "c": "3"}})
	objects := r.Find("aws:s3/bucketObjectv2:BucketObjectv2")
	require.NotEmpty(t, objects)
	for _, object := range objects {
		assert.LessOrEqual(t, len(object.Inputs["tags"].ObjectValue()), 10, object.URN)
	}
}
