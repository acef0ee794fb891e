package kubernetes

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// Space is the namespace that the target builds in; nil before Begin.
func (t *Target) Space() pulumi.Resource { return t.space }

// LetLaunch lets a group of those who log in from outside make, see and delete jobs in the namespace, and nothing else:
// for a pipeline that runs outside the cluster.
func (t *Target) LetLaunch(ctx *pulumi.Context, name, group string, opts ...pulumi.ResourceOption) error {
	l := t.layer(ctx, components.PipelineLayer, name, opts)
	const rbac = "rbac.authorization.k8s.io"
	m := object.Metadata{Name: name}
	role, err := l.named(rbac+"/v1", "Role", nil, m, map[string]any{"rules": []api.Rule{{
		APIGroups: []string{"jobset.x-k8s.io"}, Resources: []string{"jobsets"}, Verbs: []string{"create", "delete", "get"},
	}}})
	if err != nil {
		return err
	}
	_, err = l.named(rbac+"/v1", "RoleBinding", nil, m, map[string]any{
		"roleRef":  api.RoleRef{APIGroup: rbac, Kind: "Role", Name: name},
		"subjects": []map[string]string{{"apiGroup": rbac, "kind": "Group", "name": group}},
	}, pulumi.DependsOn([]pulumi.Resource{role}))
	return err
}
