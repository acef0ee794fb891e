package kubernetes

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
)

// Features are made by the pipeline's own step on DuckDB, or where they are distributed by applications of the Spark
// operator, and lie in the features zone. Where the settings name an image of Feast it keeps the newest row of each key
// in Redis, and a step of the pipeline fills it.
func (t *Target) Features(
	ctx *pulumi.Context, name string, args *components.FeaturesArgs, opts ...pulumi.ResourceOption,
) (*components.FeaturesOutputs, error) {
	l := t.layer(ctx, components.FeaturesLayer, name, opts)
	var rules []api.Rule
	if args.Distributed {
		rules = driverRules()
	}
	identity, err := l.accountFor(name, rules...)
	if err != nil {
		return nil, err
	}
	outputs := &components.FeaturesOutputs{EngineID: text(""), OnlineURI: text(""), Identity: identity}
	if args.Distributed {
		e, err := l.newEngine(args)
		if err != nil {
			return nil, err
		}
		t.mu.Lock()
		t.engine = e
		// The script reads the record of its run.
		t.rights[l.Part("engine")] = []string{fmt.Sprintf("%s %s/runs", components.Read, t.zone(components.Logs))}
		t.mu.Unlock()
		outputs.EngineID = l.Known(name)
	}
	if t.settings.Feast.Image != "" && *args.Online && args.Views[0].Key != "" {
		o, made, err := l.newOnline(args)
		if err != nil {
			return nil, err
		}
		t.mu.Lock()
		t.store = o
		t.mu.Unlock()
		outputs.OnlineURI = l.Known(fmt.Sprintf("http://%s.%s.svc.cluster.local:%d",
			l.Part(serverPart), t.namespace, serverPort), made...)
	}
	groups := pulumi.StringMap{}
	for _, view := range args.Views {
		groups[view.Name] = args.Offline
	}
	outputs.GroupIDs = groups.ToStringMapOutput()
	return outputs, nil
}
