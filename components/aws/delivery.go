package aws

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// githubIssuer signs who a run of GitHub Actions is.
const githubIssuer = "token.actions.githubusercontent.com"

// Delivery makes the role that the branch takes to deploy, and the one with which pull requests look. Neither needs a
// stored key: GitHub says who asks.
func (t *Target) Delivery(
	ctx *pulumi.Context, name string, args *components.DeliveryArgs, opts ...pulumi.ResourceOption,
) (*components.DeliveryOutputs, error) {
	l := t.layer(ctx, components.DeliveryLayer, name, opts)
	issuer, ready, err := l.issuer()
	if err != nil {
		return nil, err
	}
	outputs := &components.DeliveryOutputs{PreviewRoleID: text("")}
	outputs.DeployRoleID, err = l.deliveryRole("deploy", "Deploys the stack from "+args.Repository,
		issuer, "repo:"+args.Repository+":ref:refs/heads/"+args.Branch, func(p permission) []string {
			return slices.Concat(p.read, p.write)
		}, ready)
	if err != nil || !*args.Preview {
		return outputs, err
	}
	outputs.PreviewRoleID, err = l.deliveryRole("preview", "Previews pull requests of "+args.Repository,
		issuer, "repo:"+args.Repository+":pull_request", func(p permission) []string { return p.read }, ready)
	return outputs, err
}

// issuer is the account's OIDC provider for GitHub, of which there can be only one.
func (l *layer) issuer() (string, []pulumi.Resource, error) {
	if l.options.GitHubProvider != "" {
		return l.options.GitHubProvider, nil, nil
	}
	made, err := iam.NewOpenIdConnectProvider(l.Context, l.Part("github"), &iam.OpenIdConnectProviderArgs{
		Url: pulumi.String("https://" + githubIssuer), ClientIdLists: pulumi.ToStringArray([]string{"sts.amazonaws.com"}),
		Tags: l.tags(noData),
	}, l.With()...)
	return l.globalARN("iam", "oidc-provider/%s", githubIssuer), []pulumi.Resource{made}, err
}

// deliveryRole makes a role that only one kind of run of one repository can take.
func (l *layer) deliveryRole(
	part, does, issuer, subject string, actions func(permission) []string, ready []pulumi.Resource,
) (pulumi.StringOutput, error) {
	after := *l // a trust policy that names an issuer needs it to be there
	after.Options = l.After(ready...)
	id, err := after.newRole(role{part: part, does: does, trust: []Statement{{
		Sid: "TakeRole", Principals: &Principals{Federated: []string{issuer}},
		Actions: []string{"sts:AssumeRoleWithWebIdentity"},
		Conditions: Conditions{"StringEquals": {
			githubIssuer + ":aud": {"sts.amazonaws.com"}, githubIssuer + ":sub": {subject},
		}},
	}}})
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	attached := slices.Clone(ready)
	groups := l.permissions()
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		var statements []Statement
		for _, p := range groups[group] {
			if wanted := actions(p); len(wanted) > 0 {
				statements = append(statements, Statement{
					Sid: p.sid, Actions: wanted, Resources: here(p.on...), Conditions: p.conditions,
				})
			}
		}
		policy, err := iam.NewPolicy(l.Context, l.Part(part, group), &iam.PolicyArgs{
			Name: pulumi.String(l.global(128, part, group)), Policy: document(statements...), Tags: l.tags(noData),
			Description: pulumi.String(fmt.Sprintf("%s: %s", does, group)),
		}, l.With()...)
		if err != nil {
			return pulumi.StringOutput{}, err
		}
		made, err := iam.NewRolePolicyAttachment(l.Context, l.Part(part, group), &iam.RolePolicyAttachmentArgs{
			Role: nameOf(id.ARN), PolicyArn: policy.Arn,
		}, l.With()...)
		if err != nil {
			return pulumi.StringOutput{}, err
		}
		attached = append(attached, made)
	}
	return l.Known(l.globalARN("iam", "role/%s", l.global(64, part)), attached...), nil
}
