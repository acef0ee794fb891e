package pack

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/rules"
)

func TestRemediate(t *testing.T) {
	t.Parallel()
	var said []string
	j := &judge{
		engine: rules.NewEngine(slices.DeleteFunc(slices.Clone(rules.Catalogue()), func(r rules.Rule) bool {
			return !strings.HasPrefix(r.ID, "ENC-") // other rules mend other things: tags
		})),
		stack: &rules.Stack{Project: "p", Name: "s", Environment: rules.Prod},
		say:   func(text string) { said = append(said, text) },
	}
	const token = "hunter2 is a secret"
	queue := shown("aws:sqs/queue:Queue", "q", map[string]property.Value{
		"sqsManagedSseEnabled": property.New(false),
		"policy":               property.New(token).WithSecret(true),
		"kmsMasterKeyId":       property.New(property.Null),
	})
	changed, err := j.remediate(context.Background(), policyx.ResourceRemediationArgs{Resource: queue})
	require.NoError(t, err)
	require.NotNil(t, changed)
	assert.Equal(t, property.New(true), changed.Get("sqsManagedSseEnabled"))
	assert.Equal(t, queue.Properties.Get("policy"), changed.Get("policy"), "nothing else changes")
	require.NotEmpty(t, said)
	assert.Contains(t, said[0], "ENC-07 mends "+queue.URN+"\n- sqsManagedSseEnabled: false\n+ sqsManagedSseEnabled: true")
	assert.NotContains(t, said[0], token)

	fine := shown(volumeType, "v", map[string]property.Value{"encrypted": property.New(false)})
	changed, err = j.remediate(context.Background(), policyx.ResourceRemediationArgs{Resource: fine})
	require.NoError(t, err)
	assert.Nil(t, changed, "what has no safe remedy stays")
}
