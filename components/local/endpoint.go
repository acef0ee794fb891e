package local

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Endpoint is one process on loopback that starts again when it dies. There is one replica, whatever the bounds say,
// and nobody outside the machine can reach it, so that the platform's authentication asks for nothing more.
func (t *Target) Endpoint(
	ctx *pulumi.Context, name string, args *components.EndpointArgs, opts ...pulumi.ResourceOption,
) (*components.EndpointOutputs, error) {
	if args.Address == nil {
		return nil, fmt.Errorf("address: found nothing, want an address of the Network: %w", components.ErrRequired)
	}
	if len(args.Traffic) > 1 {
		return nil, fmt.Errorf("traffic: one machine serves one alias: %w", components.ErrUnsupported)
	}
	environment := components.ZoneVariables(args.Lake, components.Models, components.Logs, components.Results)
	environment["MLPATHWAY_MODEL"] = pulumi.String(args.Model)
	environment["MLPATHWAY_ALIAS"] = pulumi.String(args.Alias)
	environment["MLPATHWAY_ADDRESS"] = args.Address
	if args.Auth == components.AuthToken {
		environment["MLPATHWAY_TOKEN_FILE"] = args.TokenURI.ToStringOutput().ApplyT(filePath).(pulumi.StringOutput)
	}
	share := strconv.FormatFloat(float64(*args.CapturePercent)/100, 'g', -1, 64)
	address := pulumi.Sprintf("http://%s", args.Address)
	process, err := t.run(ctx, name, workload{
		image: args.Image, args: []string{"serve", "--capture-share", share}, environment: environment,
		readyURL: pulumi.Sprintf("%s/healthz", address),
	}, opts...)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waits = append(t.waits, readiness{
		Process: name, URL: pulumi.Sprintf("%s/readyz", address), LogsURI: components.ZoneURI(args.Lake, components.Logs),
		Digest: process.Digest,
	})
	return &components.EndpointOutputs{
		URL: address, EndpointID: text(name), ScalingPolicyID: text(""), Identity: text(identity),
	}, nil
}

// filePath turns a file:// URI into a path.
func filePath(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "file" {
		return "", fmt.Errorf("tokenUri: found %q, want a file:// URI: %w", address, components.ErrChoice)
	}
	return filepath.FromSlash(u.Path), nil
}
