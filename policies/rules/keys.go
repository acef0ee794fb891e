package rules

// keyRules are the rules on keys and secrets.
func keyRules() []Rule {
	return []Rule{}
}
