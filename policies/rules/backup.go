package rules

// backupRules are the rules on backup, retention and deletion protection.
func backupRules() []Rule {
	return []Rule{}
}
