package engine

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Replay is a program that registers what a recording holds, several times over: the same resources with the same
// dependencies, and no work of its own. rename makes the names of a copy differ from those of the others; what an
// account has once is in the first copy alone.
func Replay(recording []byte, copies int, rename func(text string, n int) string) (Program, error) {
	all := make([]Recording, copies)
	for n := range copies {
		if err := json.Unmarshal([]byte(rename(string(recording), n)), &all[n]); err != nil {
			return nil, err
		}
		if n > 0 {
			all[n].Resources = slices.DeleteFunc(all[n].Resources, func(r apitype.ResourceV3) bool {
				return slices.Contains(once, string(r.Type))
			})
		}
	}
	return Inline(func(ctx *pulumi.Context) error {
		for _, r := range all {
			if err := replay(ctx, r.Resources); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

// once are the types of which an account has one, and what is part of one.
var once = []string{
	"aws:iam/openIdConnectProvider:OpenIdConnectProvider",
	"aws:guardduty/detector:Detector", "aws:guardduty/detectorFeature:DetectorFeature",
}

// replayed is a resource or component whose outputs nobody reads.
type replayed struct {
	pulumi.CustomResourceState
}

type replayedComponent struct {
	pulumi.ResourceState
}

func replay(ctx *pulumi.Context, resources []apitype.ResourceV3) error {
	made := map[resource.URN]pulumi.Resource{}
	for _, r := range resources {
		if strings.HasPrefix(string(r.Type), "pulumi:") {
			continue
		}
		var opts []pulumi.ResourceOption
		if parent, ok := made[r.Parent]; ok {
			opts = append(opts, pulumi.Parent(parent))
		}
		var needs []pulumi.Resource
		for _, urn := range r.Dependencies {
			if needed, ok := made[urn]; ok {
				needs = append(needs, needed)
			}
		}
		opts = append(opts, pulumi.DependsOn(needs))
		if !r.Custom {
			c := &replayedComponent{}
			if err := ctx.RegisterComponentResource(string(r.Type), r.URN.Name(), c, opts...); err != nil {
				return err
			}
			made[r.URN] = c
			continue
		}
		inputs := pulumi.Map{}
		for key, value := range r.Inputs {
			if key != "__defaults" && !chosen(r.Inputs, key) {
				inputs[key] = pulumi.Any(bare(value))
			}
		}
		c := &replayed{}
		if err := ctx.RegisterResource(string(r.Type), r.URN.Name(), inputs, c, opts...); err != nil {
			return err
		}
		made[r.URN] = c
	}
	return nil
}

// chosen tells that the provider chose a property, and will do so again.
func chosen(inputs map[string]any, key string) bool {
	names, _ := inputs["__defaults"].([]any)
	return slices.Contains(names, any(key))
}

// bare takes the marks of Pulumi off a value; a secret becomes a plain word.
func bare(value any) any {
	switch v := value.(type) {
	case map[string]any:
		switch v[resource.SigKey] {
		case nil:
		case resource.AssetSig:
			return pulumi.NewStringAsset(hidden)
		case resource.ArchiveSig:
			return pulumi.NewAssetArchive(nil)
		default:
			return hidden
		}
		clear := map[string]any{}
		for key, item := range v {
			if key != "__defaults" {
				clear[key] = bare(item)
			}
		}
		return clear
	case []any:
		all := make([]any, len(v))
		for i, item := range v {
			all[i] = bare(item)
		}
		return all
	default:
		return value
	}
}

// ProgramCPU is the processor time of the last program that ran as a Binary. It means something where one runs at a
// time.
func ProgramCPU() int64 { return programCPU.Load() }
