package cost

// awsOperate are logs, alarms and the audit.
var awsOperate = map[string]model{
	"aws:cloudwatch/logGroup:LogGroup":       logGroup,
	"aws:cloudwatch/metricAlarm:MetricAlarm": metricAlarm,
	"aws:cloudwatch/compositeAlarm:CompositeAlarm": func(p *pricer) {
		p.unpriced("alarm", "the table has no price for a composite alarm")
	},
	"aws:cloudwatch/dashboard:Dashboard": func(p *pricer) { p.always("dashboard", "cloudwatch", "dashboard", 1) },
	"aws:cloudtrail/trail:Trail": func(p *pricer) {
		// The first copy of management events is free.
		if p.count("eventSelectors", 0)+p.count("advancedEventSelectors", 0) > 0 {
			p.usage("data events", "cloudtrail", "data events", p.use("auditEvents"))
		}
	},
	"aws:guardduty/detector:Detector": func(p *pricer) {
		p.unpriced("events analysed", "the table has no price for threat detection")
	},
	"aws:cfg/recorder:Recorder": func(p *pricer) {
		p.unpriced("items recorded", "the table has no price for configuration items")
	},
}

// logGroup keeps what it is written for as long as its retention says; the expected store is what that adds up to.
func logGroup(p *pricer) {
	written := p.use("logGB")
	p.usage("lines written", "cloudwatch-logs", "ingest", written)
	p.use("logGB")
	days := p.number("retentionInDays", 0)
	if days == 0 {
		days = 365 // never expires: what a year adds up to
	}
	p.usage("lines kept", "cloudwatch-logs", "storage", written*days*12/365)
}

// metricAlarm is billed for each metric; a period below a minute costs more.
func metricAlarm(p *pricer) {
	metrics := max(p.count("metricQueries", 1), 1)
	sku := "alarm"
	if p.number("period", 60) < 60 {
		sku = "high-resolution alarm"
	}
	p.always("alarm", "cloudwatch", sku, metrics)
}
