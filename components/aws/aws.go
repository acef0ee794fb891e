// Package aws is the target that builds the platform in one account and one region of Amazon Web Services.
//
// It looks nothing up: account and region stand in the stack file, names and ARNs follow from them, and so a plan needs
// no credentials and shows every policy in full.
package aws

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

// Name of the target in a stack file.
const Name = "aws"

// Options say where the target builds.
type Options struct {
	// Scope says for whom the target builds.
	Scope components.Scope
	// Account is the number of the account, 12 digits. Credentials of any other account are refused.
	Account string
	// Region such as eu-central-1.
	Region string
	// PermissionsBoundary is the ARN of a policy that no role of the stack may exceed. Default none.
	PermissionsBoundary string
	// GitHubProvider is the ARN of the account's OIDC provider for GitHub Actions. Default a new one.
	GitHubProvider string
	// CostAllocationTags activates the stack's tags for billing.
	CostAllocationTags bool
	// Airflow lets an environment of Amazon MWAA start the pipeline by the clock, which costs by the hour. Default the
	// clock of EventBridge.
	Airflow bool
	// MLflow adds a tracking server for experiments, which costs by the hour. Default none.
	MLflow bool
	// ServeOnCluster runs the endpoint on the stack's cluster. Default SageMaker.
	ServeOnCluster bool
	// Kubernetes says what else the cluster has, for what runs on it: operators, a gateway, a quota. Context, Lake,
	// Identity, Trainer and the labels of nodes by their price are the stack's own. Default nothing.
	Kubernetes settings.Settings
}

// Target implements components.Target on AWS.
type Target struct {
	options  Options
	region   region
	provider *aws.Provider // nil before Begin
	cluster  *cluster      // nil before Cluster
	launches bool          // the training runs on the cluster
}

var _ components.Target = (*Target)(nil)

var (
	accountNumber = regexp.MustCompile(`^[0-9]{12}$`)
	policyARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$`)
	providerARN   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:` +
		`oidc-provider/token\.actions\.githubusercontent\.com$`)
)

// New makes the target. Errors: ErrChoice for an unknown region, ErrName for what is no account number or ARN.
func New(o *Options) (*Target, error) {
	var problems []error
	wrong := func(sentinel error, key, found, want string) {
		problems = append(problems, fmt.Errorf("target aws: %s: found %q, want %s: %w", key, found, want, sentinel))
	}
	where, ok := regions[o.Region]
	if !ok {
		wrong(components.ErrChoice, "region", o.Region, "one of "+regionNames())
	}
	if !accountNumber.MatchString(o.Account) {
		wrong(components.ErrName, "account", o.Account, "the 12 digits of an account, in quotes")
	}
	if o.PermissionsBoundary != "" && !policyARN.MatchString(o.PermissionsBoundary) {
		wrong(components.ErrName, "aws.permissionsBoundary", o.PermissionsBoundary, "the ARN of an IAM policy")
	}
	if o.GitHubProvider != "" && !providerARN.MatchString(o.GitHubProvider) {
		wrong(components.ErrName, "aws.githubProvider", o.GitHubProvider,
			"the ARN of the account's OIDC provider token.actions.githubusercontent.com")
	}
	t := &Target{options: *o, region: where}
	if o.ServeOnCluster {
		if err := t.checkInside(wrong); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return t, nil
}

// Name implements components.Target.
func (*Target) Name() string { return Name }

// Scope implements components.Target.
func (t *Target) Scope() components.Scope { return t.options.Scope }

// Unsupported implements components.Target: AWS offers every layer.
func (*Target) Unsupported() map[components.Layer]string { return nil }

// Begin makes the provider, which is bound to the account and the region of the stack file.
func (t *Target) Begin(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
	provider, err := aws.NewProvider(ctx, name, &aws.ProviderArgs{
		Region: pulumi.String(t.options.Region), AllowedAccountIds: pulumi.StringArray{pulumi.String(t.options.Account)},
	}, opts...)
	t.provider = provider
	return err
}

// Finish has nothing to start: the platform works by itself.
func (t *Target) Finish(*pulumi.Context, string, ...pulumi.ResourceOption) (pulumi.Map, error) {
	return pulumi.Map{"account": pulumi.String(t.options.Account), "region": pulumi.String(t.options.Region)}, nil
}
