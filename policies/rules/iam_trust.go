package rules

import (
	"slices"
	"strings"
)

func trustPinned() Rule {
	return Rule{
		ID: "IAM-05",
		Title: "Roles trust named principals only: a repository and a branch of GitHub, a service on behalf of this " +
			"account",
		Why: "Who may take a role has all that it may do. A service that anybody can ask, and every repository of the " +
			"world, is anybody.",
		Severity: High,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: []Matcher{{
			Type: "aws:iam/role:Role", Paths: []string{"assumeRolePolicy"}, Check: trusts,
		}},
		Fix: "Name accounts and roles. Services: a condition on aws:SourceAccount or aws:SourceArn. OIDC: a condition on " +
			"the subject, as repo:owner/name:ref:refs/heads/main.",
		Remediation: "None: who should take the role is not known.",
		Peers:       "Checkov CKV_AWS_60/61/393",
	}
}

func trusts(c *Check) {
	if c.Get("assumeRolePolicy").IsAbsent() {
		c.Fail("assumeRolePolicy", "is not set, want a policy that names who may take the role")
	}
	c.Statements("assumeRolePolicy", func(s *Statement) (Tri, string) {
		worst, what := s.Allows.And(s.AnyPrincipal()).And(s.Narrowed().Not()), "trusts everybody"
		for _, next := range []struct {
			wrong Tri
			what  string
		}{
			{s.trustsAnyRepository(), "trusts GitHub without naming a repository and a branch, tag or environment"},
			{s.trustsAnySubject(), "trusts an OIDC provider without naming a subject"},
			{s.trustsDeputy(), "trusts a service without a condition on aws:SourceAccount or aws:SourceArn"},
		} {
			if wrong := s.Allows.And(next.wrong); wrong > worst {
				worst, what = wrong, next.what
			}
		}
		return worst, what
	})
}

const github = "token.actions.githubusercontent.com"

// trustsAnyRepository tells whether a statement trusts GitHub and does not say which repository and what of it.
func (s *Statement) trustsAnyRepository() Tri {
	federated := s.Principals.Any("Federated", func(name string) bool { return strings.HasSuffix(name, github) })
	return federated.And(s.Conditions.Requires(github+":sub", pinnedSubject).Not())
}

// pinnedSubject reports whether a subject of GitHub names the owner, the repository, and a ref or an environment.
func pinnedSubject(subject string) bool {
	parts := strings.SplitN(subject, ":", 3)
	if len(parts) != 3 || parts[0] != "repo" || strings.ContainsAny(parts[1], "*?") {
		return false
	}
	owner, name, ok := strings.Cut(parts[1], "/")
	kind, what, named := strings.Cut(parts[2], ":")
	return ok && owner != "" && name != "" && !strings.ContainsAny(kind, "*?") &&
		(kind == "pull_request" || named && strings.Trim(what, "*?") != "" && what != "refs/*" && what != "refs/heads/*")
}

// trustsAnySubject tells the same of other OIDC providers, such as that of a cluster.
func (s *Statement) trustsAnySubject() Tri {
	federated := s.Principals.Any("Federated", func(name string) bool {
		return strings.Contains(name, "oidc-provider/") && !strings.HasSuffix(name, github)
	})
	named := No
	if s.Conditions.Unknown() {
		named = Maybe
	}
	for _, condition := range s.Conditions.list {
		if strings.HasSuffix(condition.Key, ":sub") {
			named = named.Or(s.Conditions.Requires(condition.Key, func(v string) bool {
				return strings.Trim(v, "*?:") != "" && v != "system:serviceaccount:*" && v != "system:serviceaccount:*:*"
			}))
		}
	}
	return federated.And(named.Not())
}

// trustsDeputy tells whether a statement trusts a service that somebody else could ask to use the role. EC2 is left
// out: it does not say on whose behalf it asks, and gives a role to machines of its own account only.
func (s *Statement) trustsDeputy() Tri {
	service := s.Principals.Any("Service", func(name string) bool {
		return !slices.Contains([]string{"ec2.amazonaws.com", "ec2.amazonaws.com.cn"}, name)
	})
	source := No
	for _, key := range []string{"aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID", "aws:SourceOrgPaths"} {
		source = source.Or(s.Conditions.Requires(key, func(v string) bool { return strings.Trim(v, "*?:") != "" }))
	}
	return service.And(source.Not())
}
