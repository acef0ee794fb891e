package kubernetes

import (
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// tokenKey is the key of a Secret that holds a bearer token.
const tokenKey = "token"

// Security makes a Secret for each token. Accounts and their rights are made with the workloads that use them, and pod
// security with the namespace. Encryption of Secrets, keys and the audit trail belong to the API server, which a stack
// cannot set up: docs/kubernetes.md says what to ask of the cluster.
func (t *Target) Security(
	ctx *pulumi.Context, name string, args *components.SecurityArgs, opts ...pulumi.ResourceOption,
) (*components.SecurityOutputs, error) {
	l := t.layer(ctx, components.SecurityLayer, name, opts)
	uris := pulumi.StringMap{}
	for _, token := range args.Tokens {
		value, err := random.NewRandomPassword(ctx, l.Part(token), &random.RandomPasswordArgs{
			Length: pulumi.Int(40), Special: pulumi.Bool(false),
		}, l.Given...)
		if err != nil {
			return nil, err
		}
		made, err := l.named("v1", "Secret", []string{token}, object.Metadata{Name: l.Part(token)}, map[string]any{
			"type": "Opaque", "stringData": pulumi.StringMap{tokenKey: value.Result},
		}, pulumi.AdditionalSecretOutputs([]string{"stringData", "data"}))
		if err != nil {
			return nil, err
		}
		uris[token] = l.Known(fileURI(l.Part(token), tokenKey), made)
	}
	return &components.SecurityOutputs{
		Keys: pulumi.StringMap{}, AuditSink: text(""), TokenURIs: uris.ToStringMapOutput(),
	}, nil
}
