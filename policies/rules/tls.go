package rules

// tlsRules are the rules on encryption in transit.
func tlsRules() []Rule {
	return []Rule{}
}
