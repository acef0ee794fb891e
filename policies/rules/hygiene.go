package rules

// hygieneRules are the rules on hygiene.
func hygieneRules() []Rule {
	return []Rule{}
}
