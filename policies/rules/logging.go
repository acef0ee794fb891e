package rules

// loggingRules are the rules on logging and audit.
func loggingRules() []Rule {
	return []Rule{}
}
