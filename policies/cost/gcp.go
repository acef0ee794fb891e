package cost

import "strings"

// gcp are the types of Google Cloud that the table has prices for.
var gcp = map[string]model{
	"gcp:storage/bucket:Bucket": func(p *pricer) {
		p.always("objects", "gcs", strings.ToLower(p.text("storageClass", "STANDARD")), p.use("storageGB"))
		p.uncap()
		p.unpriced("requests", "the table has no price for them")
	},
	"gcp:kms/cryptoKey:CryptoKey": func(p *pricer) {
		sku := "software key version"
		if p.text("versionTemplate.protectionLevel", "SOFTWARE") == "HSM" {
			sku = "hsm key version"
		}
		p.always("key version", "cloud-kms", sku, 1)
	},
	"gcp:secretmanager/secretVersion:SecretVersion": func(p *pricer) {
		p.always("secret", "secret-manager", "active version", 1)
	},
	"gcp:compute/routerNat:RouterNat": func(p *pricer) {
		p.usage("data through it", "cloud-nat", "data processed", p.use("natGB"))
		p.unpriced("machines behind it", "their number is not known before they run")
	},
	"gcp:container/cluster:Cluster": func(p *pricer) {
		p.always("control plane", "gke", "cluster management fee", HoursPerMonth)
		if p.flag("enableAutopilot", false) {
			p.unpriced("pods", "they are not known before they run")
		}
	},
	"gcp:container/nodePool:NodePool": gkePool,
	"gcp:compute/instance:Instance":   computeInstance,
	"gcp:compute/disk:Disk":           func(p *pricer) { p.disk(p.text("type", "pd-standard"), p.number("size", 10)) },
	"gcp:workbench/instance:Instance": workbench,
	"gcp:cloudrunv2/service:Service":  cloudRunService,
	"gcp:cloudrunv2/job:Job":          cloudRunJob,
	"gcp:bigquery/dataset:Dataset":    bigQuery,
	"gcp:pubsub/topic:Topic":          pubsub,
	"gcp:artifactregistry/repository:Repository": func(p *pricer) {
		p.always("images", "artifact-registry", "storage", p.use("imageGB"))
		p.uncap()
	},
	"gcp:logging/projectBucketConfig:ProjectBucketConfig": func(p *pricer) {
		p.usage("lines written", "cloud-logging", "ingest", p.use("logGB"))
	},
	"gcp:sql/databaseInstance:DatabaseInstance": cloudSQL,
	"gcp:cloudfunctionsv2/function:Function": func(p *pricer) {
		p.usage("calls", "cloud-functions", "invocation", p.use("invocations")*1000)
		p.unpriced("time", "the table has no price for it")
	},
}

// cloudSQL is twice its price where a second machine stands by in another zone. Only custom tiers say their size:
// db-custom-4-16384 has 4 vCPUs.
func cloudSQL(p *pricer) {
	copies := 1.0
	if p.text("settings.availabilityType", "ZONAL") == "REGIONAL" {
		copies = 2
	}
	p.always("storage", "cloud-sql", "ssd zonal", copies*p.number("settings.diskSize", 10))
	size, custom := strings.CutPrefix(p.text("settings.tier", ""), "db-custom-")
	cpus, ok := leadingNumber(size)
	if !custom || !ok {
		p.unpriced("machine", "the table has no price for its tier")
		return
	}
	p.always("vCPUs", "cloud-sql", "vcpu zonal", copies*cpus*HoursPerMonth)
	p.unpriced("memory", "the table has no price for it")
}

// gkePool is one pool, in each of its zones.
func gkePool(p *pricer) {
	zones := max(p.count("nodeLocations", 1), 1)
	low, high := p.number("autoscaling.minNodeCount", -1), p.number("autoscaling.maxNodeCount", -1)
	if high < 0 {
		low, high = p.number("nodeCount", 1), p.number("nodeCount", 1)
	}
	hours := p.scaled(max(low, 0), high, "nodeHours").times(zones)
	spot := p.flag("nodeConfig.spot", false) || p.flag("nodeConfig.preemptible", false)
	p.gce("nodes", p.text("nodeConfig.machineType", "e2-medium"), spot, hours)
	if hours != (Amount{}) {
		p.accelerators("nodeConfig.guestAccelerators[]", p.text("nodeConfig.machineType", "e2-medium"), spot, hours)
		p.line("disks of the nodes", "persistent-disk", p.text("nodeConfig.diskType", "pd-standard"),
			hours.times(p.number("nodeConfig.diskSizeGb", 100)/HoursPerMonth))
	}
}

func computeInstance(p *pricer) {
	hours := Amount{HoursPerMonth, HoursPerMonth, HoursPerMonth}
	spot := p.text("scheduling.provisioningModel", "") == "SPOT" || p.flag("scheduling.preemptible", false)
	p.gce("machine", p.text("machineType", ""), spot, hours)
	p.accelerators("guestAccelerators[]", p.text("machineType", ""), spot, hours)
	p.disk(p.text("bootDisk.initializeParams.type", "pd-standard"), p.number("bootDisk.initializeParams.size", 10))
}

// workbench shuts down when it is idle if its metadata say so.
func workbench(p *pricer) {
	hours := Amount{HoursPerMonth, HoursPerMonth, HoursPerMonth}
	if !p.resource.Properties.Get("gceSetup.metadata").Key("idle-timeout-seconds").IsAbsent() {
		hours = Amount{0, p.use("notebookHours"), HoursPerMonth}
	}
	machine := p.text("gceSetup.machineType", "e2-standard-4")
	p.gce("notebook", machine, false, hours)
	p.accelerators("gceSetup.acceleratorConfigs[]", machine, false, hours)
}

func (p *pricer) gce(what, machine string, spot bool, hours Amount) {
	switch {
	case hours == Amount{}:
	case spot:
		p.spot(what, machine, hours)
	default:
		p.machine(what, machine, hours, "gce-ondemand")
	}
}

func (p *pricer) disk(kind string, gb float64) { p.always("disk", "persistent-disk", kind, gb) }

// acceleratorSKU names accelerators as the table does.
var acceleratorSKU = map[string]string{
	"nvidia-tesla-t4": "T4 x1", "nvidia-l4": "L4 x1", "nvidia-tesla-v100": "V100 x1",
	"nvidia-tesla-a100": "A100-40GB x1", "nvidia-a100-80gb": "A100-80GB x1", "nvidia-h100-80gb": "H100-80GB x1",
}

// accelerators adds what is attached to a machine, but not what the price of the machine holds already.
func (p *pricer) accelerators(path, machine string, spot bool, hours Amount) {
	if row, ok := p.find("gce-ondemand", machine); ok && row.Has(AcceleratorIncluded) {
		return
	}
	for _, accelerator := range p.resource.Properties.Each(path) {
		kind, _ := accelerator.Get("type").Text()
		count, ok := accelerator.Get("count").Number()
		if !ok {
			count, ok = accelerator.Get("coreCount").Number()
		}
		if !ok {
			count = 1
		}
		sku, known := acceleratorSKU[kind]
		if !known {
			p.unpriced("accelerator", "the table has no price for the accelerator "+kind)
			continue
		}
		full, ok := p.find("gce-gpu-ondemand", sku)
		if !ok {
			p.unpriced("accelerator", "the table has no price for the accelerator "+kind)
			continue
		}
		low := 0.0
		if row, ok := p.find("gce-gpu-spot", sku); ok && spot {
			low = row.USD
		}
		p.bill("accelerators "+kind, full, low, hours.times(count))
	}
}

// cloudRunService is billed for requests, or for its instances where one is always there.
func cloudRunService(p *pricer) {
	cpus := 1.0
	if n, ok := leadingNumber(p.text("template.containers.resources.limits.cpu", "")); ok {
		cpus = n
	}
	least, most := p.number("template.scaling.minInstanceCount", 0), p.number("template.scaling.maxInstanceCount", 100)
	always := least * HoursPerMonth * 3600
	used := p.use("requests") * 1e6 * p.use("requestMs") / 1000
	p.line("vCPU time", "cloud-run", "vcpu (tier 2)", Amount{
		always * cpus, max(always, used) * cpus, max(always, used, most*HoursPerMonth*3600) * cpus,
	})
	p.unpriced("memory time", "the table has no price for it")
}

func cloudRunJob(p *pricer) {
	p.usage("vCPU time", "cloud-run", "vcpu (tier 2)", p.use("batchHours")*3600)
	p.unpriced("memory time", "the table has no price for it")
}

func bigQuery(p *pricer) {
	p.always("data", "bigquery", "active storage", p.use("warehouseGB"))
	p.uncap()
	p.usage("data scanned", "bigquery", "on-demand query", p.use("queryTB"))
}

// pubsub takes a kilobyte for a message, the least that is billed.
func pubsub(p *pricer) {
	p.usage("messages of 1 kB", "pubsub", "ingestion", p.use("messages")*1e9/(1<<40))
}
