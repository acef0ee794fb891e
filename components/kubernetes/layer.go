package kubernetes

import (
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// layer makes the objects of one component: it knows their names, their labels and their options.
type layer struct {
	*Target
	ctx  *pulumi.Context
	kind components.Layer
	name string
	// given are the options that the contract hands to the layer, opts those of an object of the cluster.
	given, opts []pulumi.ResourceOption
}

func (t *Target) layer(
	ctx *pulumi.Context, kind components.Layer, name string, opts []pulumi.ResourceOption,
) *layer {
	l := &layer{Target: t, ctx: ctx, kind: kind, name: name, given: opts, opts: append([]pulumi.ResourceOption{}, opts...)}
	if t.provider != nil {
		l.opts = append(l.opts, pulumi.Provider(t.provider))
	}
	if t.space != nil {
		l.opts = append(l.opts, pulumi.DependsOn([]pulumi.Resource{t.space}))
	}
	return l
}

// with gives the options of an object: the parent, the provider, the namespace first, and what is added.
func (l *layer) with(added ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append(append([]pulumi.ResourceOption{}, l.opts...), added...)
}

// after gives the options of an object that others must be there for first.
func (l *layer) after(on ...pulumi.Resource) []pulumi.ResourceOption {
	return l.with(pulumi.DependsOn(slices.DeleteFunc(on, func(r pulumi.Resource) bool { return r == nil })))
}

// part is the logical name of a resource: the component's name, and what it is for.
func (l *layer) part(parts ...string) string {
	return strings.Join(append([]string{l.name}, parts...), "-")
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
	for key, value := range l.options.Scope.Tags(l.kind, l.name) {
		labels[key] = object.LabelValue(value)
	}
	labels["data-class"] = object.LabelValue(l.options.DataClass)
	return labels
}

// selector are the labels that tell the pods of one workload from all others.
func (l *layer) selector(part string) map[string]string {
	return map[string]string{instanceLabel: l.name, componentLabel: part}
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
	name := l.part(parts...)
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
	logical := l.part(append(append([]string{}, parts...), strings.ToLower(kind))...)
	return object.New(l.ctx, logical, api, kind, m, fields, append(l.with(), opts...)...)
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
func (l *layer) account() (pulumi.StringOutput, error) { return l.accountFor(l.name) }

// accountFor makes a service account. rules are what it may do in the namespace.
func (l *layer) accountFor(name string, rules ...api.Rule) (pulumi.StringOutput, error) {
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(name, l.name), "-"), "-")
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
	l.opts = l.after(made) // pods need it, and a token of an account that is not there is deleted
	if len(rules) > 0 {
		if err := l.role(name, parts, rules, made); err != nil {
			return pulumi.StringOutput{}, err
		}
	}
	return l.known("system:serviceaccount:"+l.namespace+":"+name, made), nil
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

// known is an output whose text is known before its resources are there, so that previews and policies see it; whatever
// uses it still waits for them.
func (l *layer) known(text string, of ...pulumi.Resource) pulumi.StringOutput {
	output := pulumi.OutputWithDependencies(l.ctx.Context(), pulumi.String(text).ToStringOutput(), of...)
	return output.(pulumi.StringOutput)
}

// text is an output with a fixed text.
func text(s string) pulumi.StringOutput { return pulumi.String(s).ToStringOutput() }

// none is an output without entries.
func none() pulumi.StringMapOutput { return pulumi.StringMap{}.ToStringMapOutput() }
