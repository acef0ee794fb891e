package provider

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSchema(t *testing.T) {
	t.Parallel()
	response, err := newEngine(t).server.GetSchema(p.GetSchemaRequest{})
	require.NoError(t, err)
	type properties map[string]struct {
		Description string `json:"description"`
		Secret      bool   `json:"secret"`
	}
	var schema struct {
		Resources map[string]struct {
			Properties      properties `json:"properties"`
			InputProperties properties `json:"inputProperties"`
		} `json:"resources"`
		Types map[string]struct {
			Properties properties `json:"properties"`
		} `json:"types"`
	}
	require.NoError(t, json.Unmarshal([]byte(response.Schema), &schema))
	want := map[string][]string{
		"mlpathway:local:Directory": {"path", "purge", "retain", "uri"},
		"mlpathway:local:File":      {"content", "path", "sha256", "source"},
		"mlpathway:local:Port":      {"name", "port", "preferred"},
		"mlpathway:local:Process": {
			"command", "digest", "directory", "environment", "logFile", "name", "readyUrl", "restart", "runIdCommand",
			"schedule", "startUrl", "steps", "stopTimeoutSeconds", "trigger", "version",
		},
		"mlpathway:local:Ready": {
			"logsUri", "pipeline", "process", "socket", "status", "timeoutSeconds", "triggers", "url",
		},
		"mlpathway:local:Supervisor": {"binary", "directory", "processes", "socket"},
		"mlpathway:local:Token":      {"path", "token"},
	}
	found := map[string][]string{}
	for token, resource := range schema.Resources {
		found[token] = slices.Sorted(maps.Keys(resource.Properties))
		for name, property := range resource.Properties {
			assert.NotEmpty(t, property.Description, "%s: %s", token, name)
			assert.Equal(t, name == "token", property.Secret, "%s: %s", token, name)
		}
	}
	assert.Equal(t, want, found, "names are a public contract")
	assert.Equal(t, []string{"command", "name"},
		slices.Sorted(maps.Keys(schema.Types["mlpathway:local:Step"].Properties)))
}
