package rules

// tagRules are the rules on tags and residency.
func tagRules() []Rule {
	return []Rule{}
}
