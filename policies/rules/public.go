package rules

// publicRules are the rules on public access.
func publicRules() []Rule {
	return []Rule{}
}
