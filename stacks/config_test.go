package stacks_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/stacks"
)

// good is the least that a stack has to say; changes are laid over it.
func good(changes map[string]string) map[string]string {
	values := map[string]string{
		"mlpathway:target": "local", "mlpathway:team": "demo", "mlpathway:environment": "dev",
		"mlpathway:pipeline": "pipeline.yaml",
	}
	for key, value := range changes {
		values[key] = value
	}
	return values
}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	c, err := stacks.ReadConfig("mlpathway", "local", good(map[string]string{
		"mlpathway:dataLake": `{"retain": true, "expireDays": 0}`,
		"mlpathway:network":  `{"listeners": {"endpoint": 18080}}`,
		"mlpathway:endpoint": `{"auth": "token", "machine": {"cpus": 0.5}}`,
		"mlpathway:off":      `["batch"]`,
		"mlpathway:jobs":     `{"thumbs": {"image": "training-image", "command": ["run-id"], "schedule": "0 1 * * *"}}`,
		"aws:region":         "eu-central-1",
	}))
	require.NoError(t, err)
	assert.Equal(t, components.Dev, c.Environment)
	assert.True(t, *c.DataLake.Retain)
	assert.Zero(t, *c.DataLake.ExpireDays, "a zero that is written down counts")
	assert.Nil(t, c.DataLake.Versioning, "what is not written down stays open for the preset")
	assert.Equal(t, 18080, c.Network.Listeners["endpoint"])
	assert.InDelta(t, 0.5, c.Endpoint.Machine.CPUs, 0)
	assert.Equal(t, []string{"run-id"}, c.Jobs["thumbs"].Command)
	assert.Equal(t, "training-image", c.Images.Training)
	assert.Nil(t, c.Budget)
}

func TestReadConfigRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		values map[string]string
		want   []string
	}{
		"unknown key": {
			good(map[string]string{"mlpathway:pipelin": "x"}),
			[]string{"stacks/Pulumi.local.yaml", "pipelin: unknown key", "allowed here:", "pipeline"},
		},
		"unknown key of a layer": {
			good(map[string]string{"mlpathway:endpoint": `{"replicas": 2}`}),
			[]string{"endpoint.replicas: unknown key", "minReplicas"},
		},
		"wired by the program": {
			good(map[string]string{"mlpathway:dataLake": `{"keys": {}}`}), []string{"dataLake.keys: unknown key"},
		},
		"wrong type": {
			good(map[string]string{"mlpathway:network": `{"zones": "two"}`}),
			[]string{`network.zones: found "two", want a whole number`},
		},
		"not a mapping": {
			good(map[string]string{"mlpathway:network": "10.0.0.0/16"}), []string{"network: found", "want a mapping"},
		},
		"bad JSON": {good(map[string]string{"mlpathway:network": `{"zones"`}), []string{"mlpathway:network: want JSON"}},
		"target": {
			good(map[string]string{"mlpathway:target": "mars"}), []string{`target: found "mars", want one of local`},
		},
		"environment": {
			good(map[string]string{"mlpathway:environment": "test"}), []string{`environment: found "test", want dev`},
		},
		"queue of no cluster": {
			good(map[string]string{"mlpathway:aws": `{"trainOnCluster": "gpu"}`}),
			[]string{`aws.trainOnCluster: found "gpu", want a pool of the cluster: []`},
		},
		"queue of no pool": {
			good(map[string]string{
				"mlpathway:aws": `{"trainOnCluster": "gpu"}`, "mlpathway:cluster": `{"pools": [{"name": "cpu"}]}`,
			}),
			[]string{`aws.trainOnCluster: found "gpu", want a pool of the cluster: ["cpu"]`},
		},
		"off":     {good(map[string]string{"mlpathway:off": `["lake"]`}), []string{`off: found "lake", want one of`}},
		"nothing": {map[string]string{}, []string{"target:", "team:", "environment:", "pipeline:"}},
	} {
		_, err := stacks.ReadConfig("mlpathway", "local", test.values)
		require.Error(t, err, name)
		for _, want := range test.want {
			assert.ErrorContains(t, err, want, name)
		}
	}
}

func FuzzReadConfig(f *testing.F) {
	for _, seed := range []string{`{"zones": 2}`, `[`, `{"a": {"a": {"a": 1}}}`, "null", "{\"cidr\": null}", "&a [*a]"} {
		f.Add("network", seed)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		c, err := stacks.ReadConfig("mlpathway", "local", good(map[string]string{"mlpathway:" + key: value}))
		if err == nil {
			require.NotNil(t, c)
		}
	})
}
