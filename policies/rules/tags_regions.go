package rules

import (
	"slices"
	"strings"
)

// awsStores are the types of AWS where data comes to rest. Their region is that of the provider.
var awsStores = []string{
	bucketV2, dynamoTable, rdsInstance, rdsCluster, redshiftCluster, "aws:redshiftserverless/namespace:Namespace",
	"aws:efs/fileSystem:FileSystem", "aws:ebs/volume:Volume", ecrRepository, "aws:cloudwatch/logGroup:LogGroup",
	"aws:kinesis/stream:Stream", "aws:sqs/queue:Queue", "aws:sagemaker/featureGroup:FeatureGroup",
}

// locations are the types that say themselves where they are, by the property that says it.
var locations = []struct {
	typ, path, fallback string
	unchecked           bool
}{
	{typ: gcsBucket, path: "location"},
	// Default: the multi-region US.
	{typ: "gcp:bigquery/dataset:Dataset", path: "location", fallback: "US"},
	{typ: garRepository, path: "location"},
	{typ: cloudSQL, path: "region"},
	{typ: "gcp:firestore/database:Database", path: "locationId"},
	{typ: "gcp:vertex/aiFeatureStore:AiFeatureStore", path: "region"},
	{typ: storageAccount, path: "location"},
	{typ: acrRegistry, path: "location"},
	{typ: "azure-native:keyvault:Vault", path: "location"},
	{typ: cosmosAccount, path: "location", unchecked: true},
}

func regionsAllowed() Rule {
	const secret = "gcp:secretmanager/secret:Secret"
	var matchers []Matcher
	for _, typ := range awsStores {
		matchers = append(matchers, Matcher{Type: typ, Check: func(c *Check) {
			if len(c.Stack.AllowedRegions) > 0 {
				c.expectRegion(Item{Value: providerRegion(c.Resource), Path: "provider.region"})
			}
		}})
	}
	for _, at := range locations {
		matchers = append(matchers, Matcher{
			Type: at.typ, Paths: []string{at.path}, Unchecked: at.unchecked, Check: func(c *Check) {
				if len(c.Stack.AllowedRegions) == 0 {
					return
				}
				item := Item{Value: c.Get(at.path), Path: at.path}
				if item.IsAbsent() && at.fallback != "" {
					item.Value = StringValue(at.fallback)
				} else if item.IsAbsent() {
					// The provider's, or on Azure that of the resource group.
					item.Value = providerRegion(c.Resource)
				}
				c.expectRegion(item)
			},
		})
	}
	const replica = "replication.userManaged.replicas[].location"
	matchers = append(matchers, Matcher{Type: secret, Paths: []string{replica}, Check: func(c *Check) {
		if len(c.Stack.AllowedRegions) == 0 {
			return
		}
		items := c.Each(replica)
		if len(items) == 0 {
			c.Fail("replication", "lets Google choose the regions, want userManaged replicas in %s",
				anyOf(c.Stack.AllowedRegions))
		}
		for _, item := range items {
			c.expectRegion(item)
		}
	}})
	return Rule{
		ID:    "REG-01",
		Title: "Data is kept in the regions that the stack allows",
		Why: "Contracts and laws say where personal data may be. A wrong default puts it on another continent, where it " +
			"stays " +
			"in backups even after it was moved.",
		Severity: High,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: matchers,
		Fix: "AWS: give the resource a provider of an allowed region. Google Cloud and Azure: set location. For secrets: " +
			"replication.userManaged.",
		Remediation: "None: a store can not be moved, only replaced.",
		Peers:       "none static",
	}
}

// providerRegion is the region that a resource's provider works in. The default provider takes it from the
// surroundings: it is not known.
func providerRegion(r *Resource) Value {
	key := "region"
	if r.Cloud() == Azure {
		key = "location"
	}
	if region := r.Provider.Properties.Key(key); !region.IsAbsent() {
		return region
	}
	return UnknownValue()
}

// expectRegion wants an allowed region, whatever way of writing it: "West Europe" is westeurope.
func (c *Check) expectRegion(item Item) {
	c.expect(item, "one of the allowed regions "+strings.Join(c.Stack.AllowedRegions, ", "), func(v Value) bool {
		text, ok := v.Text()
		return ok && c.allowedRegion(text)
	}, nil)
}

func (c *Check) allowedRegion(region string) bool {
	region = strings.ReplaceAll(region, " ", "")
	return slices.ContainsFunc(c.Stack.AllowedRegions, func(allowed string) bool {
		return glob(strings.ReplaceAll(allowed, " ", ""), region)
	})
}

// azurePairs are the regions between which Azure copies geo-redundant storage (learn.microsoft.com, Azure region
// pairs); each pair in both directions, save for Brazil South.
var azurePairs = map[string]string{
	"westeurope": "northeurope", "francecentral": "francesouth", "germanywestcentral": "germanynorth", "uksouth": "ukwest",
	"switzerlandnorth": "switzerlandwest", "norwayeast": "norwaywest", "swedencentral": "swedensouth", "eastus": "westus",
	"eastus2": "centralus", "westus2": "westcentralus", "northcentralus": "southcentralus", "southeastasia": "eastasia",
	"japaneast": "japanwest", "australiaeast": "australiasoutheast", "canadacentral": "canadaeast",
}

func azurePair(region string) string {
	region = strings.ToLower(strings.ReplaceAll(region, " ", ""))
	if region == "brazilsouth" {
		return "southcentralus"
	}
	for a, b := range azurePairs {
		switch region {
		case a:
			return b
		case b:
			return a
		}
	}
	return ""
}

func copiesInside() Rule {
	const replication = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
	return Rule{
		ID:    "REG-02",
		Title: "Copies stay where the data may be",
		Why: "Replication moves data as surely as a download does. Other tools ask for copies far away; where the law ties " +
			"data " +
			"to a place, that breaks it.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{Type: replication, Paths: []string{"rules[].destination.bucket"}, Check: inZone(replicated)},
			{Type: dynamoTable, Paths: []string{"replicas[].regionName"}, Check: inZone(func(c *Check) {
				for _, item := range c.Each("replicas[].regionName") {
					c.expectRegion(item)
				}
			})},
			{
				Type: gcsBucket, Paths: []string{"location", "customPlacementConfig.dataLocations"},
				Check: inZone(func(c *Check) {
					// A name without a hyphen, or with a digit only at its end as in NAM4, is more than one region.
					if place, ok := c.Get("location").Text(); !ok || !strings.Contains(place, "-") {
						c.expectRegion(Item{Value: c.Get("location"), Path: "location"})
					}
					for _, item := range c.Each("customPlacementConfig.dataLocations[]") {
						c.expectRegion(item)
					}
				}),
			},
			{Type: storageAccount, Paths: []string{"sku.name", "location"}, Check: inZone(geoRedundant)},
			{
				Type: cosmosAccount, Paths: []string{"locations[].locationName"}, Unchecked: true,
				Check: inZone(func(c *Check) {
					for _, item := range c.Each("locations[].locationName") {
						c.expectRegion(item)
					}
				}),
			},
		},
		Fix: "Replicate to a bucket in an allowed region; take other regions out of replicas and locations; on Azure use " +
			"Standard_ZRS instead of GRS.",
		Remediation: "None: taking a replica away deletes it.",
		Peers: "the opposite of Checkov CKV_AWS_144 and prowler storage_geo_redundant_enabled (CIS-AZ 9.3.11): driven by " +
			"the " +
			"allowed regions here",
	}
}

// inZone does a check where the stack says which regions are allowed.
func inZone(check CheckFunc) CheckFunc {
	return func(c *Check) {
		if len(c.Stack.AllowedRegions) > 0 {
			check(c)
		}
	}
}

// replicated judges the region of the buckets that are copied to. Of a bucket in another stack only the name is known.
func replicated(c *Check) {
	const path = "rules[].destination.bucket"
	targets := c.Refers(path, bucketV2)
	for _, target := range targets {
		// The rules also name what they are copied from, which REG-01 judges.
		c.expectRegion(Item{Value: providerRegion(target), Path: "rules.destination.bucket's region"})
	}
	if len(targets) == 0 {
		for _, item := range c.Each(path) {
			c.Unsure(item.Path, "is %s, want a bucket in %s: its region does not show here", item.Value,
				anyOf(c.Stack.AllowedRegions))
		}
	}
}

func geoRedundant(c *Check) {
	sku, place := c.Get("sku.name"), c.Get("location")
	name, known := sku.Text()
	region, placed := place.Text()
	switch pair := azurePair(region); {
	case sku.IsUnknown():
		c.Unsure("sku.name", "is not known yet, want no copy outside of %s", anyOf(c.Stack.AllowedRegions))
	case !known:
		c.Fail("sku.name", "is %s, want the name of a SKU", sku)
	case !strings.Contains(name, "GRS") && !strings.Contains(name, "GZRS"):
		c.Pass()
	case !placed || pair == "":
		c.Unsure("sku.name", "is %s, which copies to another region that is not known here", sku)
	case c.allowedRegion(pair):
		c.Pass()
	default:
		c.Fail("sku.name", "is %s, which copies to %s, want no copy outside of %s", sku, pair, anyOf(c.Stack.AllowedRegions))
	}
}
