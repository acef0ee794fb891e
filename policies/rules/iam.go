package rules

import "strings"

// iamRules are the rules on identities and what they may do.
func iamRules() []Rule {
	return []Rule{
		noEverything(), noWildcards(), noAdministrators(), noLongLivedKeys(), trustPinned(), noDefaultIdentities(),
		noSharedKeys(),
	}
}

func noEverything() Rule {
	document := func(typ string) Matcher {
		return Matcher{Type: typ, Paths: []string{"policy"}, Check: noFullPower("policy")}
	}
	return Rule{
		ID:       "IAM-01",
		Title:    "No policy allows every action on everything",
		Why:      "Whoever takes over such an identity, or the code that runs under it, has the whole account.",
		Severity: Critical,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: []Matcher{
			document("aws:iam/policy:Policy"),
			document("aws:iam/rolePolicy:RolePolicy"),
			{
				Type:  "aws:iam/role:Role",
				Paths: []string{"inlinePolicies[].policy", "managedPolicyArns"},
				Check: allOf(noFullPower("inlinePolicies[].policy"), func(c *Check) {
					for _, arn := range c.Each("managedPolicyArns[]") {
						c.managedPolicy(arn, "*:policy/AdministratorAccess")
					}
				}),
			},
			document("aws:iam/userPolicy:UserPolicy"),
			document("aws:iam/groupPolicy:GroupPolicy"),
			{
				Type: "gcp:projects/iAMMember:IAMMember", Paths: []string{"role"},
				Check: func(c *Check) { c.NoneOf("role", []string{"roles/owner"}) },
			}, {
				Type: "gcp:projects/iAMBinding:IAMBinding", Paths: []string{"role"},
				Check: func(c *Check) { c.NoneOf("role", []string{"roles/owner"}) },
			}, {
				Type: "gcp:projects/iAMCustomRole:IAMCustomRole", Paths: []string{"permissions"}, Check: customRoleNarrow,
			}, {
				Type:  "azure-native:authorization:RoleDefinition",
				Paths: []string{"permissions[].actions", "assignableScopes"},
				Check: roleDefinitionNarrow,
			}, {
				Type:  "azure-native:authorization:RoleAssignment",
				Paths: []string{"roleDefinitionId", "scope"},
				Check: roleAssignmentNarrow,
			},
		},
		Fix: "List the actions that the workload needs, on the resources that it needs them for. Azure: assign to a " +
			"resource or a resource group.",
		Remediation: "None: what the workload needs is not known.",
		Controls: "CIS-AWS6 2.15; CIS-GCP5 1.6; CIS-AZ5 5.23; SecHub IAM.1; HIPAA 164.312(a)(1), 164.308(a)(4)(i); " +
			"PCI3.2.1 2.2, 7.1.2; PCI4 1.5.1, 7.2.1; NIST AC-6, AC-6(2); SOC2 CC1.3, CC6.3",
		Peers: "Trivy AWS-0057, GCP-0007, AZU-0030; Checkov CKV_AWS_62/63, CKV_GCP_117, CKV_AZURE_39; cdk-nag IAM5",
	}
}

// fullPower tells whether a statement allows every action on everything.
func (s *Statement) fullPower() Tri { return s.Allows.And(s.AnyAction()).And(s.AnyResource()) }

func noFullPower(path string) CheckFunc {
	return func(c *Check) {
		items := c.Policies(path)
		if len(items) == 0 {
			c.Pass()
		}
		c.Statements(path, func(s *Statement) (Tri, string) {
			return s.fullPower(), "allows every action on everything"
		})
	}
}

// managedPolicy refuses managed policies whose ARN fits one of the globs. One that is not known yet comes from a policy
// of the same stack, which is judged itself, or is unverified.
func (c *Check) managedPolicy(arn Item, globs ...string) {
	text, known := arn.Text()
	for _, g := range globs {
		if known && glob(g, text) {
			c.Fail(arn.Path, "is %s", arn.Value)
			return
		}
	}
	switch {
	case known, arn.IsUnknown() && c.TakesFrom(root(arn.Path), "aws:iam/policy:Policy"):
		c.Pass()
	case arn.IsUnknown():
		c.Unsure(arn.Path, "is not known yet, want a policy that does not allow everything")
	default:
		c.Fail(arn.Path, "is %s, want the ARN of a policy", arn.Value)
	}
}

// customRoleNarrow: a role that may change who has which role can give itself all the others.
func customRoleNarrow(c *Check) {
	c.Expect("permissions[]", "a single permission that does not lead to all others", func(v Value) bool {
		text, ok := v.Text()
		return ok && !strings.Contains(text, "*") && !strings.HasSuffix(text, ".setIamPolicy")
	})
	if c.Get("permissions").Empty() {
		c.Fail("permissions", "is not set, want single permissions")
	}
}

// roleDefinitionNarrow: * is every action. A role for one resource group may have it, since its scope bounds it.
func roleDefinitionNarrow(c *Check) {
	everything := No
	for _, action := range c.Each("permissions[].actions[]") {
		switch text, known := action.Text(); {
		case known && text == "*":
			everything = Yes
		case !known:
			everything = everything.Or(Maybe)
		}
	}
	wide := No
	for _, scope := range c.Each("assignableScopes[]") {
		wide = wide.Or(wideScope(scope.Value))
	}
	if c.Get("assignableScopes").Empty() {
		wide = Yes // the scope that it is made in, mostly a subscription
	}
	c.Say(everything.And(wide), "permissions", "allow every action in a whole subscription")
}

// wideScope tells whether a scope is a subscription or more.
func wideScope(v Value) Tri {
	text, known := v.Text()
	switch {
	case !known:
		return Maybe
	case strings.Contains(strings.ToLower(text), "/resourcegroups/"):
		return No
	default:
		return Yes
	}
}

// powerful are the built-in roles Owner, Contributor, User Access Administrator and Role Based Access Control
// Administrator.
var powerful = []string{
	"*8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "*b24988ac-6180-42a0-ab88-20f7382dd24c",
	"*18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "*f58310d9-a9f6-439a-9e8d-f62e7b41a168",
}

func roleAssignmentNarrow(c *Check) {
	role := c.Get("roleDefinitionId")
	text, known := role.Text()
	strong := No
	for _, g := range powerful {
		if glob(g, text) {
			strong = Yes
		}
	}
	if !known {
		strong = Maybe
		if c.TakesFrom("roleDefinitionId", "azure-native:authorization:RoleDefinition") {
			strong = No // judged itself
		}
	}
	wide := wideScope(c.Get("scope"))
	if wide == Maybe && c.TakesFrom("scope") {
		wide = No // the id of something in the stack, which is no subscription
	}
	c.Say(strong.And(wide), "roleDefinitionId", "is %s for a whole subscription", role)
}

func noAdministrators() Rule {
	attachment := func(typ string) Matcher {
		return Matcher{Type: typ, Paths: []string{"policyArn"}, Check: func(c *Check) {
			for _, arn := range c.Each("policyArn") {
				c.managedPolicy(arn, administrators...)
			}
		}}
	}
	return Rule{
		ID: "IAM-03",
		Title: "Nobody has a managed policy for administrators or with full access to a service, nor the roles Owner or " +
			"Editor",
		Why:      "They allow far more than any workload needs, and grow with every service that the platform adds.",
		Severity: Critical,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			attachment("aws:iam/rolePolicyAttachment:RolePolicyAttachment"),
			attachment("aws:iam/userPolicyAttachment:UserPolicyAttachment"),
			{
				Type: "gcp:projects/iAMMember:IAMMember", Paths: []string{"role"},
				Check: func(c *Check) { c.NoneOf("role", []string{"roles/owner", "roles/editor"}) },
			},
		},
		Fix:         "Write a policy with the actions and resources that the workload needs, or take a role for one service.",
		Remediation: "None: what the workload needs is not known.",
		Controls: "CIS-AWS6 2.15; SecHub IAM.1; HIPAA 164.312(a)(1), 164.308(a)(4)(i); NIST AC-6, AC-6.2; SOC2 CC1.3, " +
			"CC6.3",
		Peers: "Checkov CKV_AWS_274, CKV2_AWS_56, CKV_GCP_117; Trivy GCP-0007",
	}
}

// administrators are managed policies of AWS that allow everything, or everything of a service: AmazonS3FullAccess is
// s3:* on *, which IAM-02 refuses where it is written out.
var administrators = []string{
	"*:aws:policy/AdministratorAccess*", "*:aws:policy/PowerUserAccess", "*:aws:policy/*FullAccess",
	"*:aws:policy/*FullAccess_v2", "*:aws:policy/job-function/*Administrator",
}

func noLongLivedKeys() Rule {
	const oidc, workload = "oidcIssuerProfile.enabled", "securityProfile.workloadIdentity.enabled"
	return Rule{
		ID:       "IAM-04",
		Title:    "Workloads have identities of the platform; there are no users, access keys or keys of service accounts",
		Why:      "A key that does not expire ends up in a repository or a backup, and works for whoever finds it.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		// Each is judged alone, so that a finding comes before it is made.
		Scope: OnResource,
		Matchers: []Matcher{
			{Type: "aws:iam/user:User", Check: forbidden("is a user with lasting credentials, want a role")},
			{Type: "aws:iam/accessKey:AccessKey", Check: forbidden("is a key that does not expire, want a role")},
			{
				Type:  "gcp:serviceaccount/key:Key",
				Check: forbidden("is a key that does not expire, want Workload Identity"),
			}, {
				Type:  "gcp:container/cluster:Cluster", // default: off, save in Autopilot
				Paths: []string{"workloadIdentityConfig.workloadPool", "enableAutopilot"},
				Check: func(c *Check) {
					if isBool(true)(c.Get("enableAutopilot")) {
						c.Pass()
						return
					}
					c.Set("workloadIdentityConfig.workloadPool")
				},
			}, {
				Type:  "azure-native:containerservice:ManagedCluster", // default: off
				Paths: []string{oidc, workload},
				Check: isTrue(oidc, workload),
			},
		},
		Fix: "Give the workload a role by IRSA or pod identity, a service account by Workload Identity, or a managed " +
			"identity; a CI system by OIDC.",
		Remediation: "None: who uses the key must be moved first.",
		Controls: "CIS-AWS6 2.14; CIS-GCP5 1.5; HIPAA 164.312(a)(1), 164.312(a)(2)(i); PCI3.2.1 2.2, 7.1.2; PCI4 3.5.1.1, " +
			"3.5.1.3; NIST AC-6, AC-6(3); SOC2 CC1.3",
		Peers: "Checkov CKV_AWS_40, CKV_AWS_273, CKV2_GCP_3; Trivy AWS-0143",
	}
}
