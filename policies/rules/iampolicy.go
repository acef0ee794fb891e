package rules

import (
	"slices"
	"strings"
)

// Tri is the answer to a question about something that is known in part.
type Tri uint8

// The answers.
const (
	No    Tri = iota
	Maybe     // it depends on what is not known yet
	Yes
)

// And is Yes where both are, and No where one is.
func (t Tri) And(other Tri) Tri { return min(t, other) }

// Or is Yes where one is, and No where both are.
func (t Tri) Or(other Tri) Tri { return max(t, other) }

// Not turns the answer round.
func (t Tri) Not() Tri { return Yes - t }

// Say reports the answer to "is this wrong?": a finding for Yes, unverified for Maybe, a pass for No.
func (c *Check) Say(wrong Tri, path, format string, args ...any) {
	switch wrong {
	case Yes:
		c.Fail(path, format, args...)
	case Maybe:
		c.Unsure(path, "perhaps "+format+", but it is known in part only", args...)
	case No:
		c.Pass()
	}
}

// PolicyItem is a policy document and where it stands.
type PolicyItem struct {
	*Document
	Path string
}

// Statements goes through the statements of the documents at a path. A document that can not be read is a finding, one
// that is not known yet is unverified; neither passes. ask answers for one statement what is wrong with it.
func (c *Check) Statements(path string, ask func(s *Statement) (wrong Tri, what string)) {
	for _, item := range c.Policies(path) {
		switch {
		case item.Problem != "":
			c.Fail(item.Path, "is no policy document: %s", item.Problem)
			continue
		case item.Unknown:
			c.Unsure(item.Path, "is not known yet")
		}
		for i := range item.Statements {
			wrong, what := ask(&item.Statements[i])
			c.Say(wrong, item.Path, "%s in %s", what, item.Statements[i].Name)
		}
	}
}

// Document is an IAM policy document of AWS, known in full or in part.
type Document struct {
	// Problem says why it can not be read; "" where it can.
	Problem string
	// Unknown says that the document, or the list of its statements, is not known in full.
	Unknown bool
	// Statements that are known at least in part.
	Statements []Statement
}

// Statement is one statement of a policy document.
type Statement struct {
	// Name is its Sid, or its number where it has none.
	Name string
	// Allows tells whether it allows something.
	Allows Tri
	// What it is about.
	Actions, NotActions, Resources, NotResources Terms
	// Principals and NotPrincipals: for whom.
	Principals, NotPrincipals Principals
	// Conditions under which it holds.
	Conditions Conditions
}

// Terms is a list of texts with wildcards, of which some may be unknown. The zero Terms is not given.
type Terms struct {
	given bool
	items []Value
}

// Given reports whether the element stands in the statement.
func (t Terms) Given() bool { return t.given }

// Any finds a term that fits. It is Maybe where none of the known ones does and one is unknown.
func (t Terms) Any(fits func(term string) bool) (term Value, found Tri) {
	for _, item := range t.items {
		if text, ok := item.Text(); ok && fits(text) {
			return item, Yes
		}
		if item.IsUnknown() {
			term, found = item, Maybe
		}
	}
	return term, found
}

// onlyStars reports whether a term fits everything, as * and *:* do.
func onlyStars(term string) bool {
	return strings.Contains(term, "*") && strings.Trim(term, "*?:") == ""
}

// AnyAction tells whether the statement is about every action. All but some (NotAction) counts as every.
func (s *Statement) AnyAction() Tri {
	if s.NotActions.Given() {
		return Yes
	}
	_, found := s.Actions.Any(onlyStars)
	return found
}

// WholeService finds an action that is everything of a service, as s3:* is; all but some (NotAction) counts too.
func (s *Statement) WholeService() (action Value, found Tri) {
	if s.NotActions.Given() {
		return StringValue("NotAction"), Yes
	}
	return s.Actions.Any(func(term string) bool {
		_, name, ok := strings.Cut(term, ":")
		return onlyStars(term) || ok && strings.Trim(name, "*") == ""
	})
}

// Action tells whether the statement is about an action such as s3:PutObject.
func (s *Statement) Action(action string) Tri {
	if s.NotActions.Given() {
		_, excluded := s.NotActions.Any(func(term string) bool { return glob(term, action) })
		return excluded.Not()
	}
	_, found := s.Actions.Any(func(term string) bool { return glob(term, action) })
	return found
}

// AnyResource tells whether the statement is about every resource. All but some (NotResource) counts as every.
func (s *Statement) AnyResource() Tri {
	if s.NotResources.Given() {
		return Yes
	}
	_, found := s.Resources.Any(onlyStars)
	return found
}

// AnyPrincipal tells whether the statement is for everybody. All but some (NotPrincipal) counts as everybody.
func (s *Statement) AnyPrincipal() Tri {
	if s.NotPrincipals.Given() {
		return Yes
	}
	return s.Principals.Any("", onlyStars)
}

// Principals are those for whom a statement holds, by kind: AWS, Service, Federated, CanonicalUser. The text * has the
// kind "*".
type Principals struct {
	given  bool
	byKind map[string]Terms
	// unknown says that kinds may be missing.
	unknown bool
}

// Given reports whether the element stands in the statement.
func (p Principals) Given() bool { return p.given }

// Any finds a principal of a kind that fits; of every kind where kind is "".
func (p Principals) Any(kind string, fits func(name string) bool) Tri {
	found := No
	if p.unknown {
		found = Maybe
	}
	for k, terms := range p.byKind {
		if kind == "" || strings.EqualFold(k, kind) {
			_, here := terms.Any(fits)
			found = found.Or(here)
		}
	}
	return found
}

// Conditions are the conditions of a statement.
type Conditions struct {
	list    []Condition
	unknown bool
}

// Condition is one test: operator, key, values. All conditions of a statement must hold; one value is enough.
type Condition struct {
	// Operator such as StringEquals, as it stands there.
	Operator string
	// Key such as aws:SourceArn, in lower case.
	Key string
	// Values to compare with.
	Values Terms
}

// On gives the conditions on a key; the key is compared without regard to case.
func (c Conditions) On(key string) []Condition {
	var found []Condition
	for _, condition := range c.list {
		if condition.Key == strings.ToLower(key) {
			found = append(found, condition)
		}
	}
	return found
}

// Unknown reports whether there may be conditions that are not known.
func (c Conditions) Unknown() bool { return c.unknown }

// Requires tells whether the conditions demand that a key has one of certain values: an operator that demands it, and
// not one value that does not fit.
func (c Conditions) Requires(key string, fits func(value string) bool) Tri {
	required := No
	if c.unknown {
		required = Maybe
	}
	for _, condition := range c.On(key) {
		if condition.demands() {
			_, misfit := condition.Values.Any(func(v string) bool { return !fits(v) })
			required = required.Or(misfit.Not())
		}
	}
	return required
}

// demands reports whether the operator lets through only requests that have the key with one of the values. Negated
// operators do not, nor do those that let a request without the key through.
func (c Condition) demands() bool {
	operator := strings.ToLower(c.Operator)
	if strings.HasPrefix(operator, "forallvalues:") || strings.HasSuffix(operator, "ifexists") ||
		strings.Contains(operator, "not") || len(c.Values.items) == 0 {
		return false
	}
	operator = strings.TrimPrefix(operator, "foranyvalue:")
	for _, kind := range []string{"string", "arn", "ipaddress", "bool", "numeric", "date"} {
		if strings.HasPrefix(operator, kind) {
			return true
		}
	}
	return false
}

// callers are the condition keys that say who calls or from where.
var callers = []string{
	"aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:PrincipalArn",
	"aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:SourceVpc", "aws:SourceVpce",
	"aws:SourceIp", "aws:VpcSourceIp", "aws:SourceOwner", "aws:userid", "kms:CallerAccount", "s3:DataAccessPointAccount",
}

// Narrowed tells whether a condition restricts who may call, or from where.
func (s *Statement) Narrowed() Tri {
	narrowed := No
	for _, key := range callers {
		narrowed = narrowed.Or(s.Conditions.Requires(key, func(value string) bool {
			return !onlyStars(value) && value != "" && !slices.Contains([]string{"0.0.0.0/0", "::/0"}, value)
		}))
	}
	return narrowed
}
