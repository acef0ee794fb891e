package local

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Security keeps each token in a file that only its owner can read. The disk's own encryption and the files' modes
// stand for keys; who did what stands in the logs of the processes.
func (t *Target) Security(
	ctx *pulumi.Context, name string, args *components.SecurityArgs, opts ...pulumi.ResourceOption,
) (*components.SecurityOutputs, error) {
	uris := pulumi.StringMap{}
	if len(args.Tokens) > 0 {
		dir, err := t.store(ctx, name, false, opts)
		if err != nil {
			return nil, err
		}
		opts = with(opts, dir)
	}
	for _, tokenName := range args.Tokens {
		path := t.path(name, tokenName)
		made, err := newToken(ctx, name+"-"+tokenName, path, opts...)
		if err != nil {
			return nil, err
		}
		uris[tokenName] = components.Known(ctx, uri("file", path), made) // the address of the token, never the token
	}
	return &components.SecurityOutputs{
		Keys: pulumi.StringMap{}, AuditSink: text(""), TokenURIs: uris.ToStringMapOutput(),
	}, nil
}
