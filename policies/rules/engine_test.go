package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ruleOf is a rule on buckets that does what it is told.
func ruleOf(id string, severity Severity, check CheckFunc) Rule {
	return Rule{
		ID: id, Severity: severity, Levels: Levels{Off, Advisory, Mandatory}, Controls: "HIPAA 164.312(b)",
		Matchers: []Matcher{{Type: bucketType, Check: check}},
	}
}

func stackIn(e Environment) *Stack { return &Stack{Project: "p", Name: "s", Environment: e} }

func TestExpectations(t *testing.T) {
	t.Parallel()
	properties := map[string]any{
		"yes": true, "no": false, "text": "Standard_D2", "n": 7, "later": UnknownValue(), "empty": "",
		"list": []any{"a", "B"}, "partly": []any{"a", UnknownValue()}, "key": "arn:aws:kms:x", "aws": "alias/aws/s3",
	}
	const pass, fail, unsure = Passed, Failed, Unverified
	for name, c := range map[string]struct {
		check CheckFunc
		want  Outcome
	}{
		"true":                       {isTrue("yes"), pass},
		"true of false":              {isTrue("no"), fail},
		"true of unknown":            {isTrue("later"), unsure},
		"true of absent":             {isTrue("gone"), fail},
		"true of a text":             {isTrue("text"), fail},
		"false":                      {isFalse("no"), pass},
		"false of absent":            {isFalse("gone"), fail},
		"not true of absent":         {notTrue("gone"), pass},
		"not true of true":           {notTrue("yes"), fail},
		"not false of absent":        {notFalse("gone"), pass},
		"not false of false":         {notFalse("no"), fail},
		"not false of unknown":       {notFalse("later"), unsure},
		"set":                        {isSet("text"), pass},
		"set of empty":               {isSet("empty"), fail},
		"set of a wrong shape":       {isSet("text.deeper"), fail},
		"set of false":               {isSet("no"), pass},
		"empty":                      {func(c *Check) { c.Empty("empty") }, pass},
		"empty of absent":            {func(c *Check) { c.Empty("gone") }, pass},
		"empty of something":         {func(c *Check) { c.Empty("list") }, fail},
		"one of":                     {isText("text", "x", "standard_d2"), pass},
		"one of others":              {isText("text", "x"), fail},
		"one of, a number":           {isText("n", "7"), fail},
		"none of":                    {func(c *Check) { c.NoneOf("text", []string{"x"}) }, pass},
		"none of, a number":          {func(c *Check) { c.NoneOf("n", []string{"x"}) }, fail},
		"none of, found":             {func(c *Check) { c.NoneOf("text", []string{"STANDARD_D2"}) }, fail},
		"matches":                    {func(c *Check) { c.Matches("text", []string{"standard_*"}) }, pass},
		"matches nothing":            {func(c *Check) { c.Matches("text", []string{"basic_*"}) }, fail},
		"at least":                   {func(c *Check) { c.AtLeast("n", 7) }, pass},
		"at least, below":            {func(c *Check) { c.AtLeast("n", 8) }, fail},
		"at most":                    {func(c *Check) { c.AtMost("n", 7) }, pass},
		"at most, above":             {func(c *Check) { c.AtMost("n", 6) }, fail},
		"between, a text":            {func(c *Check) { c.Between("text", 0, 9) }, fail},
		"includes":                   {func(c *Check) { c.Includes("list", "b", "A") }, pass},
		"includes, missing":          {func(c *Check) { c.Includes("list", "c") }, fail},
		"includes, perhaps":          {func(c *Check) { c.Includes("partly", "a", "c") }, unsure},
		"includes, known":            {func(c *Check) { c.Includes("partly", "a") }, pass},
		"includes, unknown":          {func(c *Check) { c.Includes("later", "a") }, unsure},
		"includes, absent":           {func(c *Check) { c.Includes("gone", "a") }, fail},
		"includes, a text":           {func(c *Check) { c.Includes("text", "a") }, fail},
		"customer key":               {hasCustomerKey("key"), pass},
		"customer key of AWS":        {hasCustomerKey("aws"), fail},
		"customer key from nowhere":  {hasCustomerKey("later"), unsure},
		"customer key, absent":       {hasCustomerKey("gone"), fail},
		"forbidden":                  {forbidden("must not be"), fail},
		"nothing said":               {func(*Check) {}, NotApplicable},
		"each of no elements":        {isTrue("gone[].x"), NotApplicable},
		"all of, the worst":          {allOf(isTrue("later"), isTrue("no"), isTrue("yes")), fail},
		"panic":                      {func(c *Check) { panic(c) }, Broken},
		"panic of the runtime":       {func(c *Check) { _ = c.Graph.Resource("none").Name }, Broken},
		"absent is fine when wanted": {func(c *Check) { c.Set("gone", AbsentOK) }, pass},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewGraph([]*Resource{made(bucketType, "b", properties)})
			report := NewEngine([]Rule{ruleOf("R", High, c.check)}).Judge(g, stackIn(Prod), Options{})
			assert.Equal(t, map[string]int{c.want.String(): 1}, report.Counts)
			for _, f := range report.Findings {
				assert.NotContains(t, f.Message, "%!")
				assert.Equal(t, f.Outcome != Unverified, f.Stops(), f.Message)
			}
		})
	}
}

func TestCustomerKeyOfTheSameStack(t *testing.T) {
	t.Parallel()
	key := made("aws:kms/key:Key", "key", nil)
	bucket := made(bucketType, "b", map[string]any{"key": UnknownValue()}).from("key", key)
	report := NewEngine([]Rule{ruleOf("R", High, hasCustomerKey("key"))}).
		Judge(NewGraph([]*Resource{key, bucket}), stackIn(Prod), Options{})
	assert.Equal(t, map[string]int{"pass": 1}, report.Counts)
}

func TestLevels(t *testing.T) {
	t.Parallel()
	rule := ruleOf("R", High, forbidden("x"))
	for _, c := range []struct {
		environment Environment
		profiles    []string
		want        Level
	}{
		{Dev, nil, Off}, {Stage, nil, Advisory}, {Prod, nil, Mandatory}, {"other", nil, Mandatory},
		{Dev, []string{"hipaa"}, Advisory}, {Stage, []string{"hipaa"}, Mandatory}, {Prod, []string{"hipaa"}, Mandatory},
		{Dev, []string{"soc2"}, Off}, {Stage, []string{"soc2", "hipaa"}, Mandatory},
	} {
		s := stackIn(c.environment)
		s.Compliance = c.profiles
		assert.Equal(t, c.want, rule.LevelFor(s), "%v", c)
	}
	report := NewEngine([]Rule{rule}).Judge(NewGraph([]*Resource{made(bucketType, "b", nil)}), stackIn(Dev), Options{})
	assert.Empty(t, report.Counts, "what is off is not judged")
}

func TestFindingsAreInOrder(t *testing.T) {
	t.Parallel()
	var all []Rule
	for i, severity := range []Severity{Low, Critical, Medium, Critical} {
		all = append(all, ruleOf(fmt.Sprintf("R-%d", 4-i), severity, forbidden("x")))
	}
	var resources []*Resource
	for i := range 20 {
		resources = append(resources, made(bucketType, fmt.Sprintf("b%02d", (i*7)%20), nil))
	}
	first, err := json.Marshal(NewEngine(all).Judge(NewGraph(resources), stackIn(Prod), Options{}))
	require.NoError(t, err)
	slices.Reverse(resources)
	slices.Reverse(all)
	report := NewEngine(all).Judge(NewGraph(resources), stackIn(Prod), Options{})
	second, err := json.Marshal(report)
	require.NoError(t, err)
	assert.JSONEq(t, string(first), string(second))
	assert.Equal(t, string(first), string(second))
	assert.True(t, slices.IsSortedFunc(report.Findings, func(a, b Finding) int { return CompareFindings(&a, &b) }))
	assert.Equal(t, Critical, report.Findings[0].Severity)
	assert.Equal(t, []string{"R-1", "R-3"}, []string{report.Findings[0].Rule, report.Findings[1].Rule})
}

// TestFindingsAreSorted compares the order by place with that by CompareFindings, on resources of the graph, on one
// that stands in it twice, and on URNs that are not in it.
func TestFindingsAreSorted(t *testing.T) {
	t.Parallel()
	var resources []*Resource
	for _, name := range []string{"b", "d", "d", "f"} {
		resources = append(resources, &Resource{URN: name, Type: bucketType})
	}
	var all findings
	var want []Finding
	for i := range 2000 { // more than there are different ones
		f := Finding{
			URN: string("abcdefg"[i%7]), Severity: Severity(1 + i%5), Rule: fmt.Sprint(i % 3), Environment: Prod,
			Outcome: Failed, Message: fmt.Sprint(i % 2),
		}
		all.add(&f)
		want = append(want, f)
	}
	slices.SortFunc(want, func(a, b Finding) int { return CompareFindings(&a, &b) })
	want = slices.Compact(want)
	assert.Len(t, want, 7*5*3*2)
	assert.Equal(t, want, all.sorted(NewGraph(resources)))
}

func TestABrokenRuleDoesNotEndTheRun(t *testing.T) {
	t.Parallel()
	broken := ruleOf("BROKEN", High, func(c *Check) {
		c.Fail("a", "is wrong")
		panic("secret: " + c.Resource.Name)
	})
	fine := ruleOf("FINE", High, forbidden("must not be"))
	report := NewEngine([]Rule{broken, fine}).
		Judge(NewGraph([]*Resource{made(bucketType, "hunter2", nil)}), stackIn(Prod), Options{})
	assert.Equal(t, map[string]int{"error": 1, "fail": 1}, report.Counts)
	require.Len(t, report.Findings, 3, "what the rule said before stands")
	for _, f := range report.Findings {
		assert.NotContains(t, f.Message, "hunter2")
		assert.True(t, f.Stops(), "what can not be judged does not pass")
	}
}

func TestJudgeResource(t *testing.T) {
	t.Parallel()
	alone, together := ruleOf("ALONE", High, forbidden("x")), ruleOf("TOGETHER", High, forbidden("x"))
	together.Scope = OnStack
	whole := Rule{ID: "WHOLE", Levels: Levels{Mandatory, Mandatory, Mandatory}, Scope: OnStack, Stack: forbidden("y")}
	every := Rule{ID: "EVERY", Levels: whole.Levels, Matchers: []Matcher{{Type: AnyType, Check: forbidden("z")}}}
	e := NewEngine([]Rule{alone, together, whole, every})
	ids := func(report *Report) (ids []string) {
		for _, f := range report.Findings {
			ids = append(ids, f.Rule)
		}
		slices.Sort(ids)
		return ids
	}
	bucket := made(bucketType, "b", nil)
	assert.Equal(t, []string{"ALONE", "EVERY"}, ids(e.JudgeResource(bucket, stackIn(Prod), Options{})))
	component := made("mlpathway:data:Lake", "lake", nil)
	queue := made("aws:sqs/queue:Queue", "q", nil)
	g := NewGraph([]*Resource{bucket, component, queue})
	report := e.Judge(g, stackIn(Prod), Options{})
	assert.Equal(t, []string{"ALONE", "EVERY", "EVERY", "TOGETHER", "WHOLE"}, ids(report))
	assert.Equal(t, map[string]int{"aws:sqs/queue:Queue": 1}, report.NotInspected)
	assert.Equal(t, "urn:pulumi:s::p::pulumi:pulumi:Stack::p-s",
		report.Findings[slices.IndexFunc(report.Findings, func(f Finding) bool { return f.Rule == "WHOLE" })].URN)
}

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true}, {"", "", true}, {"", "x", false}, {"a*c", "abbc", true}, {"a*c", "abb", false},
		{"s3:*", "S3:GetObject", true}, {"a?c", "abc", true}, {"a?c", "ac", false}, {"*a*b*", "xxaxxbxx", true},
		{"*a*b", "ab a", false}, {"a**", "a", true},
	} {
		assert.Equal(t, c.want, glob(c.pattern, c.text), "%s %s", c.pattern, c.text)
	}
}

func TestRemedies(t *testing.T) {
	t.Parallel()
	c := &Check{Resource: made(bucketType, "b", map[string]any{"list": []any{
		map[string]any{"on": false}, map[string]any{}, map[string]any{"on": true}, map[string]any{"on": UnknownValue()},
	}}), result: &result{}}
	changes := sets(true, "list[].on")(c)
	require.Len(t, changes, 2, "what is right and what is unknown stays")
	assert.Equal(t, "- list[0].on: false\n+ list[0].on: true", changes[0].String())
	assert.Equal(t, "- list[1].on: nothing\n+ list[1].on: true", changes[1].String())
}

func TestEngineRemedies(t *testing.T) {
	t.Parallel()
	mended := ruleOf("MENDED", High, isTrue("on"))
	mended.Matchers[0].Remedy = sets(true, "on")
	fine := ruleOf("FINE", High, isTrue("fine"))
	fine.Matchers[0].Remedy = sets(true, "fine")
	panics := ruleOf("PANICS", High, isTrue("on"))
	panics.Matchers[0].Remedy = func(*Check) []Change { panic("x") }
	every := Rule{ID: "EVERY", Levels: mended.Levels, Matchers: []Matcher{
		{Type: AnyType, Check: isSet("tags.team"), Remedy: sets("fraud", "tags.team")},
	}}
	e := NewEngine([]Rule{mended, fine, panics, every})
	bucket := made(bucketType, "b", map[string]any{"on": false, "fine": true, "tags": map[string]any{"env": "prod"}})
	var said []string
	for _, remedy := range e.Remedies(bucket, stackIn(Prod), Options{}) {
		for _, change := range remedy.Changes {
			said = append(said, remedy.Rule+" "+change.String())
		}
	}
	assert.Equal(t, []string{
		"MENDED - on: false\n+ on: true", `EVERY - tags.team: nothing` + "\n" + `+ tags.team: "fraud"`,
	}, said)
	assert.Empty(t, e.Remedies(bucket, stackIn(Dev), Options{}), "what is off mends nothing")
}

func TestSteps(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []Step{{Key: "a"}, {Element: true, Index: 2}, {Key: "b.c"}, {Key: "d"}}, Steps(`a[2]["b.c"].d`))
	assert.Nil(t, Steps("a[x]"))
	assert.Nil(t, Steps("a[]"))
}
