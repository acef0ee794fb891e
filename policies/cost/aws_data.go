package cost

import (
	"strconv"
	"strings"
)

// awsData are tables, warehouses, queries, batch engines, queues and workflows.
var awsData = map[string]model{
	"aws:dynamodb/table:Table":                   dynamoTable,
	"aws:redshiftserverless/workgroup:Workgroup": redshiftWorkgroup,
	"aws:redshift/cluster:Cluster":               redshiftCluster,
	"aws:rds/instance:Instance":                  databaseInstance,
	"aws:athena/workgroup:Workgroup": func(p *pricer) {
		p.usage("data scanned", "athena", "data scanned", p.use("queryTB"))
	},
	"aws:emrserverless/application:Application": sparkApplication,
	"aws:glue/job:Job": func(p *pricer) {
		p.line("workers", "glue", "dpu", Amount{
			0, p.number("numberOfWorkers", 2) * p.use("batchHours"), p.number("numberOfWorkers", 2) * HoursPerMonth,
		})
	},
	"aws:ecr/repository:Repository": func(p *pricer) {
		p.always("images", "ecr", "storage", p.use("imageGB"))
		p.uncap()
	},
	"aws:sfn/stateMachine:StateMachine": stateMachine,
	"aws:mwaa/environment:Environment":  airflow,
	"aws:sns/topic:Topic":               func(p *pricer) { p.usage("messages", "sns", "publish", p.use("messages")) },
	"aws:sqs/queue:Queue": func(p *pricer) {
		sku := "standard"
		if p.flag("fifoQueue", false) {
			sku = "fifo"
		}
		p.usage("messages", "sqs", sku, p.use("messages"))
	},
	"aws:kinesis/stream:Stream": func(p *pricer) {
		if p.text("streamModeDetails.streamMode", "PROVISIONED") == "ON_DEMAND" {
			p.always("stream", "kinesis", "on-demand stream", HoursPerMonth)
			return
		}
		p.always("shards", "kinesis", "shard", p.number("shardCount", 1)*HoursPerMonth)
	},
	"aws:apigatewayv2/api:Api": func(p *pricer) {
		p.usage("requests", "apigateway", "http", p.use("requests"))
	},
}

// redshiftCluster runs all month. The RA3 family keeps its data apart and is billed for it.
func redshiftCluster(p *pricer) {
	node := p.text("nodeType", "")
	if node == "" {
		p.unpriced("nodes", "their type is not known yet")
		return
	}
	p.always("nodes "+node, "redshift", node, p.number("numberOfNodes", 1)*HoursPerMonth)
	if strings.HasPrefix(node, "ra3.") {
		p.always("data", "redshift", "RMS", p.use("warehouseGB"))
		p.uncap()
	}
}

// databaseInstance is twice its price where a second machine stands by in another zone. Some classes cost the same for
// every open-source engine.
func databaseInstance(p *pricer) {
	class, copies := p.text("instanceClass", ""), 1.0
	if p.flag("multiAz", false) {
		copies = 2
	}
	sku := class + " " + p.text("engine", "") + " single-az"
	if _, ok := p.find("rds", sku); !ok {
		sku = class + " single-az"
	}
	if class == "" {
		p.unpriced("machine", "its class is not known yet")
	} else {
		p.always("machine "+class, "rds", sku, copies*HoursPerMonth)
	}
	if kind := p.text("storageType", "gp2"); kind == "gp3" {
		p.always("storage", "rds", "gp3 storage", copies*p.number("allocatedStorage", 20))
	} else {
		p.unpriced("storage", "the table has no price for "+kind)
	}
}

func dynamoTable(p *pricer) {
	if p.text("billingMode", "PROVISIONED") == "PAY_PER_REQUEST" {
		p.usage("writes", "dynamodb", "on-demand write", p.use("tableWrites")*1e6)
		p.usage("reads", "dynamodb", "on-demand read", p.use("tableReads")*1e6)
	} else {
		p.always("write capacity", "dynamodb", "provisioned WCU", p.number("writeCapacity", 1))
		p.always("read capacity", "dynamodb", "provisioned RCU", p.number("readCapacity", 1))
	}
	p.always("rows", "dynamodb", "storage", p.use("tableGB"))
	p.uncap()
	if p.flag("pointInTimeRecovery.enabled", false) {
		p.always("recovery copies", "dynamodb", "pitr", p.use("tableGB"))
		p.uncap()
	}
}

// redshiftWorkgroup is billed while it works. A usage limit that deactivates it bounds the month.
func redshiftWorkgroup(p *pricer) {
	base := p.number("baseCapacity", 128)
	worked := base * min(p.use("warehouseHours"), HoursPerMonth)
	most := max(base, p.number("maxCapacity", base)) * HoursPerMonth
	for _, limit := range p.graph.Links(p.resource, "aws:redshiftserverless/usageLimit:UsageLimit", "resourceArn").Found {
		action, _ := limit.Properties.Get("breachAction").Text()
		amount, ok := limit.Properties.Get("amount").Number()
		period, _ := limit.Properties.Get("period").Text()
		if ok && action == "deactivate" {
			most = min(most, amount*map[string]float64{"daily": 30.42, "weekly": 4.35}[period]+
				amount*map[string]float64{"": 1, "monthly": 1}[period])
		}
	}
	p.line("capacity while it works", "redshift-serverless", "RPU", Amount{0, min(worked, most), most})
	p.always("data", "redshift-serverless", "storage", p.use("warehouseGB"))
	p.uncap()
}

// sparkApplication stops when it is idle unless that was switched off.
func sparkApplication(p *pricer) {
	arch := "x86"
	if p.text("architecture", "X86_64") == "ARM64" {
		arch = "arm64"
	}
	cpus, okCPU := leadingNumber(p.text("maximumCapacity.cpu", ""))
	memory, okMemory := leadingNumber(p.text("maximumCapacity.memory", ""))
	if !okCPU || !okMemory {
		p.unpriced("workers", "the application has no maximum capacity, so that its size is not known")
		return
	}
	worked := p.use("sparkHours")
	p.line("vCPUs of workers", "emr-serverless", "vcpu "+arch, Amount{0, cpus * worked, cpus * HoursPerMonth})
	p.use("sparkHours")
	p.line("memory of workers", "emr-serverless", "memory "+arch, Amount{0, memory * worked, memory * HoursPerMonth})
	if p.resource.Properties.Get("initialCapacities").Len() > 0 && !p.flag("autoStopConfiguration.enabled", true) {
		p.unpriced("capacity kept warm", "it never stops, and how long it is started is not known")
	}
}

// leadingNumber reads 4 of "4 vCPU" and "4 vcpu", 16 of "16GB".
func leadingNumber(text string) (float64, bool) {
	end := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(text)
	}
	n, err := strconv.ParseFloat(text[:end], 64)
	return n, err == nil
}

func stateMachine(p *pricer) {
	runs := p.use("workflowRuns")
	if p.text("type", "STANDARD") == "EXPRESS" {
		p.usage("runs", "stepfunctions", "express requests", runs/1e6)
		return
	}
	p.usage("steps", "stepfunctions", "standard transitions", runs*p.use("workflowSteps")/1000)
	p.training()
}

func airflow(p *pricer) {
	size := strings.TrimPrefix(p.text("environmentClass", "mw1.small"), "mw1.")
	p.always("environment "+size, "mwaa", "environment "+size, HoursPerMonth)
	// One worker is in the price of the environment.
	hours := p.scaled(max(p.number("minWorkers", 1)-1, 0), max(p.number("maxWorkers", 10)-1, 0), "scaleOutHours")
	p.line("further workers", "mwaa", "worker "+size, hours)
}
