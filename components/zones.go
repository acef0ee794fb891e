package components

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// ZoneVariables gives a process of an image the addresses of the zones that it works on.
func ZoneVariables(lake pulumi.StringMapInput, zones ...Zone) pulumi.StringMap {
	names := map[Zone]string{
		Raw: "MLPATHWAY_RAW", Curated: "MLPATHWAY_CURATED", Features: "MLPATHWAY_FEATURES",
		Models: "MLPATHWAY_MODELS", Results: "MLPATHWAY_RESULTS", Logs: "MLPATHWAY_LOGS",
	}
	variables := pulumi.StringMap{}
	for _, zone := range zones {
		variables[names[zone]] = ZoneURI(lake, zone)
	}
	return variables
}

// ZoneURI is the address of one zone among the URIs of a lake.
func ZoneURI(lake pulumi.StringMapInput, zone Zone) pulumi.StringOutput {
	return lake.ToStringMapOutput().MapIndex(pulumi.String(string(zone)))
}
