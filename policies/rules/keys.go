package rules

import (
	"fmt"
	"strconv"
	"strings"
)

// keyRules are the rules on keys and secrets.
func keyRules() []Rule {
	return []Rule{keysRotated(), keysRecoverable(), vaultsClosed(), noPlainSecrets(), secretsRotated()}
}

// day in seconds, as durations of GCP are written.
const daySeconds = 24 * 60 * 60

// duration reads a duration of GCP, such as 7776000s, in days.
func duration(v Value) (days float64, ok bool) {
	text, isText := v.Text()
	number, found := strings.CutSuffix(text, "s")
	if !isText || !found {
		return 0, false
	}
	seconds, err := strconv.ParseFloat(number, 64)
	return seconds / daySeconds, err == nil
}

func keysRotated() Rule {
	const actions = "properties.rotationPolicy.lifetimeActions[].action.type"
	return Rule{
		ID:       "KEY-01",
		Title:    "Keys are rotated: each year on AWS, every 90 days on GCP, by a policy on Azure",
		Why:      "Rotation bounds how much one key ever encrypts, and how long a stolen copy of it is worth something.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type: "aws:kms/key:Key",
				Paths: []string{
					"customerMasterKeySpec", "keyUsage", "customKeyStoreId", "enableKeyRotation", "rotationPeriodInDays",
				},
				Check:  kmsRotated,
				Remedy: kmsRotation,
			}, {
				Type:   "gcp:kms/cryptoKey:CryptoKey",
				Paths:  []string{"purpose", "rotationPeriod"},
				Check:  cryptoKeyRotated,
				Remedy: cryptoKeyRotation,
			}, {
				Type: "azure-native:keyvault:Key", Paths: []string{actions}, Check: vaultKeyRotated, // default: never
			},
		},
		Fix: "AWS: enableKeyRotation, rotationPeriodInDays up to 365. GCP: rotationPeriod up to 7776000s. Azure: a " +
			"rotationPolicy with the action Rotate.",
		Remediation: "Turns rotation on for symmetric keys: yearly on AWS, every 90 days on GCP. What is encrypted stays " +
			"readable.",
		Controls: "CIS-AWS6 4.6; CIS-GCP5 1.11; CIS-AZ5 8.3.9; SecHub KMS.4; HIPAA 164.312(a)(2)(iv), 164.312(c)(1); " +
			"PCI3.2.1 2.2, 3.5; PCI4 3.7.4, 3.7.5; NIST SC-12, SC-12(2); SOC2 PI1.5",
		Peers: "Trivy AWS-0065, GCP-0065, AZU-0014; Checkov CKV_AWS_7, CKV_GCP_43; compliance-policies kms.Key",
	}
}

// rotatable reports whether KMS can rotate a key by itself: a symmetric one with material from KMS.
func rotatable(c *Check) bool {
	spec, usage := c.Get("customerMasterKeySpec"), c.Get("keyUsage")
	symmetric := spec.Kind() != String || isSame(spec, "SYMMETRIC_DEFAULT")
	encrypts := usage.Kind() != String || isSame(usage, "ENCRYPT_DECRYPT")
	return symmetric && encrypts && c.Given("customKeyStoreId") == No
}

// kmsRotated: by default a key is not rotated, and one that is, each year.
func kmsRotated(c *Check) {
	if c.Given("customKeyStoreId") == Maybe {
		c.Unsure("customKeyStoreId", "is not known yet; a key whose material is elsewhere can not be rotated")
		return
	}
	if !rotatable(c) {
		c.Pass()
		return
	}
	c.True("enableKeyRotation")
	c.AtMost("rotationPeriodInDays", 365, AbsentOK)
}

func kmsRotation(c *Check) []Change {
	if !rotatable(c) {
		return nil
	}
	return sets(true, "enableKeyRotation")(c)
}

// rotates reports whether Cloud KMS rotates a key by itself.
func rotates(c *Check) bool {
	purpose := c.Get("purpose")
	return purpose.Kind() != String || isSame(purpose, "ENCRYPT_DECRYPT")
}

// shortEnough wants a duration of GCP that is not longer than a number of days. None means never.
func (c *Check) shortEnough(path string, days float64) {
	c.Expect(path, fmt.Sprintf("at most %.0fs (%v days)", days*daySeconds, days), func(v Value) bool {
		is, ok := duration(v)
		return ok && is <= days
	})
}

func cryptoKeyRotated(c *Check) {
	if !rotates(c) {
		c.Pass()
		return
	}
	c.shortEnough("rotationPeriod", 90)
}

func cryptoKeyRotation(c *Check) []Change {
	if !rotates(c) {
		return nil
	}
	return setsAbsent("7776000s", "rotationPeriod")(c)
}

// vaultKeyRotated wants an action that rotates; a notice alone rotates nothing.
func vaultKeyRotated(c *Check) {
	const actions = "properties.rotationPolicy.lifetimeActions[].action.type"
	found := No
	for _, action := range c.Each(actions) {
		switch {
		case isSame(action.Value, "Rotate"):
			found = Yes
		case action.IsUnknown():
			found = found.Or(Maybe)
		}
	}
	c.Say(found.Not(), "properties.rotationPolicy", "has no action that rotates the key")
}

func keysRecoverable() Rule {
	const purge, soft = "properties.enablePurgeProtection", "properties.enableSoftDelete"
	return Rule{
		ID:       "KEY-02",
		Title:    "A key that is deleted by mistake can be brought back: in prod for 30 days",
		Why:      "With its key all data is gone, backups included.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:kms/key:Key", // default: 30; at least 7
				Paths: []string{"deletionWindowInDays"},
				Check: func(c *Check) { c.AtLeast("deletionWindowInDays", recoveryDays(c), AbsentOK) },
			}, {
				Type:  "gcp:kms/cryptoKey:CryptoKey", // default: 30 days
				Paths: []string{"destroyScheduledDuration"},
				Check: func(c *Check) {
					least := recoveryDays(c)
					c.Expect("destroyScheduledDuration", fmt.Sprintf("at least %.0fs (%v days)", least*daySeconds, least),
						func(v Value) bool {
							days, ok := duration(v)
							return ok && days >= least
						}, AbsentOK)
				},
			}, {
				Type:   "azure-native:keyvault:Vault", // default: no purge protection; soft delete is on
				Paths:  []string{purge, soft},
				Check:  allOf(isTrue(purge), notFalse(soft)),
				Remedy: setsUnless(trueOrAbsent, true, soft),
			},
		},
		Fix: "AWS: deletionWindowInDays 30. GCP: destroyScheduledDuration 2592000s. Azure: enablePurgeProtection and " +
			"enableSoftDelete.",
		Remediation: "Turns soft delete on. Not purge protection, which nobody can turn off again, nor the period of a " +
			"key, which can not be changed on GCP.",
		Controls: "CIS-AZ5 8.3.5; SecHub KMS.3; HIPAA 164.312(a)(2)(ii), 164.312(c)(1); PCI4 3.5.1.1, 3.5.1.3; SOC2 PI1.5",
		Peers:    "Trivy AZU-0016; Checkov CKV_GCP_82, CKV_AZURE_42/110/111",
	}
}

// recoveryDays is how long a deleted key must wait: in prod as long as the providers themselves propose.
func recoveryDays(c *Check) float64 {
	if c.In(Prod) {
		return 30
	}
	return 7
}

func vaultsClosed() Rule {
	const rbac, access, action = "properties.enableRbacAuthorization", "properties.publicNetworkAccess",
		"properties.networkAcls.defaultAction"
	return Rule{
		ID:    "KEY-03",
		Title: "Vaults give access by roles, and to networks that are named",
		Why: "A policy of the vault itself stands beside all roles and their reviews, and an open vault can be " +
			"asked from anywhere.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{{
			Type:  "azure-native:keyvault:Vault", // default: policies of its own, open to all networks
			Paths: []string{rbac, access, action},
			Check: allOf(isTrue(rbac), accountPrivate(access, action)),
		}},
		Fix:         "Set enableRbacAuthorization, and publicNetworkAccess Disabled or networkAcls.defaultAction Deny.",
		Remediation: "None: each of these can lock out those who use the vault.",
		Controls:    "CIS-AZ5 8.3.6; HIPAA 164.308(a)(4)(i), 164.308(a)(4)(ii)(B); PCI4 3.5.1.1, 3.5.1.3",
		Peers:       "Trivy AZU-0013; Checkov CKV_AZURE_109/189",
	}
}

const secretRotation = "aws:secretsmanager/secretRotation:SecretRotation"

func secretsRotated() Rule {
	const days, schedule = "rotationRules.automaticallyAfterDays", "rotationRules.scheduleExpression"
	return Rule{
		ID:       "SEC-02",
		Title:    "Secrets are rotated at least every 90 days, encrypted with a key of one's own, and not lost at once",
		Why:      "Nobody knows who has seen a secret that is years old, or who still has it.",
		Severity: Medium,
		Levels:   Levels{Off, Advisory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{
				Type: "aws:secretsmanager/secret:Secret", Paths: []string{"kmsKeyId", "recoveryWindowInDays"}, Check: secretSafe,
			},
			{Type: secretRotation, Paths: []string{"secretId", days, schedule}},
			{
				Type:  "gcp:secretmanager/secret:Secret", // default: never
				Paths: []string{"rotation.rotationPeriod"},
				Check: func(c *Check) { c.shortEnough("rotation.rotationPeriod", 90) },
			}, {
				Type:  "azure-native:keyvault:Secret", // default: never
				Paths: []string{"properties.attributes.expires"},
				Check: isSet("properties.attributes.expires"),
			},
		},
		Fix: "AWS: a SecretRotation with a function that makes a new value. GCP: rotation.rotationPeriod and a topic that " +
			"somebody listens to. Azure: properties.attributes.expires.",
		Remediation: "None: something must make the new value and tell those who use it.",
		Controls: "CIS-AZ5 8.3.3; SecHub SecretsManager.1; HIPAA 164.308(a)(4)(ii)(B), 164.308(a)(4)(ii)(C); PCI4 3.5.1, " +
			"8.2.2; NIST AC-2(1), AC-3(3)(a)",
		Peers: "Trivy AZU-0017; Checkov CKV2_AWS_57, CKV_AWS_304, CKV_AZURE_41; compliance-policies has only " +
			"secretsmanager CMK/description",
	}
}

// secretSafe: by default a secret has the key of Secrets Manager, and can be brought back for 30 days. Outside prod a
// stack that is made again must find its names free, so that 0 days are right there.
func secretSafe(c *Check) {
	if needsOwnKey(c) {
		c.CustomerKey("kmsKeyId")
	}
	if c.In(Prod) {
		c.AtLeast("recoveryWindowInDays", 7, AbsentOK)
	}
	for _, rotation := range c.Satellites(secretRotation, "secretId", "is never rotated") {
		if rotation.Given("rotationRules.scheduleExpression") == Yes {
			rotation.Pass()
			continue
		}
		rotation.AtMost("rotationRules.automaticallyAfterDays", 90)
	}
}
