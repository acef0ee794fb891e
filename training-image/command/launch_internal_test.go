package command

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLaunchHandsItsVariablesOn: the containers of a job learn where things lie, and nothing else of this process.
func TestLaunchHandsItsVariablesOn(t *testing.T) {
	t.Parallel()
	environment := map[string]string{
		"MLPATHWAY_MODEL": "fraud", "MLPATHWAY_RUN": "r1", "MLPATHWAY_METADATA": "dynamodb://table", "MLPATHWAY_LOGS": "",
		"MLPATHWAY_JOB": "file:///job.json", "AWS_REGION": "eu-central-1", "AWS_SECRET_ACCESS_KEY": "s",
	}
	p := &Program{Getenv: func(name string) string { return environment[name] }}
	assert.Equal(t, map[string]string{
		"MLPATHWAY_MODEL": "fraud", "MLPATHWAY_RUN": "r1", "MLPATHWAY_METADATA": "dynamodb://table",
	}, p.handedOn())
}
