package aws

import (
	"fmt"
	"net/url"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// mayUseStores lets the steps load the warehouse and fill the online features. What that takes follows from their
// addresses, which are known before they are there.
func (p *pipeline) mayUseStores() error {
	for _, store := range []struct {
		part   string
		uri    pulumi.StringInput
		rights func(uri, curated string) ([]Statement, error)
	}{{"warehouse", p.args.Warehouse, p.loadWarehouse}, {"online", p.args.Online, p.fillOnline}} {
		if store.uri == nil {
			continue
		}
		curated := components.ZoneURI(p.args.Lake, components.Curated)
		policy := pulumi.All(store.uri, curated).ApplyT(func(all []any) (string, error) {
			statements, err := store.rights(all[0].(string), bucketOf(all[1].(string)))
			if err != nil {
				return "", err
			}
			return fixed(statements)
		}).(pulumi.StringOutput)
		made, err := iam.NewRolePolicy(p.Context, p.Part("steps", store.part), &iam.RolePolicyArgs{
			Name: pulumi.String(store.part), Role: nameOf(p.steps.ARN), Policy: policy,
		}, p.With()...)
		if err != nil {
			return err
		}
		p.steps.ready = append(p.steps.ready, made)
	}
	return p.mayFillGroup()
}

// mayFillGroup lets the steps put records into the feature group.
// Source: docs.aws.amazon.com/sagemaker, OnlineStoreSecurityConfig: who puts records needs kms:Decrypt.
func (p *pipeline) mayFillGroup() error {
	if p.args.FeatureGroup == nil {
		return nil
	}
	statements := append([]Statement{{
		Sid: "FillFeatureGroup", Actions: []string{"sagemaker:PutRecord"},
		Resources: pulumi.StringArray{p.args.FeatureGroup},
	}}, p.useKey(p.args.StoreKey, decrypts, "sagemaker", "dynamodb", "s3")...)
	made, err := p.attach(p.Part("steps", "group"), "group", nameOf(p.steps.ARN), statements)
	if err != nil {
		return err
	}
	p.steps.ready = append(p.steps.ready, made)
	return nil
}

// fixed writes statements all of whose resources are known.
func fixed(statements []Statement) (string, error) {
	resources := make([][]string, len(statements))
	for i, s := range statements {
		for _, arn := range s.Resources {
			resources[i] = append(resources[i], string(arn.(pulumi.String)))
		}
	}
	return marshal(statements, resources)
}

// loadWarehouse is what it takes to load the warehouse of an address.
func (p *pipeline) loadWarehouse(uri, curated string) ([]Statement, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("warehouse: want the ConnectionURI output of a Warehouse on AWS: %w", err)
	}
	switch u.Scheme {
	case "athena": // its tables read the files that lists in the lake name
		return []Statement{{
			Sid: "LoadWarehouse", Actions: []string{"s3:PutObject"}, Resources: here(p.bucketARN("%s/tables/*", curated)),
		}}, nil
	case "redshift-data":
		return p.loadRedshift(), nil
	default:
		return nil, fmt.Errorf("warehouse: found an address %s://, want the ConnectionURI output of a Warehouse on AWS: %w",
			u.Scheme, components.ErrChoice)
	}
}

// loadRedshift: a workgroup is named by what AWS draws, so that its tag has to tell it.
func (p *pipeline) loadRedshift() []Statement {
	workgroups := here(p.arn("redshift-serverless", "workgroup/*"))
	return []Statement{{
		Sid: "LogInToWarehouse", Actions: []string{"redshift-serverless:GetCredentials"}, Resources: workgroups,
		Conditions: p.tagged(),
	}, {
		Sid: "LoadWarehouse", Actions: []string{"redshift-data:BatchExecuteStatement"}, Resources: workgroups,
		Conditions: p.tagged(),
	}, {
		Sid: "FollowLoads", Actions: []string{"redshift-data:DescribeStatement"}, Resources: here("*"), // knows no resource
		Conditions: Conditions{"StringEquals": {"redshift-data:statement-owner-iam-userid": {"${aws:userid}"}}},
	}}
}

// fillOnline is what it takes to fill the online features of an address.
func (p *pipeline) fillOnline(uri, _ string) ([]Statement, error) {
	return []Statement{{
		Sid: "FillOnlineFeatures", Resources: here(p.arn("dynamodb", "table/%s", tableOf(uri))),
		Actions: []string{"dynamodb:DescribeTable", "dynamodb:PutItem"},
	}}, nil
}
