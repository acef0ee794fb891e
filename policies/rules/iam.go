package rules

// iamRules are the rules on identity.
func iamRules() []Rule {
	return []Rule{}
}
