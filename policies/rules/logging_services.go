package rules

import "strings"

func logsKept() Rule {
	return Rule{
		ID:    "LOG-04",
		Title: "Logs are kept as long as they are needed: at most 30 days in dev, audit logs at least a year in prod",
		Why: "A log group without a period is kept, and paid for, for ever; an audit log that is gone after a month tells " +
			"nothing about a break-in that is found after three.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:cloudwatch/logGroup:LogGroup", // default, and 0: for ever
				Paths: []string{"name", "retentionInDays"},
				Check: func(c *Check) { c.kept("retentionInDays", isAudit(c, "name")) },
				Remedy: func(c *Check) []Change {
					days := map[Environment]int{Dev: 30, Stage: 90}[c.Stack.Environment]
					if days == 0 {
						days = 365
					}
					return setsAbsent(days, "retentionInDays")(c)
				},
			}, {
				Type:  "gcp:logging/projectBucketConfig:ProjectBucketConfig", // default: 30
				Paths: []string{"bucketId", "retentionDays", "locked"},
				Check: logBucketKept,
			}, {
				Type:  "azure-native:operationalinsights:Workspace", // default: 30
				Paths: []string{"workspaceName", "retentionInDays"},
				Check: func(c *Check) { c.kept("retentionInDays", isAudit(c, "workspaceName"), AbsentOK) },
			},
		},
		Fix: "Set retentionInDays or retentionDays: up to 30 in dev, 365 or more for audit logs in prod, and lock an " +
			"audit bucket of GCP.",
		Remediation: "Gives a log group without a period that of its environment: 30, 90 or 365 days.",
		Controls: "CIS-GCP5 2.3, 2.4; HIPAA 164.312(b), 164.308(a)(1)(ii)(D); PCI3.2.1 3.1, 10.7; PCI4 10.5.1, 3.2.1; " +
			"NIST AU-12(1), AU-12(2); SOC2 CC7.2, CC7.3",
		Peers: "Checkov CKV_AWS_66/338, CKV2_GCP_4",
	}
}

// isAudit reports whether a log is kept for an audit: its name says so, or its logical name where that is not known.
func isAudit(c *Check, path string) bool {
	name, known := c.Get(path).Text()
	if !known {
		name = c.Resource.Name
	}
	name = strings.ToLower(name)
	for _, word := range []string{"audit", "trail", "flow-log", "flowlog", "/aws/eks/"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// kept wants a number of days. A year for every log in prod, as other tools ask, is money for nothing.
func (c *Check) kept(path string, audit bool, options ...Option) {
	switch {
	case c.In(Dev):
		c.Between(path, 1, 30, options...)
	case c.In(Prod) && audit:
		c.AtLeast(path, 365)
	default:
		c.AtLeast(path, 1, options...)
	}
}

// logBucketKept: a bucket can be locked only once, so only that of the audit in prod must be.
func logBucketKept(c *Check) {
	audit := isAudit(c, "bucketId")
	c.kept("retentionDays", audit, AbsentOK)
	if c.In(Prod) && audit {
		c.True("locked")
	}
}

const redshiftLogging = "aws:redshift/logging:Logging"

func dataServicesLogged() Rule {
	return Rule{
		ID:       "LOG-05",
		Title:    "Warehouses, workflows, Spark clusters and load balancers keep logs",
		Why:      "A query that read too much, or a run that failed at night, can not be explained afterwards without them.",
		Severity: Medium,
		Levels:   Levels{Off, Advisory, Mandatory},
		// The log of a Redshift cluster is a resource of its own.
		Scope: OnStack,
		Matchers: []Matcher{
			{Type: "aws:redshift/cluster:Cluster", Paths: []string{"logging.enable"}, Check: redshiftLogged},
			{Type: redshiftLogging, Paths: []string{"clusterIdentifier"}},
			{
				Type:  "aws:redshiftserverless/namespace:Namespace", // default: none
				Paths: []string{"logExports"},
				Check: func(c *Check) { c.Includes("logExports", "userlog", "connectionlog") },
			}, {
				Type:  "aws:sfn/stateMachine:StateMachine", // default: OFF
				Paths: []string{"loggingConfiguration.level"},
				Check: isText("loggingConfiguration.level", "ALL", "ERROR", "FATAL"),
			}, {
				Type:  "aws:mwaa/environment:Environment", // default: only those of tasks
				Paths: []string{"loggingConfiguration.schedulerLogs.enabled"},
				Check: isTrue("loggingConfiguration.schedulerLogs.enabled"),
			}, {
				Type: "aws:emr/cluster:Cluster", Paths: []string{"logUri"}, // default: on the machines, gone with them
				Check: func(c *Check) { c.Say(c.Given("logUri").Not(), "logUri", "is not set, want a place in a bucket") },
			}, {
				Type:  "aws:lb/loadBalancer:LoadBalancer", // default: none
				Paths: []string{"loadBalancerType", "accessLogs.enabled"},
				Check: func(c *Check) {
					if isSame(c.Get("loadBalancerType"), "gateway") { // knows no access logs
						c.Pass()
						return
					}
					c.True("accessLogs.enabled")
				},
			},
		},
		Fix: "Redshift: a Logging resource, or logExports. Step Functions: loggingConfiguration.level. MWAA: " +
			"schedulerLogs. EMR: logUri. Load balancer: accessLogs.",
		Remediation: "None: each needs a place for the logs.",
		Controls: "CIS-AWS6 4.10 (v7); SecHub Redshift.4, ELB.5; HIPAA 164.312(b), 164.312(a)(2)(iv); PCI3.2.1 3.4, " +
			"8.2.1; PCI4 10.2.1.1, 10.2.1.2; NIST AU-2b, AU-12a; SOC2 CC7.2, A1.1",
		Peers: "Checkov CKV_AWS_71/285/242-244/91",
	}
}

// redshiftLogged accepts the older property too.
func redshiftLogged(c *Check) {
	if !c.Get("logging").IsAbsent() {
		c.True("logging.enable")
		return
	}
	if len(c.Satellites(redshiftLogging, "clusterIdentifier", "has no log of its connections and queries")) > 0 {
		c.Pass()
	}
}

func threatsDetected() Rule {
	const detector, recorder = "aws:guardduty/detector:Detector", "aws:cfg/recorder:Recorder"
	return Rule{
		ID:       "LOG-06",
		Title:    "The account looks for threats and records its configuration",
		Why:      "Logs that nobody reads warn of nothing; the detector reads them, the recorder tells what changed when.",
		Severity: Medium,
		Levels:   Levels{Off, Advisory, Advisory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{Type: detector, Paths: []string{"enable"}, Check: notFalse("enable")}, // default: true
			{
				Type: recorder, Paths: []string{"recordingGroup.allSupported"}, // default: true
				Check: notFalse("recordingGroup.allSupported"),
			},
			{Type: trailType},
		},
		Stack: func(c *Check) {
			if !c.Graph.Has(AWS) {
				return
			}
			// An account has one of each. The stack with its trail is where they belong; whether another stack has them
			// can not be told.
			ofAccount := c.Graph.HasType(trailType)
			for typ, what := range map[string]string{detector: "GuardDuty detector", recorder: "Config recorder"} {
				switch {
				case c.Graph.HasType(typ):
					c.Pass()
				case ofAccount:
					c.Fail("", "has the audit trail of the account and no %s", what)
				default:
					c.Unsure("", "has no %s: whether another stack has one for the account can not be told", what)
				}
			}
		},
		Fix:         "Add a guardduty Detector and a cfg Recorder to the stack that has the audit trail.",
		Remediation: "None: both are for the whole account and cost money by its size.",
		Controls: "CIS-AWS6 4.3; SecHub GuardDuty.1, Config.1; HIPAA 164.312(b), 164.308(a)(1)(ii)(A); PCI4 11.5.1.1, " +
			"11.5.1; NIST AU-12.3, AU-3.1; SOC2 CC3.1, CC3.2",
		Peers: "Checkov CKV2_AWS_45/48; prowler",
	}
}

func requestsCaptured() Rule {
	return Rule{
		ID:       "LOG-07",
		Title:    "Endpoints keep requests and predictions",
		Why:      "Drift, complaints and the next training need what the model was asked and what it said.",
		Severity: Low,
		Levels:   Levels{Off, Advisory, Advisory},
		// Not for Vertex AI: version 7 of the SDK has no property for the log of requests of an endpoint.
		Matchers: []Matcher{{
			Type:  "aws:sagemaker/endpointConfiguration:EndpointConfiguration", // default: nothing
			Paths: []string{"dataCaptureConfig.enableCapture", "productionVariants[].serverlessConfig"},
			Check: captured,
		}},
		Fix:         "Set dataCaptureConfig with enableCapture, a destination, and a sampling that fits the traffic.",
		Remediation: "None: what is captured is data, and needs a place and a key.",
		Controls:    "SOC2 A1.1",
	}
}

// captured leaves out endpoints of which all variants are serverless: SageMaker captures nothing there.
func captured(c *Check) {
	serverless := len(c.Each("productionVariants[]")) > 0
	for _, variant := range c.Each("productionVariants[]") {
		serverless = serverless && variant.Key("serverlessConfig").Kind() == Map
	}
	if serverless {
		c.Pass()
		return
	}
	c.True("dataCaptureConfig.enableCapture")
}
