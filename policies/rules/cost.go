package rules

// costRules are the rules on cost.
func costRules() []Rule {
	return []Rule{}
}
