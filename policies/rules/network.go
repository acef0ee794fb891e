package rules

// networkRules are the rules on the network.
func networkRules() []Rule {
	return []Rule{}
}
