package aws

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// role describes the identity of one workload.
type role struct {
	// part tells it from the other roles of the component; "" for the only one.
	part string
	// does is a sentence for people: what the role is for.
	does string
	// trust says who may take it.
	trust []Statement
	// may is what it is allowed besides what is granted to it. One policy holds all of it.
	may []Statement
	// keys are statements about keys. They are a policy of their own: what a preview cannot know yet must not hide the
	// rest from it.
	keys []Statement
	// tags besides those of every resource, which services read.
	tags map[string]string
}

// identity is a role that was made.
type identity struct {
	// ARN is known before the role is there.
	ARN pulumi.StringOutput
	// Role and its policies: what uses the role waits for all of them.
	ready []pulumi.Resource
}

// newRole makes a role with its policies.
func (l *layer) newRole(r role) (*identity, error) {
	var parts []string
	if r.part != "" {
		parts = []string{r.part}
	}
	name := l.global(64, parts...)
	args := &iam.RoleArgs{
		Name: pulumi.String(name), Description: pulumi.String(r.does), AssumeRolePolicy: document(r.trust...),
		MaxSessionDuration: pulumi.Int(3600), Tags: l.tags(noData),
	}
	for key, value := range r.tags {
		args.Tags.(pulumi.StringMap)[key] = pulumi.String(value)
	}
	if boundary := l.options.PermissionsBoundary; boundary != "" {
		args.PermissionsBoundary = pulumi.String(boundary)
	}
	made, err := iam.NewRole(l.Context, l.Part(parts...), args, l.With()...)
	if err != nil {
		return nil, err
	}
	id := &identity{ready: []pulumi.Resource{made}}
	for _, policy := range []struct {
		name       string
		statements []Statement
	}{{"own", r.may}, {"keys", r.keys}} {
		if len(policy.statements) == 0 {
			continue
		}
		attached, err := l.attach(l.Part(append(parts, policy.name)...), policy.name, made.Name, policy.statements)
		if err != nil {
			return nil, err
		}
		id.ready = append(id.ready, attached)
	}
	id.ARN = l.Known(l.globalARN("iam", "role/%s", name), id.ready...)
	return id, nil
}

// attach gives a role a policy.
func (l *layer) attach(
	logical, name string, role pulumi.StringInput, statements []Statement,
) (*iam.RolePolicy, error) {
	return iam.NewRolePolicy(l.Context, logical, &iam.RolePolicyArgs{
		Name: pulumi.String(name), Role: role, Policy: document(statements...),
	}, l.With()...)
}

// lastOf gives the name of what an ARN means: what follows its last slash.
func lastOf(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// nameOf gives the name of the role that an Identity output means.
func nameOf(identity pulumi.StringInput) pulumi.StringOutput {
	return identity.ToStringOutput().ApplyT(lastOf).(pulumi.StringOutput)
}
