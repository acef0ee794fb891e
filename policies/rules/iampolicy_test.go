package rules

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// statement parses a document with one statement.
func statement(t *testing.T, text string) *Statement {
	t.Helper()
	d := ParseDocument(StringValue(`{"Version":"2012-10-17","Statement":` + text + `}`))
	require.Empty(t, d.Problem)
	require.Len(t, d.Statements, 1)
	return &d.Statements[0]
}

func TestStatements(t *testing.T) {
	t.Parallel()
	allows := func(s *Statement) Tri { return s.Allows }
	action := func(name string) func(*Statement) Tri { return func(s *Statement) Tri { return s.Action(name) } }
	whole := func(s *Statement) Tri { _, found := s.WholeService(); return found }
	for _, c := range []struct {
		text string
		ask  func(*Statement) Tri
		want Tri
	}{
		{`{"Effect":"Allow"}`, allows, Yes},
		{`[{"effect":"DENY"}]`, allows, No},
		{`{}`, allows, Maybe},
		{`{"Action":"*"}`, (*Statement).AnyAction, Yes},
		{`{"action":["s3:Get*","*:*"]}`, (*Statement).AnyAction, Yes},
		{`{"Action":["s3:*"]}`, (*Statement).AnyAction, No},
		{`{"NotAction":"iam:*"}`, (*Statement).AnyAction, Yes},
		{`{"Action":[3]}`, (*Statement).AnyAction, No},
		{`{"Action":[{}]}`, (*Statement).AnyAction, Maybe},
		{`{"Action":{"x":1}}`, (*Statement).AnyAction, Maybe},
		{`{"Action":"*","ACTION":"s3:GetObject"}`, (*Statement).AnyAction, Maybe},
		{`{"Action":["s3:*"]}`, whole, Yes},
		{`{"Action":["s3:Get*"]}`, whole, No},
		{`{"Action":"*"}`, whole, Yes},
		{`{"NotAction":"iam:*"}`, whole, Yes},
		{`{"Action":"s3:Put*"}`, action("s3:PutObject"), Yes},
		{`{"Action":"S3:putobject"}`, action("s3:PutObject"), Yes},
		{`{"NotAction":"s3:Put*"}`, action("s3:PutObject"), No},
		{`{"NotAction":"s3:Get*"}`, action("s3:PutObject"), Yes},
		{`{"Resource":["arn:aws:s3:::x","*"]}`, (*Statement).AnyResource, Yes},
		{`{"Resource":"arn:aws:s3:::x/*"}`, (*Statement).AnyResource, No},
		{`{"NotResource":"arn:aws:s3:::x"}`, (*Statement).AnyResource, Yes},
		{`{"Principal":"*"}`, (*Statement).AnyPrincipal, Yes},
		{`{"Principal":{"AWS":["123456789012","*"]}}`, (*Statement).AnyPrincipal, Yes},
		{`{"Principal":{"AWS":"arn:aws:iam::123456789012:root"}}`, (*Statement).AnyPrincipal, No},
		{`{"NotPrincipal":{"AWS":"x"}}`, (*Statement).AnyPrincipal, Yes},
		{`{"Principal":7}`, (*Statement).AnyPrincipal, Maybe},
		{`{}`, (*Statement).AnyPrincipal, No},
		{`{"Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"}}}`, (*Statement).Narrowed, Yes},
		{`{"Condition":{"StringLike":{"aws:SourceArn":"*"}}}`, (*Statement).Narrowed, No},
		{`{"Condition":{"StringLike":{"aws:SourceArn":["arn:aws:s3:::x","*"]}}}`, (*Statement).Narrowed, No},
		{`{"Condition":{"StringNotEquals":{"aws:SourceAccount":"1"}}}`, (*Statement).Narrowed, No},
		{`{"Condition":{"StringEqualsIfExists":{"aws:SourceAccount":"1"}}}`, (*Statement).Narrowed, No},
		{`{"Condition":{"ForAllValues:StringEquals":{"aws:PrincipalOrgPaths":"o"}}}`, (*Statement).Narrowed, No},
		{`{"Condition":{"ForAnyValue:StringEquals":{"aws:PrincipalOrgPaths":"o"}}}`, (*Statement).Narrowed, Yes},
		{`{"Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}}`, (*Statement).Narrowed, No},
		{`{"Condition":{"Bool":{"aws:SecureTransport":"true"}}}`, (*Statement).Narrowed, No},
		{`{"Condition":{"StringEquals":{"aws:SourceAccount":[]}}}`, (*Statement).Narrowed, No},
		{`{"Condition":"odd"}`, (*Statement).Narrowed, Maybe},
		{`{"Condition":{"StringEquals":"odd"}}`, (*Statement).Narrowed, Maybe},
		{`{"Condition":{"StringEquals":{"aws:SourceAccount":{}}}}`, (*Statement).Narrowed, Maybe},
	} {
		assert.Equal(t, c.want, c.ask(statement(t, c.text)), c.text)
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	s := statement(t, `{"Sid":"TLS","Condition":{"Bool":{"aws:SecureTransport":false}}}`)
	assert.Equal(t, Yes, s.Conditions.Requires("aws:securetransport", func(v string) bool { return v == "false" }))
	assert.Equal(t, No, s.Conditions.Requires("aws:SecureTransport", func(v string) bool { return v == "true" }))
	assert.Equal(t, `statement "TLS"`, s.Name)
	assert.Len(t, s.Conditions.On("aws:SecureTransport"), 1)
	assert.False(t, s.Conditions.Unknown())
}

func TestPrincipalKinds(t *testing.T) {
	t.Parallel()
	s := statement(t, `{"Principal":{"Service":"ec2.amazonaws.com","Federated":"x"}}`)
	isEC2 := func(name string) bool { return name == "ec2.amazonaws.com" }
	assert.Equal(t, Yes, s.Principals.Any("service", isEC2))
	assert.Equal(t, No, s.Principals.Any("Federated", isEC2))
	assert.False(t, s.NotPrincipals.Given())
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	for text, problem := range map[string]string{
		"not JSON":              "it is not JSON",
		`{"Statement":[]} more`: "it is not JSON",
		`[]`:                    "it is a list, want a JSON object",
		`{}`:                    "Statement is nothing, want a list",
		`{"Statement":"x"}`:     "Statement is a text, want a list",
		`{"Statement":["x"]}`:   "a statement is a text, want an object",
	} {
		assert.Equal(t, problem, ParseDocument(StringValue(text)).Problem, text)
	}
	assert.Equal(t, "it is a number, want a JSON object", ParseDocument(NumberValue(3)).Problem)
	assert.True(t, ParseDocument(UnknownValue()).Unknown)
	partly := ParseDocument(Of(map[string]any{"Statement": []any{
		UnknownValue(), map[string]any{"Effect": "Allow", "Action": []any{"s3:Get*", UnknownValue()}, "Resource": "*"},
	}}))
	assert.True(t, partly.Unknown)
	require.Len(t, partly.Statements, 1)
	assert.Equal(t, Maybe, partly.Statements[0].AnyAction())
	assert.Equal(t, Yes, partly.Statements[0].Action("s3:GetObject"))
	assert.True(t, ParseDocument(Of(map[string]any{"Statement": UnknownValue()})).Unknown)
	secret := ParseDocument(StringValue(`{"Statement":{"Action":"hunter2:*"}}`).AsSecret())
	service, found := secret.Statements[0].WholeService()
	assert.Equal(t, Yes, found)
	assert.Equal(t, "[secret]", service.String())
}

func TestStatementsOfACheck(t *testing.T) {
	t.Parallel()
	check := func(c *Check) {
		c.Statements("policy", func(s *Statement) (Tri, string) {
			return s.Allows.And(s.AnyAction()), "allows every action"
		})
	}
	for policy, want := range map[any]Outcome{
		`{"Statement":{"Effect":"Allow","Action":"*"}}`:      Failed,
		`{"Statement":{"Effect":"Deny","Action":"*"}}`:       Passed,
		`{"Statement":{"Action":"*"}}`:                       Unverified,
		`{"Statement":{"Effect":"Allow","Action":"s3:Get"}}`: Passed,
		"nonsense": Failed,
		3:          Failed,
		nil:        NotApplicable,
	} {
		e := NewEngine([]Rule{ruleOf("R", High, check)})
		g := NewGraph([]*Resource{made(bucketType, "b", map[string]any{"policy": policy})})
		report := e.Judge(g, stackIn(Prod), Options{})
		assert.Equal(t, map[string]int{want.String(): 1}, report.Counts, policy)
	}
	g := NewGraph([]*Resource{made(bucketType, "b", map[string]any{"policy": UnknownValue()})})
	report := NewEngine([]Rule{ruleOf("R", High, check)}).Judge(g, stackIn(Prod), Options{})
	assert.Equal(t, map[string]int{"unverified": 1}, report.Counts)
}

func TestTri(t *testing.T) {
	t.Parallel()
	assert.Equal(t, Maybe, Yes.And(Maybe))
	assert.Equal(t, No, No.And(Maybe))
	assert.Equal(t, Yes, Yes.Or(Maybe))
	assert.Equal(t, []Tri{Yes, Maybe, No}, []Tri{No.Not(), Maybe.Not(), Yes.Not()})
}

// FuzzDocument: whatever the text, nothing panics; what is no document has a problem; and a document that allows
// everything in plain words is never taken for harmless, whatever stands beside it.
func FuzzDocument(f *testing.F) {
	f.Add(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	f.Add(`{"Statement":{"NotAction":[1,null],"Condition":{"Bool":{"x":[]}}}}`)
	f.Add("{\"Statement\":\"\xff\"}")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseJSON(text)
		d := ParseDocument(StringValue(text))
		require.False(t, err != nil && d.Problem == "", "what is no JSON is no document")
		for i := range d.Statements {
			askAll(&d.Statements[i])
		}
		open := Of(map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*", "Condition": v})
		d = ParseDocument(Of(map[string]any{"Statement": []any{v, open}}))
		if d.Problem == "" && !d.Unknown {
			last := &d.Statements[len(d.Statements)-1]
			require.Equal(t, Yes, last.Allows.And(last.AnyAction()).And(last.AnyResource()).And(last.AnyPrincipal()))
		}
	})
}

func askAll(s *Statement) {
	_ = s.AnyAction().And(s.AnyResource()).And(s.AnyPrincipal()).And(s.Narrowed()).And(s.Action("s3:GetObject"))
	_, _ = s.WholeService()
}
