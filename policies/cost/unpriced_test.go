package cost_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/cost"
	"github.com/mlpathway/mlpathway/policies/rules"
)

func TestUnpricedIsListedAndNeverZero(t *testing.T) {
	t.Parallel()
	huge := map[string]any{"instanceType": "ml.huge"}
	e := estimate(t, nil,
		res{typ: "aws:quantum/computer:Computer", name: "a"},
		res{typ: "aws:guardduty/detector:Detector", name: "b"},
		res{typ: "aws:sagemaker/notebookInstance:NotebookInstance", name: "c", props: huge},
		res{typ: "aws:iam/role:Role", name: "d"}, res{typ: "aws:iam/role:Role", name: "e"},
		res{typ: "aws:sagemaker/endpoint:Endpoint", name: "f"},
		res{typ: "aws:emrserverless/application:Application", name: "g"},
		res{typ: "aws:sfn/stateMachine:StateMachine", name: "h"},
	)
	priced, unpriced, free := e.Resources()
	assert.Equal(t, [3]int{2, 6, 2}, [3]int{priced, unpriced, free})
	for i, want := range []string{
		"no model", "no price for threat", "ml.huge", "not in the stack", "no maximum capacity",
		"does not say which machines",
	} {
		assert.Contains(t, e.Unpriced[i].Why, want)
	}
	require.Len(t, e.Free, 1)
	assert.Equal(t, 2, e.Free[0].Count)
	assert.NotEmpty(t, e.Free[0].Why)
}

// TestPartlyPriced: what has no price is named, and the rest is in the sum.
func TestPartlyPriced(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		res      res
		expected float64
	}{
		"memory": {res{typ: "gcp:sql/databaseInstance:DatabaseInstance", props: map[string]any{"settings": map[string]any{
			"tier": "db-custom-4-16384", "availabilityType": "REGIONAL", "diskSize": 10.0,
		}}}, 237.6},
		"machine": {res{typ: "gcp:sql/databaseInstance:DatabaseInstance", props: map[string]any{"settings": map[string]any{
			"tier": "db-f1-micro", "diskSize": 10.0,
		}}}, 2},
		"time":    {res{typ: "gcp:cloudfunctionsv2/function:Function"}, 0.4},
		"storage": {res{typ: "aws:rds/instance:Instance", props: map[string]any{"instanceClass": "db.t4g.small"}}, 73},
	} {
		e := estimate(t, map[string]float64{"invocations": 1000}, test.res)
		require.Len(t, e.Unpriced, 1, what)
		assert.Equal(t, what, e.Unpriced[0].What)
		assert.InDelta(t, test.expected, e.Total.Expected, 1e-9, what)
	}
}

// TestWhatAClusterMakes: in a cloud its volumes and load balancers are billed and have no price; elsewhere they are
// free.
func TestWhatAClusterMakes(t *testing.T) {
	t.Parallel()
	objects := []res{
		{typ: "kubernetes:core/v1:Service", name: "open", props: map[string]any{"spec": map[string]any{
			"type": "LoadBalancer",
		}}},
		{typ: "kubernetes:core/v1:Service", name: "inner", props: map[string]any{"spec": map[string]any{}}},
		{typ: "kubernetes:core/v1:PersistentVolumeClaim", name: "data"},
		{typ: "kubernetes:apps/v1:StatefulSet", name: "set", props: map[string]any{"spec": map[string]any{
			"volumeClaimTemplates": []any{map[string]any{}},
		}}},
		{typ: "kubernetes:apps/v1:StatefulSet", name: "bare"},
		{typ: "kubernetes:apps/v1:Deployment", name: "d"},
	}
	_, unpriced, free := estimate(t, nil, objects...).Resources()
	assert.Equal(t, []int{0, 6}, []int{unpriced, free})
	e := estimate(t, nil, append(objects, res{typ: "aws:eks/cluster:Cluster", name: "c"})...)
	var named []string
	for _, u := range e.Unpriced {
		named = append(named, u.URN[strings.LastIndex(u.URN, "::")+2:]+" "+u.What)
	}
	assert.ElementsMatch(t, []string{"open load balancer", "data volumes", "set volumes"}, named)
}

// TestModelsStandAnything: a model must not fail whatever is absent, unknown or of another type, and every assumption
// that it names must be there.
func TestModelsStandAnything(t *testing.T) {
	t.Parallel()
	embedded, err := cost.Embedded()
	require.NoError(t, err)
	usage, err := cost.NewUsage(rules.Prod, nil)
	require.NoError(t, err)
	keys := []string{
		"type", "size", "instanceType", "subnetIds", "scalingConfig", "productionVariants", "maximumCapacity",
		"architectures", "vpcEndpointType", "billingMode", "spec", "nodeConfig", "guestAccelerators",
		"agentPoolProfiles", "sku", "properties",
	}
	for _, typ := range cost.Modelled() {
		for _, value := range []any{
			nil, rules.UnknownValue(), "text", -1.0, []any{map[string]any{}}, map[string]any{"a": nil},
		} {
			props := map[string]any{}
			for _, key := range keys {
				props[key] = value
			}
			e := cost.Make(graph(res{typ: typ, name: "x", props: props}), cost.Options{Table: embedded, Usage: usage})
			for _, item := range e.Items {
				for _, line := range item.Lines {
					assert.GreaterOrEqual(t, line.Quantity.Idle, 0.0, typ+" "+line.What)
					assert.LessOrEqual(t, line.USD.Idle, line.USD.Expected+1e-9, typ+" "+line.What)
					assert.LessOrEqual(t, line.USD.Expected, line.USD.Maximum+1e-9, typ+" "+line.What)
				}
			}
		}
	}
}

// TestEveryTypeOfTheTargetsIsKnown: each type that a target makes has a model, or a reason why it costs nothing.
func TestEveryTypeOfTheTargetsIsKnown(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../components/*/testdata/graph-*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	embedded, err := cost.Embedded()
	require.NoError(t, err)
	usage, err := cost.NewUsage(rules.Dev, nil)
	require.NoError(t, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var nodes []struct {
			URN, Type, Name string
			Custom          bool
			Inputs          map[string]any
		}
		require.NoError(t, json.Unmarshal(data, &nodes))
		var resources []*rules.Resource
		for _, n := range nodes {
			resources = append(resources, &rules.Resource{
				URN: n.URN, Type: n.Type, Name: n.Name, Custom: n.Custom, Properties: rules.Of(n.Inputs),
			})
		}
		e := cost.Make(rules.NewGraph(resources), cost.Options{Table: embedded, Usage: usage})
		for _, u := range e.Unpriced {
			assert.NotContains(t, u.Why, "no model", "%s: %s", file, u.Type)
		}
	}
}
