package kubernetes_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/crdtest"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

// kept keeps features online for a week.
func kept(a *components.FeaturesArgs) { a.Online, a.TTLDays, a.Retain = new(true), 7, new(true) }

func withFeast(s *settings.Settings) {
	s.Feast = settings.Feast{
		Image: "registry.example.com/fraud/feast@sha256:" + digest,
		Redis: "registry.example.com/fraud/redis@sha256:" + digest,
	}
}

// TestFeaturesOnline: Redis with a password of its own, the server that endpoints ask, and a step that fills it.
func TestFeaturesOnline(t *testing.T) {
	t.Parallel()
	r := featuresPlan(kept, withFeast).must(t)
	for _, made := range r.Resources() {
		if made.Inputs["kind"].HasValue() && made.Inputs["kind"].StringValue() != "Secret" {
			crdtest.Check(t, "testdata/kinds.json", made)
		}
	}
	var store struct {
		Registry struct{ Path string }
		Online   struct {
			Type       string
			Connection string `yaml:"connection_string"`
			Seconds    int    `yaml:"key_ttl_seconds"`
		} `yaml:"online_store"`
	}
	files := r.object("ConfigMap", "features-feast")["data"].(map[string]any)
	require.NoError(t, yaml.Unmarshal([]byte(files["feature_store.yaml"].(string)), &store))
	assert.Equal(t, "redis", store.Online.Type)
	assert.Equal(t, "features-redis:6379,password=${REDIS_PASSWORD}", store.Online.Connection)
	assert.Equal(t, 7*24*3600, store.Online.Seconds)
	assert.Equal(t, "s3://fraud-features/feast/registry.db", store.Registry.Path)

	secret := r.Find("kubernetes:core/v1:Secret")
	require.NotEmpty(t, secret)
	for key, value := range secret[0].Inputs["stringData"].ObjectValue() {
		assert.True(t, value.IsSecret(), "nobody sees %s", key)
	}
	redis := at(r.object("Deployment", "features-redis"), "spec.template.spec")
	assert.Nil(t, at(redis, "containers.0.envFrom"), "Redis knows nothing of the lake")
	assert.Equal(t, "Recreate", at(r.object("Deployment", "features-redis"), "spec.strategy.type"), "it has one disk")
	assert.Equal(t, "redis", at(redis, "containers.0.readinessProbe.tcpSocket.port"))
	server := at(r.object("Deployment", "features-server"), "spec.template.spec.containers.0")
	assert.Equal(t, []any{
		"feast", "--chdir", "/etc/mlpathway/features-feast", "serve", "--host", "0.0.0.0", "--port", "6566",
	}, at(server, "command"))
	assert.Equal(t, "https://minio.minio.svc", variable(server, "FEAST_S3_ENDPOINT_URL"))
	disk := r.Find("kubernetes:core/v1:PersistentVolumeClaim")
	require.Len(t, disk, 1)
	assert.True(t, disk[0].Protect && disk[0].Retain)
}

func TestAStepFillsTheOnlineStore(t *testing.T) {
	t.Parallel()
	workflow := featuresPlan(kept, withFeast).must(t).object("WorkflowTemplate", "pipeline")
	steps := at(workflow, "spec.templates").([]any)
	order, last := []any{}, steps[len(steps)-1]
	for _, step := range at(steps[0], "steps").([]any) {
		order = append(order, at(step, "0.name"))
	}
	assert.Equal(t, []any{"etl", "features", "online"}, order)
	assert.Equal(t, "online", at(last, "name"))
	assert.Equal(t, []any{"python", "/etc/mlpathway/features-feast/feast.py"}, at(last, "container.command"))
	arguments := at(last, "container.args").([]any)
	require.Len(t, arguments, 5, "as many as the script takes")
	assert.Equal(t, []any{"tumour", "id"}, arguments[3:])
	assert.Equal(t, "s3://fraud-features", arguments[1])
	volumes, err := json.Marshal(at(workflow, "spec.volumes"))
	require.NoError(t, err)
	have := map[any]bool{}
	for _, volume := range at(workflow, "spec.volumes").([]any) {
		assert.False(t, have[at(volume, "name")], "%s", volumes)
		have[at(volume, "name")] = true
	}
	for _, mounted := range at(last, "container.volumeMounts").([]any) {
		assert.True(t, have[at(mounted, "name")], "%v of %s", mounted, volumes)
	}
	password := false
	for _, v := range at(last, "container.env").([]any) {
		password = password || at(v, "valueFrom.secretKeyRef.name") == "features-redis"
	}
	assert.True(t, password)
}

// TestOnlyThoseWhoNeedItReachTheOnlineStore: Redis is open to the server and to the steps, the server to endpoints.
func TestOnlyThoseWhoNeedItReachTheOnlineStore(t *testing.T) {
	t.Parallel()
	r := featuresPlan(kept, withFeast).must(t)
	const component = "app.kubernetes.io/component"
	labels := func(value any, path string) map[string]any {
		found, _ := at(value, path).(map[string]any)
		return found
	}
	for name, want := range map[string]struct{ from, to, key string }{
		"server-redis": {"server", "redis", component}, "fill-redis": {"pipeline", "redis", "layer"},
		"endpoint-server": {"endpoint", "server", "layer"},
	} {
		in, out := r.object("NetworkPolicy", "features-"+name+"-in"), r.object("NetworkPolicy", "features-"+name+"-out")
		assert.Equal(t, want.to, labels(in, "spec.podSelector.matchLabels")[component], name)
		assert.Equal(t, want.from, labels(in, "spec.ingress.0.from.0.podSelector.matchLabels")[want.key], name)
		assert.Equal(t, at(in, "spec.podSelector"), at(out, "spec.egress.0.to.0.podSelector"), name)
		assert.Equal(t, at(out, "spec.podSelector"), at(in, "spec.ingress.0.from.0.podSelector"), name)
		assert.Equal(t, at(in, "spec.ingress.0.ports"), at(out, "spec.egress.0.ports"), name)
	}
	assert.Len(t, r.Find("kubernetes:networking.k8s.io/v1:NetworkPolicy"), 6+1, "and the API for the steps")
}

func TestWithoutFeastThereIsNoOnlineStore(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]plan{
		"no image": featuresPlan(kept, nil), "off": featuresPlan(nil, withFeast),
		"no key": featuresPlan(func(a *components.FeaturesArgs) { kept(a); a.Views[0].Key = "" }, withFeast),
	} {
		r := p.must(t)
		assert.Empty(t, r.Find("kubernetes:apps/v1:Deployment"), name)
		assert.Len(t, at(r.object("WorkflowTemplate", "pipeline"), "spec.templates.0.steps"), 2, name)
	}
	_, err := featuresPlan(kept, func(s *settings.Settings) { withFeast(s); s.Feast.Redis = "" }).run(t)
	require.ErrorContains(t, err, "kubernetes.feast.redis")
	azure := func(s *settings.Settings) { withFeast(s); s.Lake = settings.Lake{URI: "azblob://{zone}"} }
	_, err = featuresPlan(kept, azure).run(t)
	require.ErrorContains(t, err, "kubernetes.feast")
}
