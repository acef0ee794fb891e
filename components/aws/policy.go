package aws

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Statement is one statement of a policy. docs/aws.md is made from the statements that are deployed: Sid says in
// CamelCase why the statement is there.
type Statement struct {
	Sid        string
	Effect     string // "" for Allow
	Principals *Principals
	Actions    []string
	Resources  pulumi.StringArray // none in a trust policy
	Conditions Conditions
}

// Principals says to whom a statement of a trust or resource policy applies.
type Principals struct {
	Service   []string `json:"Service,omitempty"`
	AWS       []string `json:"AWS,omitempty"`
	Federated []string `json:"Federated,omitempty"`
}

// Conditions restrict a statement: operator, key, values.
type Conditions map[string]map[string][]string

// Deny is the effect of a statement that forbids.
const Deny = "Deny"

// here are resources whose names are known before anything is made.
func here(arns ...string) pulumi.StringArray { return pulumi.ToStringArray(arns) }

// statementJSON is a statement as IAM reads it.
type statementJSON struct {
	Sid       string
	Effect    string
	Principal *Principals `json:",omitempty"`
	Action    []string
	Resource  []string   `json:",omitempty"`
	Condition Conditions `json:",omitempty"`
}

// document writes the statements as one policy document. It is known in a preview if the resources are.
func document(statements ...Statement) pulumi.StringOutput {
	resources := pulumi.StringArrayArray{}
	for _, s := range statements {
		list := pulumi.StringArray{}
		resources = append(resources, append(list, s.Resources...))
	}
	return resources.ToStringArrayArrayOutput().ApplyT(func(resolved [][]string) (string, error) {
		return marshal(statements, resolved)
	}).(pulumi.StringOutput)
}

// marshal writes a policy document; resources are the resolved resources of each statement.
func marshal(statements []Statement, resources [][]string) (string, error) {
	list := make([]statementJSON, len(statements))
	for i, s := range statements {
		effect := s.Effect
		if effect == "" {
			effect = "Allow"
		}
		list[i] = statementJSON{s.Sid, effect, s.Principals, s.Actions, resources[i], s.Conditions}
	}
	data, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": list})
	if err != nil {
		return "", fmt.Errorf("writing a policy: %w", err)
	}
	return string(data), nil
}

// trust lets services take a role, but only on behalf of this account. EC2 tells nobody on whose behalf it asks.
func (t *Target) trust(services ...string) Statement {
	s := Statement{
		Sid: "TakeRole", Principals: &Principals{Service: services}, Actions: []string{"sts:AssumeRole"},
	}
	if !slices.Contains(services, "ec2.amazonaws.com") {
		s.Conditions = t.ownAccount()
	}
	return s
}

// ownAccount restricts a statement to requests on behalf of this account.
func (t *Target) ownAccount() Conditions {
	return Conditions{"StringEquals": {"aws:SourceAccount": {t.options.Account}}}
}

// useKey lets a role use a key through some services of this region only, and nothing at all where there is no key of
// our own: the platform's keys need no statement.
func (t *Target) useKey(key pulumi.StringInput, actions []string, services ...string) []Statement {
	if key == nil {
		return nil
	}
	via := make([]string, len(services))
	for i, service := range services {
		via[i] = fmt.Sprintf("%s.%s.amazonaws.com", service, t.options.Region)
	}
	return []Statement{{
		Sid: "UseKey", Actions: actions, Resources: pulumi.StringArray{key},
		Conditions: Conditions{"StringEquals": {"kms:ViaService": via}},
	}}
}

// What a principal does with a key.
var (
	decrypts = []string{"kms:Decrypt", "kms:DescribeKey"}
	encrypts = []string{"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"}
)
