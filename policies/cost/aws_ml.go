package cost

import (
	"strings"

	"github.com/mlpathway/mlpathway/policies/rules"
)

const (
	endpointConfiguration = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
	scalableTarget        = "aws:appautoscaling/target:Target"
	qualityDefinition     = "aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition"
)

// awsML are endpoints, notebooks, monitors and feature stores of SageMaker. Training jobs are started by workflows and
// billed there.
var awsML = map[string]model{
	"aws:sagemaker/endpoint:Endpoint":                     sagemakerEndpoint,
	"aws:sagemaker/notebookInstance:NotebookInstance":     notebookInstance,
	"aws:sagemaker/userProfile:UserProfile":               studioUser,
	"aws:sagemaker/monitoringSchedule:MonitoringSchedule": monitoringSchedule,
	"aws:sagemaker/featureGroup:FeatureGroup": func(p *pricer) {
		if p.flag("onlineStoreConfig.enableOnlineStore", false) {
			p.unpriced("online store", "the table has no price for SageMaker's feature store")
		}
	},
	"aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": func(p *pricer) {
		p.unpriced("tracking server", "the table has no price for it")
	},
}

// sagemakerHours bills hours of a machine of SageMaker. Its kinds of work have one price for one machine almost
// everywhere, so that another kind stands in where the table lacks the kind itself.
func (p *pricer) sagemakerHours(what, kind, sku string, hours Amount) {
	services := []string{"sagemaker-" + kind}
	for _, other := range []string{"hosting", "training", "processing", "instance"} {
		services = append(services, "sagemaker-"+other)
	}
	p.machine(what, sku, hours, services...)
}

func sagemakerEndpoint(p *pricer) {
	configurations := p.graph.Refers(p.resource, "endpointConfigName", endpointConfiguration)
	if len(configurations) == 0 {
		p.unpriced("", "its endpoint configuration is not in the stack")
		return
	}
	low, high := p.bounds()
	for _, variant := range configurations[0].Properties.Each("productionVariants[]") {
		if !variant.Get("serverlessConfig").IsAbsent() {
			p.serverlessVariant(variant.Value)
			continue
		}
		name, _ := variant.Get("instanceType").Text()
		count, ok := variant.Get("initialInstanceCount").Number()
		if !ok {
			count = 1
		}
		least, most := count, count
		if high >= 0 {
			least, most = low, high
		}
		hours := p.scaled(least, most, "scaleOutHours")
		p.sagemakerHours("replicas on", "hosting", name, hours)
		if disk, ok := variant.Get("volumeSizeInGb").Number(); ok {
			p.line("disks of the replicas", "sagemaker-storage", "endpoint volume", hours.times(disk/HoursPerMonth))
		}
	}
}

// bounds of the autoscaler of the endpoint; the upper one is -1 where there is none.
func (p *pricer) bounds() (low, high float64) {
	for _, target := range p.graph.Links(p.resource, scalableTarget, "resourceId").Found {
		low, _ = target.Properties.Get("minCapacity").Number()
		if most, ok := target.Properties.Get("maxCapacity").Number(); ok {
			return low, most
		}
	}
	return 0, -1
}

// serverlessVariant is billed by the memory of the requests that it answers; at most all its concurrency all month.
func (p *pricer) serverlessVariant(variant rules.Value) {
	memory, ok := variant.Get("serverlessConfig.memorySizeInMb").Number()
	if !ok {
		memory = 2048
	}
	concurrency, ok := variant.Get("serverlessConfig.maxConcurrency").Number()
	if !ok {
		concurrency = 1
	}
	used := p.use("requests") * 1e6 * p.use("requestMs") / 1000 * memory / 1024
	most := concurrency * HoursPerMonth * 3600 * memory / 1024
	p.line("time of requests", "sagemaker-serverless", "memory", Amount{0, used, max(used, most)})
	if warm, _ := variant.Get("serverlessConfig.provisionedConcurrency").Number(); warm > 0 {
		p.unpriced("environments kept warm", "the table has no price for provisioned serverless inference")
	}
}

// notebookInstance without a lifecycle configuration has nothing that stops it.
func notebookInstance(p *pricer) {
	hours := Amount{HoursPerMonth, HoursPerMonth, HoursPerMonth}
	if !p.resource.Properties.Get("lifecycleConfigName").IsAbsent() {
		hours = Amount{0, p.use("notebookHours"), HoursPerMonth}
	}
	p.sagemakerHours("notebook on", "notebook", p.text("instanceType", "ml.t3.medium"), hours)
	p.always("disk of the notebook", "sagemaker-storage", "endpoint volume", p.number("volumeSize", 5))
}

// studioUser has the machine of the domain's or his own default settings.
func studioUser(p *pricer) {
	const path = "jupyterLabAppSettings.defaultResourceSpec.instanceType"
	machine := p.text("userSettings."+path, "")
	for _, domain := range p.graph.Refers(p.resource, "domainId", "aws:sagemaker/domain:Domain") {
		if name, ok := domain.Properties.Get("defaultUserSettings." + path).Text(); ok && machine == "" {
			machine = name
		}
	}
	if machine == "" || machine == "system" {
		machine = "ml.t3.medium" // the default of Studio
	}
	p.sagemakerHours("notebook on", "notebook", machine, Amount{0, p.use("notebookHours"), HoursPerMonth})
}

// monitoringSchedule runs the job that its definition describes as often as its schedule says.
func monitoringSchedule(p *pricer) {
	machine, count := "", 1.0
	for _, definition := range p.graph.Refers(p.resource, "monitoringScheduleConfig", qualityDefinition) {
		machine, _ = definition.Properties.Get("jobResources.clusterConfig.instanceType").Text()
		if n, ok := definition.Properties.Get("jobResources.clusterConfig.instanceCount").Number(); ok {
			count = n
		}
	}
	if machine == "" {
		p.unpriced("", "its job definition is not in the stack")
		return
	}
	runs := runsPerMonth(p.text("monitoringScheduleConfig.scheduleConfig.scheduleExpression", ""))
	hours := count * runs * p.use("monitoringMinutes") / 60
	p.sagemakerHours("drift check on", "processing", machine, Amount{hours, hours, hours})
}

// runsPerMonth reads how often a schedule of Amazon fires: every hour, or once a day where it names an hour.
func runsPerMonth(expression string) float64 {
	fields := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(expression, "cron("), ")"))
	switch {
	case expression == "NOW":
		return 1
	case len(fields) >= 2 && fields[1] != "*" && !strings.Contains(fields[1], "/"):
		return HoursPerMonth / 24.0
	default:
		return HoursPerMonth
	}
}
