package kubernetes

import (
	"maps"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// layer makes the objects of one component: it knows their names, their labels and their options.
type layer struct {
	*Target
	components.Builder
}

func (t *Target) layer(
	ctx *pulumi.Context, kind components.Layer, name string, opts []pulumi.ResourceOption,
) *layer {
	var added []pulumi.ResourceOption
	if t.provider != nil {
		added = append(added, pulumi.Provider(t.provider))
	}
	if t.space != nil { // the namespace first
		added = append(added, pulumi.DependsOn([]pulumi.Resource{t.space}))
	}
	return &layer{t, components.NewBuilder(ctx, kind, name, opts, added...)}
}

// The labels that objects and pods are found by.
const (
	nameLabel      = "app.kubernetes.io/name"
	instanceLabel  = "app.kubernetes.io/instance"
	partLabel      = "app.kubernetes.io/part-of"
	componentLabel = "app.kubernetes.io/component"
	managerLabel   = "app.kubernetes.io/managed-by"
	teamLabel      = "mlpathway/team"
	poolLabel      = "mlpathway/pool"
)

// labels are those of every object: whose it is, what it belongs to, who pays.
func (l *layer) labels() map[string]string {
	labels := map[string]string{
		partLabel: l.options.Scope.Team + "-" + string(l.options.Scope.Environment), managerLabel: "mlpathway",
		teamLabel: l.options.Scope.Team,
	}
	for key, value := range l.options.Scope.Tags(l.Layer, l.Component) {
		labels[key] = object.LabelValue(value)
	}
	labels["data-class"] = object.LabelValue(l.options.DataClass)
	return labels
}

// selector are the labels that tell the pods of one workload from all others.
func (l *layer) selector(part string) map[string]string {
	return map[string]string{instanceLabel: l.Component, componentLabel: part}
}

// podLabels are the labels of pods.
func (l *layer) podLabels(part string) map[string]string {
	labels := l.labels()
	maps.Copy(labels, l.selector(part))
	return labels
}

// object declares an object of the namespace. parts tell it from others of the layer.
func (l *layer) object(
	api, kind string, parts []string, fields map[string]any, opts ...pulumi.ResourceOption,
) (*object.Object, error) {
	name := l.Part(parts...)
	return l.named(api, kind, parts, object.Metadata{Name: name}, fields, opts...)
}

// named declares an object of the namespace with a name or annotations of its own.
func (l *layer) named(
	api, kind string, parts []string, m object.Metadata, fields map[string]any, opts ...pulumi.ResourceOption,
) (*object.Object, error) {
	m.Namespace = l.namespace
	labels := l.labels()
	maps.Copy(labels, m.Labels)
	m.Labels = labels
	logical := l.Part(append(append([]string{}, parts...), strings.ToLower(kind))...)
	return object.New(l.Context, logical, api, kind, m, fields, l.With(opts...)...)
}

// spec is the only field of most objects.
func spec(value any) map[string]any { return map[string]any{"spec": value} }

// identityAnnotations say on a service account for whom its pods act, by cloud.
var identityAnnotations = map[string]string{
	"aws":   "eks.amazonaws.com/role-arn",
	"gcp":   "iam.gke.io/gcp-service-account",
	"azure": "azure.workload.identity/client-id",
}

// azurePods is the label of pods that act for an account of Azure.
const azurePods = "azure.workload.identity/use"

// account makes the service account of a workload and gives its principal.
func (l *layer) account() (pulumi.StringOutput, error) { return l.accountFor(l.Component) }

// accountFor makes a service account. rules are what it may do in the namespace.
func (l *layer) accountFor(name string, rules ...api.Rule) (pulumi.StringOutput, error) {
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(name, l.Component), "-"), "-")
	if parts[0] == "" {
		parts = nil
	}
	m := object.Metadata{Name: name}
	if whom, ok := l.settings.Identity.Accounts[name]; ok {
		m.Annotations = map[string]string{identityAnnotations[l.settings.Identity.Cloud]: whom}
	}
	made, err := l.named("v1", "ServiceAccount", parts, m, map[string]any{"automountServiceAccountToken": false})
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	l.mu.Lock()
	l.accounts[name] = true
	l.mu.Unlock()
	l.Options = l.After(made) // pods need it, and a token of an account that is not there is deleted
	if len(rules) > 0 {
		if err := l.role(name, parts, rules, made); err != nil {
			return pulumi.StringOutput{}, err
		}
	}
	return l.Known("system:serviceaccount:"+l.namespace+":"+name, made), nil
}

// role lets a service account do something in the namespace.
func (l *layer) role(account string, parts []string, rules []api.Rule, on pulumi.Resource) error {
	const group = "rbac.authorization.k8s.io"
	role, err := l.named(group+"/v1", "Role", parts, object.Metadata{Name: account}, map[string]any{"rules": rules})
	if err != nil {
		return err
	}
	_, err = l.named(group+"/v1", "RoleBinding", parts, object.Metadata{Name: account}, map[string]any{
		"roleRef":  api.RoleRef{APIGroup: group, Kind: "Role", Name: account},
		"subjects": []api.Subject{{Kind: "ServiceAccount", Name: account, Namespace: l.namespace}},
	}, pulumi.DependsOn([]pulumi.Resource{role, on}))
	return err
}

// unawaited tells the engine not to wait until an object is ready.
var unawaited = map[string]string{"pulumi.com/skipAwait": "true"}

// text is an output with a fixed text.
func text(s string) pulumi.StringOutput { return pulumi.String(s).ToStringOutput() }

// none is an output without entries.
func none() pulumi.StringMapOutput { return pulumi.StringMap{}.ToStringMapOutput() }
