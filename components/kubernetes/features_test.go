package kubernetes_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/crdtest"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

const sparkImage = "registry.example.com/fraud/spark@sha256:" + digest

// featuresPlan makes the features of a model and the pipeline that uses them.
func featuresPlan(change func(*components.FeaturesArgs), set func(*settings.Settings)) plan {
	return plan{change: set, build: func(ctx *pulumi.Context, target components.Target) error {
		args := &components.FeaturesArgs{
			Views:   []components.FeatureView{{Name: "tumour", Key: "id", SQL: "SELECT id, radius FROM curated;"}},
			Offline: pulumi.String(values.Zone(components.Features)), Online: new(false),
		}
		if change != nil {
			change(args)
		}
		made, err := components.NewFeatures(ctx, "features", target, args)
		if err != nil {
			return err
		}
		p := &components.PipelineArgs{
			Image: values.Training, Model: "tumour", Definition: "name: tumour\n", Lake: zones(),
			Table: pulumi.String(values.Table),
			Steps: []components.Step{{Name: "etl"}, {Name: "features"}},
		}
		if args.Distributed {
			p.Engine, p.EngineIdentity = made.EngineID, made.Identity
		}
		_, err = components.NewPipeline(ctx, "pipeline", target, p)
		return err
	}}
}

// distributed makes the features on Spark.
func distributed(a *components.FeaturesArgs) {
	a.Distributed, a.MaxWorkers, a.Worker = true, 3, components.Machine{CPUs: 4, MemoryMiB: 16384}
}

func withSpark(s *settings.Settings) {
	s.Operators = append(s.Operators, "spark-operator")
	s.Spark.Image = sparkImage
}

// application is the SparkApplication that a run makes.
func application(t *testing.T, r recorded) map[string]any {
	t.Helper()
	for _, step := range at(r.object("WorkflowTemplate", "pipeline"), "spec.templates").([]any) {
		if text, ok := at(step, "resource.manifest").(string); ok && at(step, "name") == "spark" {
			var made map[string]any
			require.NoError(t, json.Unmarshal([]byte(text), &made))
			return made
		}
	}
	t.Fatal("no step makes an application of Spark")
	return nil
}

func TestFeaturesOnSpark(t *testing.T) {
	t.Parallel()
	r := featuresPlan(distributed, withSpark).must(t)
	made := application(t, r)
	crdtest.CheckObject(t, "testdata/kinds.json", made)
	assert.Equal(t, "SparkApplication", made["kind"])
	const record = "s3://fraud-logs/runs/{{workflow.creationTimestamp.Y}}"
	arguments := at(made, "spec.arguments").([]any)
	require.Len(t, arguments, 4, "as many as the script takes")
	assert.True(t, strings.HasPrefix(arguments[0].(string), record), arguments[0])
	assert.Equal(t, "s3://fraud-curated", arguments[1])
	assert.True(t, strings.HasPrefix(arguments[2].(string), "s3://fraud-features/engine/"), arguments[2])
	assert.Equal(t, "https://minio.minio.svc", at(made, "spec.hadoopConf").(map[string]any)["fs.s3a.endpoint"])
	assert.InDelta(t, 3, at(made, "spec.executor.instances"), 0)
	assert.Equal(t, "13108m", at(made, "spec.executor.memory"), "with the overhead the machine's memory")
	assert.Equal(t, "3276m", at(made, "spec.executor.memoryOverhead"))

	files := map[string]any{}
	for _, volume := range at(made, "spec.driver.template.spec.volumes").([]any) {
		if name, ok := at(volume, "configMap.name").(string); ok {
			files = r.object("ConfigMap", name)["data"].(map[string]any)
			assert.Equal(t, "/etc/mlpathway/"+name+"/tumour.sql", arguments[3])
			assert.Equal(t, "local:///etc/mlpathway/"+name+"/features.py", at(made, "spec.mainApplicationFile"))
		}
	}
	assert.Equal(t, "SELECT id, radius FROM curated;", files["tumour.sql"])
	assert.Contains(t, files["features.py"], "spark.sql(sql)")

	steps := at(r.object("WorkflowTemplate", "pipeline"), "spec.templates").([]any)
	var order []any
	for _, step := range at(steps[0], "steps").([]any) {
		order = append(order, at(step, "0.name"))
	}
	assert.Equal(t, []any{"etl", "spark", "features"}, order)
	for _, step := range steps {
		result := variable(at(step, "container"), "MLPATHWAY_RESULT")
		assert.Equal(t, at(step, "name") == "features", result != nil, at(step, "name"))
		assert.Equal(t, at(step, "name") == "features", result == arguments[2], "it takes what the engine leaves")
	}
}

// TestTheDriverOfSparkMakesItsExecutorsAndNoMore: it alone has a token, and its account may touch pods and ConfigMaps
// of the namespace.
func TestTheDriverOfSparkMakesItsExecutorsAndNoMore(t *testing.T) {
	t.Parallel()
	r := featuresPlan(distributed, withSpark).must(t)
	made := application(t, r)
	for part, token := range map[string]bool{"driver": true, "executor": false} {
		pod := at(made, "spec."+part+".template.spec")
		assert.Equal(t, token, at(pod, "automountServiceAccountToken"), part)
		assert.Equal(t, "features", at(pod, "serviceAccountName"), part)
		assert.Equal(t, "features", at(made, "spec."+part+".serviceAccount"), part)
		assert.InDelta(t, 185, at(pod, "securityContext.runAsUser"), 0, part)
		assert.Equal(t, true, at(pod, "containers.0.securityContext.readOnlyRootFilesystem"), part)
		assert.Equal(t, "lake", at(pod, "containers.0.envFrom.0.secretRef.name"), part)
	}
	rules := r.object("Role", "features")["rules"].([]any)
	require.Len(t, rules, 1)
	assert.Equal(t, []any{"configmaps", "pods"}, at(rules[0], "resources"))
	assert.Equal(t, []any{""}, at(rules[0], "apiGroups"))
	api := r.object("NetworkPolicy", "features-api")
	assert.Equal(t, "driver", at(api, "spec.podSelector.matchLabels").(map[string]any)["app.kubernetes.io/component"])
	among := r.object("NetworkPolicy", "features-workers")
	assert.Equal(t, at(among, "spec.podSelector"), at(among, "spec.ingress.0.from.0.podSelector"))
	may := false
	for _, rule := range r.object("Role", "pipeline-executor")["rules"].([]any) {
		may = may || slices.Contains(at(rule, "resources").([]any), any("sparkapplications"))
	}
	assert.True(t, may, "a step makes the application")

	plain := featuresPlan(nil, nil).must(t)
	for _, made := range plain.Find("kubernetes:rbac.authorization.k8s.io/v1:Role") {
		text, err := json.Marshal(made.Inputs.Mappable())
		require.NoError(t, err)
		assert.NotContains(t, string(text), "spark")
		assert.NotEqual(t, "features-role", made.Name, "without Spark the account may do nothing")
	}
}

func TestSparkIsRefusedWhereItCannotWork(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(*settings.Settings){
		"kubernetes.spark.image": func(s *settings.Settings) { s.Spark.Image = "" },
		"the lake is a disk":     func(s *settings.Settings) { s.Lake = settings.Lake{URI: "file:///lake/{zone}"} },
		"azblob":                 func(s *settings.Settings) { s.Lake = settings.Lake{URI: "azblob://{zone}"} },
		"apiServers":             func(s *settings.Settings) { s.Access.APIServers = nil },
		"chart spark-operator, version 2.5.1": func(s *settings.Settings) {
			s.Operators = slices.DeleteFunc(s.Operators, func(o string) bool { return o == "spark-operator" })
		},
	} {
		_, err := featuresPlan(distributed, func(s *settings.Settings) { withSpark(s); change(s) }).run(t)
		require.ErrorContains(t, err, text)
	}
}
