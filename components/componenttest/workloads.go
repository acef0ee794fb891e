package componenttest

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

func endpointCase(v Values) layerCase {
	good := func() *components.EndpointArgs {
		args := &components.EndpointArgs{
			Image: v.Inference, Model: "tumour", Lake: v.lake(), Address: pulumi.String("127.0.0.1:18080"), Network: v.Place(),
			Auth: components.AuthPlatform,
		}
		if v.Token != "" {
			args.Auth, args.TokenURI = components.AuthToken, pulumi.String(v.Token)
		}
		return args
	}
	return caseFor(components.EndpointLayer, "endpoint", components.NewEndpoint,
		func(c *components.Endpoint) *components.EndpointOutputs { return &c.EndpointOutputs }, good).
		bad("image", components.ErrRequired, func(a *components.EndpointArgs) { a.Image = "" }).
		bad("model", components.ErrName, func(a *components.EndpointArgs) { a.Model = "" }).
		bad("alias", components.ErrName, func(a *components.EndpointArgs) { a.Alias = "a/b" }).
		bad("lake", components.ErrRequired, func(a *components.EndpointArgs) { a.Lake = nil }).
		bad("machine", components.ErrRange, func(a *components.EndpointArgs) { a.Machine.CPUs = -1 }).
		bad("max", components.ErrRange, func(a *components.EndpointArgs) { a.MaxReplicas = 1001 }).
		bad("min above max", components.ErrRange, func(a *components.EndpointArgs) {
			a.MinReplicas, a.MaxReplicas = new(5), 2
		}).
		bad("target", components.ErrRange, func(a *components.EndpointArgs) { a.TargetRequestsPerSecond = -1 }).
		bad("zero with a floor", components.ErrConflict, func(a *components.EndpointArgs) {
			a.ScaleToZero, a.MinReplicas = new(true), new(1)
		}).
		bad("auth", components.ErrChoice, func(a *components.EndpointArgs) { a.Auth = "password" }).
		bad("token", components.ErrRequired, func(a *components.EndpointArgs) { a.TokenURI = nil }).
		bad("capture", components.ErrRange, func(a *components.EndpointArgs) { a.CapturePercent = new(101) }).
		bad("traffic", components.ErrConflict, func(a *components.EndpointArgs) {
			a.Traffic = map[string]int{"production": 90}
		}).
		bad("traffic share", components.ErrRange, func(a *components.EndpointArgs) {
			a.Traffic = map[string]int{"production": 200}
		}).
		layerCase
}

func batchCase(v Values) layerCase {
	good := func() *components.BatchArgs {
		return &components.BatchArgs{Image: v.Inference, Model: "tumour", Lake: v.lake(), Network: v.Place()}
	}
	return caseFor(components.BatchLayer, "batch", components.NewBatch,
		func(c *components.Batch) *components.BatchOutputs { return &c.BatchOutputs }, good).
		bad("image", components.ErrRequired, func(a *components.BatchArgs) { a.Image = "" }).
		bad("model", components.ErrName, func(a *components.BatchArgs) { a.Model = "" }).
		bad("alias", components.ErrName, func(a *components.BatchArgs) { a.Alias = "-" }).
		bad("lake", components.ErrRequired, func(a *components.BatchArgs) { a.Lake = nil }).
		bad("schedule", components.ErrSchedule, func(a *components.BatchArgs) { a.Schedule = "61 * * * *" }).
		bad("parallelism", components.ErrRange, func(a *components.BatchArgs) { a.Parallelism = -1 }).
		bad("machine", components.ErrRange, func(a *components.BatchArgs) { a.Machine.MemoryMiB = -1 }).
		bad("timeout", components.ErrRange, func(a *components.BatchArgs) { a.TimeoutMinutes = -1 }).
		bad("column", components.ErrChoice, func(a *components.BatchArgs) {
			a.Columns = []components.Column{{Name: "prediction", Type: "word"}}
		}).
		layerCase
}

func monitoringCase(v Values) layerCase {
	good := func() *components.MonitoringArgs {
		return &components.MonitoringArgs{
			Image: v.Inference, Model: "tumour", Lake: v.lake(),
			DefinitionURI: pulumi.String(v.Definition), Receivers: []string{"fraud@example.com"}, Network: v.Place(),
			Endpoint: optional(v.Endpoint), Pipeline: optional(v.Pipeline),
		}
	}
	return caseFor(components.MonitoringLayer, "monitoring", components.NewMonitoring,
		func(c *components.Monitoring) *components.MonitoringOutputs { return &c.MonitoringOutputs }, good).
		bad("image", components.ErrRequired, func(a *components.MonitoringArgs) { a.Image = "" }).
		bad("model", components.ErrName, func(a *components.MonitoringArgs) { a.Model = "" }).
		bad("lake", components.ErrRequired, func(a *components.MonitoringArgs) { a.Lake = nil }).
		bad("definition", components.ErrRequired, func(a *components.MonitoringArgs) { a.DefinitionURI = nil }).
		bad("schedule", components.ErrSchedule, func(a *components.MonitoringArgs) { a.Schedule = "* * *" }).
		bad("retention", components.ErrRange, func(a *components.MonitoringArgs) { a.RetentionDays = 4000 }).
		bad("signal", components.ErrChoice, func(a *components.MonitoringArgs) {
			a.Alerts = []components.Alert{{Signal: "mood", Above: 1}}
		}).
		bad("threshold", components.ErrRange, func(a *components.MonitoringArgs) {
			a.Alerts = []components.Alert{{Signal: components.Drift, Above: -1}}
		}).
		bad("signal twice", components.ErrConflict, func(a *components.MonitoringArgs) {
			a.Alerts = []components.Alert{{Signal: components.Drift}, {Signal: components.Drift}}
		}).
		bad("receiver", components.ErrName, func(a *components.MonitoringArgs) { a.Receivers = []string{"nobody"} }).
		layerCase
}

func budgetCase() layerCase {
	good := func() *components.BudgetArgs {
		return &components.BudgetArgs{MonthlyUSD: 200, Receivers: []string{"fraud@example.com"}}
	}
	return caseFor(components.BudgetLayer, "budget", components.NewBudget,
		func(c *components.Budget) *components.BudgetOutputs { return &c.BudgetOutputs }, good).
		bad("amount", components.ErrRange, func(a *components.BudgetArgs) { a.MonthlyUSD = 0 }).
		bad("alert", components.ErrRange, func(a *components.BudgetArgs) { a.AlertPercents = []int{500} }).
		bad("order", components.ErrConflict, func(a *components.BudgetArgs) { a.AlertPercents = []int{80, 50} }).
		bad("nobody", components.ErrRequired, func(a *components.BudgetArgs) { a.Receivers = nil }).
		bad("receiver", components.ErrName, func(a *components.BudgetArgs) { a.Receivers = []string{"@"} }).
		layerCase
}

func workbenchCase(v Values) layerCase {
	good := func() *components.WorkbenchArgs {
		return &components.WorkbenchArgs{Users: []string{"ada"}, Network: v.Place()}
	}
	return caseFor(components.WorkbenchLayer, "workbench", components.NewWorkbench,
		func(c *components.Workbench) *components.WorkbenchOutputs { return &c.WorkbenchOutputs }, good).
		bad("nobody", components.ErrRequired, func(a *components.WorkbenchArgs) { a.Users = nil }).
		bad("user", components.ErrName, func(a *components.WorkbenchArgs) { a.Users = []string{"Ada Lovelace"} }).
		bad("machine", components.ErrRange, func(a *components.WorkbenchArgs) { a.Machine.CPUs = 1000 }).
		bad("idle", components.ErrRange, func(a *components.WorkbenchArgs) { a.IdleMinutes = 1 }).
		layerCase
}

func deliveryCase() layerCase {
	good := func() *components.DeliveryArgs { return &components.DeliveryArgs{Repository: "acme/fraud"} }
	return caseFor(components.DeliveryLayer, "delivery", components.NewDelivery,
		func(c *components.Delivery) *components.DeliveryOutputs { return &c.DeliveryOutputs }, good).
		bad("repository", components.ErrName, func(a *components.DeliveryArgs) { a.Repository = "acme/*" }).
		bad("no owner", components.ErrName, func(a *components.DeliveryArgs) { a.Repository = "fraud" }).
		bad("branch", components.ErrName, func(a *components.DeliveryArgs) { a.Branch = "*" }).
		layerCase
}
