package object

import (
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// NewContextProvider declares the way into a cluster that the kubeconfig of whoever runs Pulumi knows under a name.
func NewContextProvider(
	ctx *pulumi.Context, name, context string, opts ...pulumi.ResourceOption,
) (*kubernetes.Provider, error) {
	// Given nothing at all, the SDK would keep $KUBECONFIG, which is another one on each machine.
	nothing := pulumi.ToOutput((*string)(nil)).(pulumi.StringPtrOutput)
	return newProvider(ctx, name, &kubernetes.ProviderArgs{Context: pulumi.StringPtr(context), Kubeconfig: nothing}, opts)
}

// NewProvider declares the way into a cluster. The kubeconfig must hold no credentials: it is kept as it is, since a
// recorded preview cannot carry a secret that is not known yet.
func NewProvider(
	ctx *pulumi.Context, name string, kubeconfig pulumi.StringOutput, opts ...pulumi.ResourceOption,
) (*kubernetes.Provider, error) {
	return newProvider(ctx, name, &kubernetes.ProviderArgs{Kubeconfig: kubeconfig.ToStringPtrOutput()}, opts)
}

func newProvider(
	ctx *pulumi.Context, name string, args *kubernetes.ProviderArgs, opts []pulumi.ResourceOption,
) (*kubernetes.Provider, error) {
	args.EnableServerSideApply = pulumi.BoolPtr(true)
	args.EnableConfigMapMutable = pulumi.BoolPtr(true) // else a changed one goes before the new one comes
	return kubernetes.NewProvider(ctx, name, args, opts...)
}
