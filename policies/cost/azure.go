package cost

import (
	"strings"

	"github.com/mlpathway/mlpathway/policies/rules"
)

// azure are the types of Azure that the table has prices for.
var azure = map[string]model{
	"azure-native:storage:StorageAccount": func(p *pricer) {
		replication := strings.TrimPrefix(strings.TrimPrefix(p.text("sku.name", "Standard_LRS"), "Standard_"), "RA")
		tier := p.text("accessTier", "Hot")
		sku := "StorageV2.Standard." + replication + "." + tier
		if tier == "Hot" && replication != "" {
			sku += " first 50TB"
		}
		p.always("objects", "blob", sku, p.use("storageGB"))
		p.uncap()
		p.unpriced("requests", "the table has no price for them")
	},
	"azure-native:keyvault:Key": func(p *pricer) {
		if strings.HasSuffix(p.text("properties.kty", "RSA"), "-HSM") {
			p.always("key", "keyvault", "hsm key RSA2048", 1)
		}
		p.usage("use", "keyvault", "secret operations", p.use("keyRequests"))
	},
	"azure-native:keyvault:Secret": func(p *pricer) {
		p.usage("reads", "keyvault", "secret operations", p.use("secretReads"))
	},
	"azure-native:containerservice:ManagedCluster": managedCluster,
	"azure-native:containerservice:AgentPool":      func(p *pricer) { p.agentPool(p.resource.Properties) },
	"azure-native:network:NatGateway": func(p *pricer) {
		p.always("NAT gateway", "nat-gateway", "hour", HoursPerMonth)
		p.usage("data through it", "nat-gateway", "data processed", p.use("natGB"))
	},
	"azure-native:network:PrivateEndpoint": func(p *pricer) {
		p.always("private endpoint", "private-endpoint", "hour", HoursPerMonth)
		p.usage("data through it", "private-endpoint", "inbound data", p.use("endpointGB"))
	},
	"azure-native:network:PublicIPAddress": func(p *pricer) {
		p.always("public address", "public-ip", "standard static", HoursPerMonth)
	},
	"azure-native:containerregistry:Registry": func(p *pricer) {
		p.always("registry", "acr", strings.ToLower(p.text("sku.name", "Basic")), HoursPerMonth/24.0)
	},
	"azure-native:operationalinsights:Workspace": func(p *pricer) {
		written := p.use("logGB")
		p.usage("lines written", "log-analytics", "pay-as-you-go ingest", written)
		// The first 31 days are in the price of writing.
		p.use("logGB")
		p.usage("lines kept", "log-analytics", "retention", written*max(p.number("retentionInDays", 30)-31, 0)*12/365)
	},
	"azure-native:insights:Component": func(p *pricer) {
		p.usage("telemetry", "app-insights", "ingest", p.use("logGB"))
	},
	"azure-native:synapse:BigDataPool":             sparkPool,
	"azure-native:machinelearningservices:Compute": machineLearningCompute,
	"azure-native:documentdb:DatabaseAccount": func(p *pricer) {
		p.usage("request units", "cosmosdb", "serverless", p.use("tableReads")+5*p.use("tableWrites"))
		p.always("rows", "cosmosdb", "storage", p.use("tableGB"))
		p.uncap()
	},
}

func managedCluster(p *pricer) {
	if p.text("sku.tier", "Free") != "Free" {
		p.always("control plane", "aks", "uptime SLA (standard tier)", HoursPerMonth)
	}
	for _, pool := range p.resource.Properties.Each("agentPoolProfiles[]") {
		p.agentPool(pool.Value)
	}
}

// agentPool reads one pool, which is the resource itself or stands in the list of a cluster.
func (p *pricer) agentPool(pool rules.Value) {
	low, high := numberOf(pool, "minCount", 0), numberOf(pool, "maxCount", 1)
	if scales, _ := pool.Get("enableAutoScaling").Bool(); !scales {
		low, high = numberOf(pool, "count", 1), numberOf(pool, "count", 1)
	}
	hours := p.scaled(low, high, "nodeHours")
	machine, _ := pool.Get("vmSize").Text()
	priority, _ := pool.Get("scaleSetPriority").Text()
	switch {
	case hours == Amount{}:
	case priority == "Spot":
		p.spot("nodes", machine, hours)
	default:
		p.machine("nodes", machine, hours, "vm-ondemand")
	}
}

// sparkPool is billed for the cores of its nodes while they run.
func sparkPool(p *pricer) {
	cores := map[string]float64{"Small": 4, "Medium": 8, "Large": 16}[p.text("nodeSize", "Small")]
	nodes := p.number("autoScale.maxNodeCount", p.number("nodeCount", 3))
	if cores == 0 {
		p.unpriced("nodes", "the table has no price for nodes of the size "+p.text("nodeSize", ""))
		return
	}
	p.line("cores of the nodes", "synapse", "spark small", Amount{
		0, cores * nodes * p.use("sparkHours"), cores * nodes * HoursPerMonth,
	})
}

func machineLearningCompute(p *pricer) {
	const at = "properties.properties."
	low, high := p.number(at+"scaleSettings.minNodeCount", 0), p.number(at+"scaleSettings.maxNodeCount", 1)
	hours := p.scaled(low, high, "nodeHours")
	machine := p.text(at+"vmSize", "")
	if p.text(at+"vmPriority", "Dedicated") == "LowPriority" {
		p.spot("nodes", machine, hours)
		return
	}
	p.machine("nodes", machine, hours, "azureml-compute", "vm-ondemand")
}
