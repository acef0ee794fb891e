package rules

import "sync"

// Catalogue gives every rule, family by family in the order of the documents. The caller must not change it.
var Catalogue = sync.OnceValue(func() []Rule {
	var all []Rule
	for _, family := range Families() {
		all = append(all, family.Rules()...)
	}
	return all
})

// Family is a group of rules on one subject.
type Family struct {
	// Name of its file and of its fixtures.
	Name string
	// Title of its section in the documents.
	Title string
	// Rules makes its rules.
	Rules func() []Rule
}

// Families lists the families in the order of the documents.
func Families() []Family {
	return []Family{
		{"encryption", "Encryption at rest", encryptionRules},
		{"tls", "Encryption in transit", tlsRules},
		{"public", "Public access", publicRules},
		{"iam", "Identity", iamRules},
		{"network", "Network", networkRules},
		{"logging", "Logging and audit", loggingRules},
		{"keys", "Keys and secrets", keyRules},
		{"images", "Images and supply chain", imageRules},
		{"backup", "Backup, retention, deletion protection", backupRules},
		{"kubernetes", "Kubernetes pods and clusters", kubernetesRules},
		{"tags", "Tags and residency", tagRules},
		{"cost", "Cost", costRules},
		{"cost_estimate", "Cost: the estimate", costEstimateRules},
		{"hygiene", "Hygiene", hygieneRules},
	}
}
