package aws_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/aws"
	"github.com/mlpathway/mlpathway/components/aws/awstest"
	"github.com/mlpathway/mlpathway/components/componenttest"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(*aws.Options){
		`region: found "eu-middle-1", want one of af-south-1, ap-east-1`: func(o *aws.Options) {
			o.Region = "eu-middle-1"
		},
		`account: found "12345", want the 12 digits of an account`: func(o *aws.Options) { o.Account = "12345" },
		`aws.permissionsBoundary: found "boundary", want the ARN`: func(o *aws.Options) {
			o.PermissionsBoundary = "boundary"
		},
		`aws.githubProvider: found "github", want the ARN of the account's`: func(o *aws.Options) {
			o.GitHubProvider = "github"
		},
	} {
		o := aws.Options{Scope: componenttest.Scope(components.Dev), Account: awstest.Account, Region: awstest.Region}
		change(&o)
		_, err := aws.New(&o)
		require.ErrorContains(t, err, text)
	}
	_, err := aws.New(&aws.Options{})
	require.ErrorIs(t, err, components.ErrChoice)
	require.ErrorIs(t, err, components.ErrName, "everything that is wrong at once")
}

// TestBoundary: no role of the stack is without the boundary, and the CI system can make none without it.
func TestBoundary(t *testing.T) {
	t.Parallel()
	boundary := "arn:aws:iam::123456789012:policy/boundary"
	p := deliveryPlan(aws.Options{PermissionsBoundary: boundary}, nil)
	r := p.must(t)
	for _, role := range r.Find("aws:iam/role:Role") {
		assert.Equal(t, boundary, role.Inputs["permissionsBoundary"].StringValue())
	}
	for _, s := range r.document("aws:iam/policy:Policy", "delivery-deploy-identity", "policy")["Statement"].([]any) {
		statement := s.(map[string]any)
		for _, action := range texts(statement["Action"]) {
			if action == "iam:CreateRole" || action == "iam:PutRolePolicy" {
				assert.Equal(t, map[string]any{"StringEquals": map[string]any{"iam:PermissionsBoundary": []any{boundary}}},
					statement["Condition"], action)
			}
		}
	}
}

// TestProvider: what the platform makes is bound to the account and the region of the stack file.
func TestProvider(t *testing.T) {
	t.Parallel()
	r := plan{build: func(ctx *pulumi.Context, target components.Target) error {
		root, err := components.NewPlatform(ctx, "platform", target)
		if err != nil {
			return err
		}
		_, err = components.NewBudget(ctx, "budget", target,
			&components.BudgetArgs{MonthlyUSD: 1, Receivers: []string{"a@example.com"}}, pulumi.Parent(root))
		return err
	}}.must(t)
	provider := r.one("pulumi:providers:aws", "platform")
	assert.Equal(t, "eu-central-1", provider.Inputs["region"].StringValue())
	assert.Equal(t, "123456789012", provider.Inputs["allowedAccountIds"].ArrayValue()[0].StringValue())
	assert.Contains(t, r.one("aws:budgets/budget:Budget", "").Provider, provider.URN)
}
