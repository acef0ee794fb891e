package componenttest

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// Values are what the layers of a target get from each other: the suite builds each layer alone.
type Values struct {
	// Training and Inference are the images.
	Training, Inference string
	// Zone gives the address of a zone of the lake.
	Zone func(components.Zone) string
	// Table, Token and Definition are the addresses of the metadata table, of a token and of pipeline.yaml. Without a
	// token the platform lets callers in.
	Table, Token, Definition string
	// EventSource announces new data.
	EventSource string
	// Network, Subnets and Group place workloads. Empty where the target has no networks.
	Network, Group string
	// Subnets of the network.
	Subnets []string
	// Warehouse is how the address of a warehouse begins; a secret is put behind it.
	Warehouse string
	// OpenWarehouse tells that the address of a warehouse carries no password, and so is no secret.
	OpenWarehouse bool
	// Endpoint and Pipeline are the ids of what is watched.
	Endpoint, Pipeline string
}

// values are those of the harness, or those of one machine.
func (h Harness) values() Values {
	if h.Values != nil {
		return *h.Values
	}
	return Values{
		Training: "training-image", Inference: "inference-image",
		Zone:  func(zone components.Zone) string { return "file:///lake/" + string(zone) },
		Table: "sqlite:///registry/metadata.db", Token: "file:///tokens/endpoint", Definition: "file:///pipeline.yaml",
		EventSource: "file:///lake/raw",
	}
}

func (v Values) lake() pulumi.StringMap {
	uris := pulumi.StringMap{}
	for _, zone := range components.Zones() {
		uris[string(zone)] = pulumi.String(v.Zone(zone))
	}
	return uris
}

// Place is nil on a target without networks.
func (v Values) Place() *components.Placement {
	if v.Network == "" {
		return nil
	}
	return &components.Placement{
		Network: pulumi.String(v.Network), Subnets: pulumi.ToStringArray(v.Subnets), Group: pulumi.String(v.Group),
	}
}

// optional is an input that is left out where the target has no such thing.
func optional(value string) pulumi.StringInput {
	if value == "" {
		return nil
	}
	return pulumi.String(value)
}
