package kubernetes

import (
	"fmt"
	"maps"
	"net/url"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/argo"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// watchTokens is where the watcher finds the token that Argo's server asks for.
const watchTokens = "/var/run/secrets/mlpathway"

// watch starts runs for new data: the image's own watcher looks at the raw zone and asks Argo's server.
func (p *pipeline) watch() (pulumi.StringInput, error) {
	name := p.Part("watch")
	_, err := p.accountFor(name, api.Rule{
		APIGroups: []string{argo.Group}, Resources: []string{"workfloweventbindings"}, Verbs: []string{"list"},
	}, api.Rule{
		APIGroups: []string{argo.Group}, Resources: []string{"workflowtemplates"}, ResourceNames: []string{p.Component},
		Verbs: []string{"get"},
	}, api.Rule{APIGroups: []string{argo.Group}, Resources: []string{"workflows"}, Verbs: []string{"create"}})
	if err != nil {
		return nil, err
	}
	if err := p.policy("argo", p.toArgo()); err != nil {
		return nil, err
	}
	event := argo.Binding{
		Event:  argo.Event{Selector: fmt.Sprintf("discriminator == %q", p.Component)},
		Submit: argo.Submit{WorkflowTemplateRef: api.NameRef{Name: p.Component}},
	}
	m := object.Metadata{Name: name}
	binding, err := p.named(argo.APIVersion, argo.BindingKind, []string{"watch"}, m, spec(event),
		pulumi.DependsOn([]pulumi.Resource{p.template}))
	if err != nil {
		return nil, err
	}
	made, err := p.named("apps/v1", "Deployment", []string{"watch"}, m, spec(p.watcher(name)),
		pulumi.DependsOn([]pulumi.Resource{binding}))
	return p.Known(name, made), err
}

// toArgo leads the watcher to Argo's server.
func (p *pipeline) toArgo() api.NetworkPolicy {
	port := 2746
	if u, err := url.Parse(p.settings.ArgoServer); err == nil && u.Port() != "" {
		port, _ = strconv.Atoi(u.Port())
	}
	return api.NetworkPolicy{
		PodSelector: api.Selector{MatchLabels: p.selector(watchPart)}, PolicyTypes: []string{"Egress"},
		Egress: []api.Egress{{
			To:    []api.Peer{{NamespaceSelector: namespaceName(p.settings.Access.ArgoNamespace)}},
			Ports: []api.PolicyPort{{Protocol: "TCP", Port: port}},
		}},
	}
}

const watchPart = "watch"

// watchArgs let the watcher ask once for each change: Argo makes a run of each question, whether one is under way or
// not. What it saw lies in its own /tmp, so that it asks once more after it was moved, and when pipeline.yaml changes.
var watchArgs = []string{"watch", "--state", "/tmp/seen", "--interval", "15s"}

// watcher is one pod that never runs twice at a time. Its token is for it alone and is renewed each hour.
func (p *pipeline) watcher(account string) api.Deployment {
	environment := components.ZoneVariables(p.args.Lake, components.Raw, components.Logs)
	maps.Copy(environment, pulumi.StringMap{
		"MLPATHWAY_RAW": p.args.EventSource, "MLPATHWAY_PIPELINE": p.definition,
		"MLPATHWAY_NOTIFY": pulumi.String(fmt.Sprintf("%s/api/v1/events/%s/%s",
			p.settings.ArgoServer, p.namespace, p.Component)),
		"MLPATHWAY_NOTIFY_TOKEN_FILE": pulumi.String(watchTokens + "/" + tokenKey),
	})
	template := p.pod(workload{
		part: watchPart, account: account, image: p.args.Image, args: watchArgs, environment: environment,
		machine: components.Machine{CPUs: 0.1, MemoryMiB: 256}, files: []mount{{uri: p.definition}},
		container: func(c *api.Container) {
			c.VolumeMounts = append(c.VolumeMounts, api.VolumeMount{
				Name: tokenKey, MountPath: pulumi.String(watchTokens), ReadOnly: true,
			})
		},
	})
	template.Spec.Volumes = append(template.Spec.Volumes, api.Volume{Name: tokenKey, Projected: &api.ProjectedVolume{
		Sources: []api.Projection{{ServiceAccountToken: api.TokenProjection{Path: tokenKey, ExpirationSeconds: 3600}}},
	}})
	return api.Deployment{
		Replicas: new(1), Selector: api.Selector{MatchLabels: p.selector(watchPart)}, RevisionHistoryLimit: 2,
		Strategy: api.Strategy{Type: "Recreate"}, Template: template,
	}
}
