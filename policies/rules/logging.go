package rules

// loggingRules are the rules on logs and on the audit trail.
func loggingRules() []Rule {
	return []Rule{}
}

const bucketLogging = "aws:s3/bucketLoggingV2:BucketLoggingV2"
