//go:build aws || !(local || gcp || azure || kubernetes)

package stacks

import (
	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/aws"
)

var awsTarget builder = newAWSTarget

// newAWSTarget builds in the account and the region that the stack file names.
func newAWSTarget(p place, c *Config) (components.Target, error) {
	return aws.New(&aws.Options{
		Scope: c.scope(p.Project), Account: c.Account, Region: c.Region,
		PermissionsBoundary: c.AWS.PermissionsBoundary, GitHubProvider: c.AWS.GitHubProvider,
		CostAllocationTags: c.AWS.CostAllocationTags, Airflow: c.AWS.Airflow, MLflow: c.AWS.MLflow,
		ServeOnCluster: c.AWS.ServeOnCluster, Kubernetes: c.Kubernetes,
	})
}
