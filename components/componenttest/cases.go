package componenttest

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// plantedSecret goes into every layer that takes a secret. It must never show.
const plantedSecret = "planted-secret"

// buildFunc builds a layer and returns its outputs.
type buildFunc func(*pulumi.Context, components.Target, ...pulumi.ResourceOption) (any, error)

// layerCase is what the suite knows of a layer.
type layerCase struct {
	layer         components.Layer
	build         buildFunc
	outputs       any
	secretOutputs []string
	bad           []badCase
}

// badCase is a bad argument with the sentinel that it must give.
type badCase struct {
	name     string
	sentinel error
	build    buildFunc
}

// constructor is a constructor of the components package.
type constructor[A, C any] func(
	*pulumi.Context, string, components.Target, *A, ...pulumi.ResourceOption,
) (C, error)

// caseFor builds the case of a layer from its constructor, good arguments and changes that make them bad.
func caseFor[A, C, O any](
	layer components.Layer, name string, construct constructor[A, C], outputsOf func(C) *O, good func() *A,
) *caseBuilder[A] {
	build := func(name string, args *A) buildFunc {
		return func(ctx *pulumi.Context, target components.Target, opts ...pulumi.ResourceOption) (any, error) {
			c, err := construct(ctx, name, target, args, opts...)
			if err != nil {
				return nil, err
			}
			return outputsOf(c), nil
		}
	}
	var zero O
	b := &caseBuilder[A]{good: good, build: build}
	b.layerCase = layerCase{layer: layer, build: build(name, good()), outputs: &zero}
	b.layerCase.bad = []badCase{{"name", components.ErrName, build("Not_A_Name", good())}}
	return b
}

type caseBuilder[A any] struct {
	layerCase
	good  func() *A
	build func(string, *A) buildFunc
}

// bad adds a change that makes good arguments bad.
func (b *caseBuilder[A]) bad(name string, sentinel error, change func(*A)) *caseBuilder[A] {
	args := b.good()
	change(args)
	b.layerCase.bad = append(b.layerCase.bad, badCase{name, sentinel, b.build("layer", args)})
	return b
}

func (b *caseBuilder[A]) secret(outputs ...string) *caseBuilder[A] {
	b.secretOutputs = outputs
	return b
}

func secretText() pulumi.StringOutput { return secretAfter("") }

// secretAfter is a text that ends in a secret.
func secretAfter(begin string) pulumi.StringOutput {
	return pulumi.ToSecret(pulumi.String(begin + plantedSecret)).(pulumi.StringOutput)
}

// cases lists every layer.
func cases(v Values) []layerCase {
	return []layerCase{
		networkCase(), securityCase(), lakeCase(), processingCase(v), warehouseCase(v), featuresCase(v), clusterCase(v),
		trainingCase(v), pipelineCase(v), registryCase(v), endpointCase(v), batchCase(v), monitoringCase(v), budgetCase(),
		workbenchCase(v), deliveryCase(),
	}
}
