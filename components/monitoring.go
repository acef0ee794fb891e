package components

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Signal is something that an alert watches.
type Signal string

// The signals.
const (
	ErrorRate       Signal = "error-rate"       // share of failed requests in percent
	Latency         Signal = "latency"          // 95th percentile of the answer time in milliseconds
	TrainingFailure Signal = "training-failure" // failed runs of the pipeline in an hour
	Drift           Signal = "drift"            // features that drifted
	QueueAge        Signal = "queue-age"        // age of the oldest waiting job in minutes
)

// Signals lists every signal.
func Signals() []Signal { return []Signal{ErrorRate, Latency, TrainingFailure, Drift, QueueAge} }

// Alert tells receivers when a signal rises above a threshold.
type Alert struct {
	// Signal to watch.
	Signal Signal `pulumi:"signal"`
	// Above is the threshold in the unit of the signal.
	Above float64 `pulumi:"above"`
}

// DefaultAlerts are the alerts of a stack that names none.
func DefaultAlerts() []Alert {
	return []Alert{{ErrorRate, 1}, {Latency, 500}, {TrainingFailure, 0}, {Drift, 0}, {QueueAge, 60}}
}

// MonitoringArgs describe how a platform is watched.
type MonitoringArgs struct {
	// Image that compares captured requests with the training data: the inference image. Required.
	Image string `pulumi:"image"`
	// Model is the name of the model. Required.
	Model string `pulumi:"model"`
	// Alias of the registry. Default production.
	Alias string `pulumi:"alias"`
	// Lake holds the URIs of the lake's zones: logs and models to read, results to write. Required.
	Lake pulumi.StringMapInput `pulumi:"lake"`
	// DefinitionURI is where pipeline.yaml with the drift thresholds lies: that of the pipeline. Required.
	DefinitionURI pulumi.StringInput `pulumi:"definitionUri"`
	// Network places the drift check: the Placement of a Network. Default none.
	Network *Placement `pulumi:"network" yaml:"-"`
	// Endpoint is the EndpointID output of the endpoint to watch. Default none.
	Endpoint pulumi.StringInput `pulumi:"endpoint"`
	// Pipeline is the PipelineID output of the pipeline to watch. Default none.
	Pipeline pulumi.StringInput `pulumi:"pipeline"`
	// Queues are the QueueID outputs of the jobs to watch, by job. Default none.
	Queues pulumi.StringMap `pulumi:"queues" yaml:"-"`
	// Schedule of the drift check: a cron expression of five fields in UTC. Default "*/15 * * * *".
	Schedule string `pulumi:"schedule"`
	// RetentionDays keeps logs and metrics, 1 to 3653. Default 14 in dev, 90 in stage, 365 in prod.
	RetentionDays int `pulumi:"retentionDays"`
	// Alerts to send. Default DefaultAlerts.
	Alerts []Alert `pulumi:"alerts"`
	// Receivers are the e-mail addresses that alerts go to. Default none: alerts show on the dashboard only.
	Receivers []string `pulumi:"receivers"`
	// Key encrypts the logs: that of the data class logs. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
}

func (a *MonitoringArgs) setDefaults(s Scope) {
	setDefault(&a.Alias, "production")
	setDefault(&a.Schedule, "*/15 * * * *")
	setDefault(&a.RetentionDays, PresetFor(s.Environment).LogRetentionDays)
	if len(a.Alerts) == 0 {
		a.Alerts = DefaultAlerts()
	}
}

func (a *MonitoringArgs) validate(c *checker) {
	c.required("image", a.Image != "", "the inference image")
	c.named("model", a.Model)
	c.named("alias", a.Alias)
	c.required("lake", a.Lake != nil, "the URIs output of a lake")
	c.required("definitionUri", a.DefinitionURI != nil, "the DefinitionURI output of a pipeline")
	c.schedule(a.Schedule)
	inRange(c, "retentionDays", a.RetentionDays, 1, 3653)
	seen := map[Signal]bool{}
	for i, alert := range a.Alerts {
		arg := fmt.Sprintf("alerts[%d]", i)
		oneOf(c, arg+".signal", alert.Signal, Signals()...)
		atLeast(c, arg+".above", alert.Above, 0)
		if seen[alert.Signal] {
			c.fail(ErrConflict, arg+".signal", string(alert.Signal), "each signal once")
		}
		seen[alert.Signal] = true
	}
	receivers(c, a.Receivers)
}

// receivers accepts e-mail addresses as far as a form can tell.
func receivers(c *checker, addresses []string) {
	for i, address := range addresses {
		user, host, ok := strings.Cut(address, "@")
		if !ok || user == "" || !strings.Contains(host, ".") || strings.ContainsAny(address, " \t\n") {
			c.fail(ErrName, fmt.Sprintf("receivers[%d]", i), address, "an e-mail address")
		}
	}
}

// MonitoringOutputs are what people need to watch a platform.
type MonitoringOutputs struct {
	// DashboardURL is the page to look at.
	DashboardURL pulumi.StringOutput `pulumi:"dashboardUrl"`
	// AlertIDs identify the alerts by signal; empty where the platform sends none.
	AlertIDs pulumi.StringMapOutput `pulumi:"alertIds"`
	// Identity is the principal of the drift check.
	Identity pulumi.StringOutput `pulumi:"identity"`
}

// Monitoring watches a platform.
type Monitoring struct {
	pulumi.ResourceState
	MonitoringOutputs
}

// NewMonitoring declares logs, dashboard, alerts and the drift check. Errors: ErrRequired, ErrName, ErrSchedule,
// ErrRange, ErrChoice, ErrConflict, ErrUnsupported.
func NewMonitoring(
	ctx *pulumi.Context, name string, target Target, args *MonitoringArgs, opts ...pulumi.ResourceOption,
) (*Monitoring, error) {
	m := &Monitoring{}
	c := construction{ctx, MonitoringLayer, name, target, m, opts}
	if err := construct(c, args, target.Monitoring, &m.MonitoringOutputs); err != nil {
		return nil, err
	}
	return m, nil
}
