package aws_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/aws"
	"github.com/mlpathway/mlpathway/components/aws/awstest"
	"github.com/mlpathway/mlpathway/components/componenttest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	componenttest.Run(t, harness(t))
}

// TestConformanceOfOptions: the laws hold as well where the cluster serves, Airflow has the clock and MLflow is there.
func TestConformanceOfOptions(t *testing.T) {
	t.Parallel()
	h := harness(t)
	h.Golden = "testdata/options"
	open := values
	open.Token = "" // on the cluster the network lets callers in
	h.Values = &open
	h.New = func(t *testing.T, scope components.Scope) components.Target {
		t.Helper()
		target, err := aws.New(&aws.Options{
			Scope: scope, Account: awstest.Account, Region: awstest.Region, ServeOnCluster: true, Airflow: true, MLflow: true,
		})
		require.NoError(t, err)
		return target
	}
	componenttest.RunPlatform(t, h)
}

func harness(t *testing.T) componenttest.Harness {
	t.Helper()
	missing := newTarget(t, componenttest.Scope(components.Dev)).Unsupported()
	return componenttest.Harness{
		New:         func(t *testing.T, scope components.Scope) components.Target { t.Helper(); return newTarget(t, scope) },
		Unsupported: slices.Sorted(maps.Keys(missing)),
		Values:      &values, Invent: awstest.Invent, CheckName: checkName, Golden: "testdata",
	}
}

func newTarget(t *testing.T, scope components.Scope) *aws.Target {
	t.Helper()
	target, err := aws.New(&aws.Options{Scope: scope, Account: awstest.Account, Region: awstest.Region})
	require.NoError(t, err)
	return target
}

const repository = awstest.Account + ".dkr.ecr." + awstest.Region + ".amazonaws.com/fraud-dev/"

// values are what the layers get from each other.
var values = componenttest.Values{
	Training:    repository + "training-image@sha256:" + digest,
	Inference:   repository + "inference-image@sha256:" + digest,
	Zone:        func(zone components.Zone) string { return "s3://fraud-lake-" + string(zone) },
	Table:       "dynamodb://fraud-registry?partition_key=TrainingJobName&sort_key=ModelVersion",
	Token:       "awssecretsmanager://fraud-endpoint?region=" + awstest.Region,
	Definition:  "s3://fraud-lake-models/pipeline.yaml",
	EventSource: "fraud-lake-raw",
	Network:     "vpc-0123456789abcdef0", Subnets: []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"},
	Group: "sg-0123456789abcdef0", OpenWarehouse: true,
	Warehouse: "redshift-data://fraud-dev-warehouse/analytics?password=",
	Endpoint:  "fraud-dev-endpoint",
	Pipeline:  "arn:aws:states:" + awstest.Region + ":" + awstest.Account + ":stateMachine:fraud-dev-pipeline",
}

const digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
