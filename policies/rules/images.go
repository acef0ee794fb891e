package rules

// imageRules are the rules on images and the supply chain.
func imageRules() []Rule {
	return []Rule{}
}
