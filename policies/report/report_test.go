package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/joshdk/go-junit"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/policies/cost"
	"github.com/mlpathway/mlpathway/policies/report"
	"github.com/mlpathway/mlpathway/policies/rules"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	bucket = "urn:pulumi:s::p::mlpathway:data:Lake$aws:s3/bucketV2:BucketV2::raw"
	lake   = "urn:pulumi:s::p::mlpathway:data:Lake::lake"
	stack  = "urn:pulumi:s::p::pulumi:pulumi:Stack::p-s"
)

// finding of a test.
func finding(rule, level, outcome, urn string) plan.Finding {
	return plan.Finding{
		Rule: rule, Severity: "high", Level: level, Outcome: outcome, URN: urn, Path: "a[0].b",
		Message: "a[0].b is \"x|y\",\nwant <b>z</b> of @someone",
	}
}

// example is a plan with every kind of finding, a cost and something without a price.
func example() *plan.Document {
	waived := finding("ENC-02", "advisory", plan.Waived, bucket)
	waived.Waiver = &rules.Waiver{Reason: "a good reason", Owner: "ada@example.com", Expires: "2026-12-31"}
	usd := cost.Amount{Idle: 1, Expected: 1234.5, Maximum: 5000}
	return &plan.Document{
		Version: plan.Version, Project: "p", Stack: "s", Target: "aws", Environment: "prod", Region: "eu-central-1",
		Resources: []plan.Resource{
			{URN: bucket, Type: "aws:s3/bucketV2:BucketV2", Name: "raw", Parent: lake, Custom: true},
			{URN: lake, Type: "mlpathway:data:Lake", Name: "lake"},
		},
		Counts:  map[string]int{"aws:s3/bucketV2:BucketV2": 1, "mlpathway:data:Lake": 1},
		Outputs: map[string]any{"endpoint": plan.Unknown, "lake": map[string]any{"raw": "s3://raw"}},
		Findings: []plan.Finding{
			finding("ENC-01", "mandatory", plan.Failed, bucket), finding("COST-09", "advisory", plan.Failed, stack),
			finding("ENC-03", "mandatory", plan.Broken, bucket), waived,
			finding("ENC-05", "advisory", plan.Unverified, bucket),
		},
		MonthlyBudgetUSD: 2000, NotInspected: map[string]int{"kubernetes:helm.sh/v3:Release": 2},
		Cost: &cost.Estimate{
			TableDate: "2026-11-22", Total: usd, ExpectedLowUSD: 1000,
			Components: []cost.Component{{URN: lake, Type: "mlpathway:data:Lake", Name: "lake", USD: usd}},
			Items: []cost.Item{{URN: bucket, Type: "aws:s3/bucketV2:BucketV2", Name: "raw", USD: usd, Lines: []cost.Line{
				{What: "objects", Uncapped: true, StandIn: true, Marks: []string{cost.LowConfidence}},
			}}},
			Unpriced: []cost.Unpriced{{URN: bucket, Type: "aws:s3/bucketV2:BucketV2", What: "requests", Why: "no price"}},
			Free:     []cost.Free{{Type: "aws:iam/role:Role", Count: 3, Why: "free"}},
		},
	}
}

// earlier is the plan before: another name of the bucket, another finding, cheaper.
func earlier() *plan.Document {
	d := example()
	d.Resources[0].Inputs = map[string]any{"bucket": "old", "tags": map[string]any{"a": "b"}}
	d.Findings = d.Findings[1:]
	d.Findings = append(d.Findings, finding("TLS-01", "mandatory", plan.Failed, bucket))
	d.Cost.Total.Expected, d.Cost.Items[0].USD.Expected = 1000, 1000
	return d
}

func set() *plan.Set {
	now := example()
	now.Resources[0].Inputs = map[string]any{"bucket": "new"}
	return &plan.Set{
		Version: plan.Version, Plans: []*plan.Document{now}, Diffs: []*plan.Diff{plan.Compare("main", earlier(), now)},
		Failures: []plan.Failure{{Stack: "broken", Message: "the target gcp is not in this build\nbuild with -tags gcp"}},
	}
}

func write(t *testing.T, f func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, f(&b))
	return b.String()
}

func TestSARIF(t *testing.T) {
	t.Parallel()
	text := write(t, func(w io.Writer) error { return report.SARIF(w, set()) })

	schemaFile, err := os.Open("testdata/sarif-schema-2.1.0.json")
	require.NoError(t, err)
	schema, err := jsonschema.UnmarshalJSON(schemaFile)
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("sarif.json", schema))
	compiled, err := compiler.Compile("sarif.json")
	require.NoError(t, err)
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(instance))

	type result struct {
		RuleID       string
		RuleIndex    int
		Kind, Level  string
		Suppressions []struct{ Justification string }
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	var log struct {
		Runs []struct {
			AutomationDetails struct{ ID string }
			Tool              struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []result
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &log))
	require.Len(t, log.Runs, 2, "a stack without a plan is a run that failed")
	assert.Equal(t, "mlpathway/s/", log.Runs[0].AutomationDetails.ID, "each stack is a category")
	hashes := map[string]bool{}
	byRule := map[string]result{}
	for _, r := range log.Runs[0].Results {
		byRule[r.RuleID] = r
		hashes[r.Fingerprints["primaryLocationLineHash"]] = true
		assert.Equal(t, r.RuleID, log.Runs[0].Tool.Driver.Rules[r.RuleIndex].ID)
	}
	require.Len(t, byRule, 5)
	assert.Len(t, hashes, len(log.Runs[0].Results), "each finding is an alert of its own")
	assert.Equal(t, "error", byRule["ENC-01"].Level)
	assert.Equal(t, "warning", byRule["COST-09"].Level)
	assert.Equal(t, "review", byRule["ENC-05"].Kind)
	assert.Empty(t, byRule["ENC-01"].Suppressions)
	require.Len(t, byRule["ENC-02"].Suppressions, 1)
	assert.Contains(t, byRule["ENC-02"].Suppressions[0].Justification, "a good reason (ada@example.com, until 2026-12-31)")
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	text := write(t, func(w io.Writer) error { return report.JUnit(w, set()) })
	suites, err := junit.Ingest([]byte(text))
	require.NoError(t, err)
	require.Len(t, suites, 2)
	status := map[string]junit.Status{}
	for _, test := range suites[0].Tests {
		status[strings.Fields(test.Name)[0]] = test.Status
	}
	assert.Equal(t, map[string]junit.Status{
		"plan": junit.StatusPassed, "ENC-01": junit.StatusFailed, "COST-09": junit.StatusPassed, "ENC-03": junit.StatusError,
		"ENC-02": junit.StatusSkipped, "ENC-05": junit.StatusSkipped,
	}, status)
	assert.Equal(t, junit.StatusError, suites[1].Tests[0].Status)
	assert.Contains(t, text, `message="waived: a good reason`)
}

// TestMarkdownAsRendered looks at the comment as GitHub would show it, in HTML.
func TestMarkdownAsRendered(t *testing.T) {
	t.Parallel()
	text := write(t, func(w io.Writer) error { return report.Markdown(w, set(), now) })
	assert.True(t, strings.HasPrefix(text, report.Marker))
	page := render(t, text)
	rows := regexp.MustCompile(`(?s)<tr>(.*?)</tr>`).FindAllStringSubmatch(page, -1)
	cells := regexp.MustCompile(`(?s)<t[dh][^>]*>(.*?)</t[dh]>`)
	var lines []string
	for _, row := range rows {
		var line []string
		for _, cell := range cells.FindAllStringSubmatch(row[1], -1) {
			line = append(line, cell[1])
		}
		lines = append(lines, strings.Join(line, " ¦ "))
	}
	all := strings.Join(lines, "\n")
	assert.Contains(t, all, "s ¦ aws, prod ¦ 2 ¦ 2 ¦ 1 ¦ 1 ¦ 1 ¦ $1,000.00 to $1,234.50 ¦ +$234.50", "the overview")
	assert.Contains(t, all,
		"mandatory ¦ ENC-01 ¦ high ¦ raw ¦ a[0].b is &quot;x|y&quot;, want &lt;b&gt;z&lt;/b&gt; of @someone",
		"a finding is one row whose text is text")
	assert.Contains(t, all, "± ¦ raw ¦ aws:s3/bucketV2:BucketV2 ¦ bucket: &quot;old&quot; → &quot;new&quot;; "+
		"tags: a mapping of 1 → (none)  replaced")
	assert.Contains(t, all, "$ ¦ raw ¦ aws:s3/bucketV2:BucketV2 ¦ $1,000.00 → $1,234.50 a month")
	assert.Contains(t, all, "new ¦ raw ¦ mandatory ENC-01")
	assert.Contains(t, all, "fixed ¦ raw ¦ mandatory TLS-01")
	assert.Contains(t, all, "of @someone ¦ a good reason (ada@example.com, until 2026-12-31)", "what is waived stays")
	assert.Contains(t, all, "<strong>all</strong> ¦ $1.00 ¦ $1,234.50 ¦ $5,000.00")
	assert.Contains(t, page, "<li>not inspected by any rule: kubernetes:helm.sh/v3:Release (2)</li>")
	assert.Contains(t, page, "<li>1 line at a price of low confidence</li>")
	assert.Contains(t, all, "lake ¦ $1.00 ¦ $1,234.50 ¦ $5,000.00")
	assert.Equal(t, strings.Count(page, "<details>"), strings.Count(page, "</details>"))
	assert.Contains(t, page, "not in this build")
	assert.NotContains(t, page, "<b>z</b>", "a message cannot bring markup of its own")
	assert.NotContains(t, text, "@someone", "nobody is called by a comment")
}

func render(t *testing.T, text string) string {
	t.Helper()
	var page bytes.Buffer
	renderer := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	require.NoError(t, renderer.Convert([]byte(text), &page))
	return page.String()
}

func TestMarkdownIsCut(t *testing.T) {
	t.Parallel()
	s := set()
	for range 3000 {
		s.Diffs[0].Added = append(s.Diffs[0].Added, plan.Ref{Name: "another", Type: "aws:s3/bucketV2:BucketV2"})
	}
	text := write(t, func(w io.Writer) error { return report.Markdown(w, s, now) })
	assert.Less(t, len(text), 65536)
	assert.Contains(t, text, "The comment is cut here")
	assert.Equal(t, strings.Count(text, "<details>"), strings.Count(text, "</details>"))
}

func TestText(t *testing.T) {
	t.Parallel()
	d := example()
	text := write(t, func(w io.Writer) error { return report.Text(w, d, now) })
	for _, want := range []string{
		"Plan of s (aws, prod, eu-central-1)\n",
		"  lake  mlpathway:data:Lake\n    raw  aws:s3/bucketV2:BucketV2  $1,234.50\n",
		"1 resource of 1 type in 1 component",
		"endpoint: [unknown]\n  lake.raw: s3://raw\n",
		"Findings: 2 mandatory, 1 advisory, 1 waived, 1 that can be told only when the stack is made",
		"mandatory ENC-01 [high] raw: a[0].b is \"x|y\", want <b>z</b> of @someone\n",
		"advisory COST-09 [high] stack s:",
		"waived ENC-02 [high] raw: a[0].b is \"x|y\", want <b>z</b> of @someone; a good reason (ada@example.com, until",
		"  not known yet: ENC-05\n  no rule looks at 2 resources of 1 type\n",
		"How to fix them; docs/policies.md has the rules\n  ENC-01: ",
		"Not inspected by any rule\n  kubernetes:helm.sh/v3:Release (2)\n",
		"  all                                 $1.00    $1,234.50    $5,000.00\n",
		"idle $1.00, expected $1,000.00 to $1,234.50, maximum $5,000.00",
		"1 resource priced, 1 with something that has no price, 3 free",
		"the budget of the stack is $2,000.00",
		"1 line of use that nothing bounds",
		"1 line at the price of another region",
		"1 line at a price of low confidence",
		"raw  aws:s3/bucketV2:BucketV2 (requests): no price",
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, "warning")
	late := write(t, func(w io.Writer) error { return report.Summary(w, d, now.AddDate(0, 0, 181)) })
	assert.Contains(t, late, "warning: the prices are of 2026-11-22, 181 days ago")
	assert.NotContains(t, late, "endpoint")
	assert.NotContains(t, late, "How to fix")
}

// TestFindingsAreGathered: what a rule says of many resources is one line, and the dearest component stands first.
func TestFindingsAreGathered(t *testing.T) {
	t.Parallel()
	s := set()
	d := s.Plans[0]
	for range 3 {
		d.Findings = append(d.Findings, finding("HYG-01", "advisory", plan.Failed, lake))
	}
	for range 25 {
		d.Findings = append(d.Findings, finding("TAG-01", "advisory", plan.Failed, lake))
	}
	d.Findings = append(d.Findings, finding("HYG-01", "mandatory", plan.Failed, lake))
	d.Cost.Components = append(d.Cost.Components, cost.Component{Name: "dear", USD: cost.Amount{Expected: 9999}})
	text := write(t, func(w io.Writer) error { return report.Text(w, d, now) })
	assert.Contains(t, text, "advisory HYG-01 [high] 3 resources: a[0].b is \"x|y\", want <b>z</b> of @someone\n"+
		"      lake, lake, lake\n")
	assert.Contains(t, text, "mandatory HYG-01 [high] lake: ")
	assert.Less(t, strings.Index(text, "mandatory HYG-01"), strings.Index(text, "advisory COST-09"), "what stops is first")
	assert.Contains(t, text, "and 5 more\n")
	assert.Less(t, strings.Index(text, "  dear "), strings.Index(text, "  lake    "))
	page := write(t, func(w io.Writer) error { return report.Markdown(w, s, now) })
	assert.Contains(t, page, "| advisory | HYG-01 | high | lake, lake, lake |")
	assert.Equal(t, 1, strings.Count(page, "- HYG-01: "), "the fix of a rule stands once")
}

func TestTextStandsCyclicParents(t *testing.T) {
	t.Parallel()
	d := example()
	d.Resources[1].Parent = bucket
	assert.Contains(t, write(t, func(w io.Writer) error { return report.Text(w, d, now) }), "Findings")
}

func TestDiffText(t *testing.T) {
	t.Parallel()
	s := set()
	text := write(t, func(w io.Writer) error { return report.DiffText(w, s.Plans[0], s.Diffs[0]) })
	for _, want := range []string{
		"Compared with main\n  0 added, 0 removed, 1 changed, of which 1 replaced; 1 new finding, 1 fixed",
		"± raw  aws:s3/bucketV2:BucketV2  replaced",
		"bucket: \"old\" -> \"new\"  (cannot be changed in place)",
		"expected cost a month: $1,000.00 -> $1,234.50 (+$234.50)",
		"new: mandatory ENC-01 raw", "fixed: mandatory TLS-01 raw",
	} {
		assert.Contains(t, text, want)
	}
	same := plan.Compare("main", example(), example())
	assert.Contains(t, write(t, func(w io.Writer) error { return report.DiffText(w, example(), same) }), "nothing differs")
}

// TestSameChangeOfManyIsToldOnce: a tag that changes everywhere does not bury the rest.
func TestSameChangeOfManyIsToldOnce(t *testing.T) {
	t.Parallel()
	s := set()
	tag := plan.PropertyChange{Path: "tags.env", Before: "dev", After: "prod"}
	for i := range 4 {
		c := plan.Change{Ref: plan.Ref{Name: fmt.Sprintf("tagged-%d", i), Type: "t"}, SchemaKnown: true}
		c.Properties = []plan.PropertyChange{tag}
		if i == 0 {
			c.Properties = append(c.Properties, plan.PropertyChange{Path: "size", Before: 1.0, After: 2.0})
		}
		s.Diffs[0].Changed = append(s.Diffs[0].Changed, c)
	}
	text := write(t, func(w io.Writer) error { return report.DiffText(w, s.Plans[0], s.Diffs[0]) })
	assert.Equal(t, 1, strings.Count(text, "tags.env"))
	assert.Contains(t, text, "  ~ 4 resources  tags.env: \"dev\" -> \"prod\"\n")
	assert.Contains(t, text, "~ tagged-0  t\n      size: 1 -> 2\n")
	assert.NotContains(t, text, "tagged-1", "nothing else of it changes")
	page := write(t, func(w io.Writer) error { return report.Markdown(w, s, now) })
	assert.Contains(t, page, "| ~ | 4 resources | | tags.env: \"dev\" → \"prod\" |")
	assert.NotContains(t, page, "tagged-1")
}

// TestSameInputSameBytes: maps do not decide the order of a report.
func TestSameInputSameBytes(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(io.Writer) error{
		"sarif":    func(w io.Writer) error { return report.SARIF(w, set()) },
		"junit":    func(w io.Writer) error { return report.JUnit(w, set()) },
		"markdown": func(w io.Writer) error { return report.Markdown(w, set(), now) },
		"text":     func(w io.Writer) error { return report.Text(w, example(), now) },
	} {
		first := write(t, f)
		for range 20 {
			require.Equal(t, first, write(t, f), name)
		}
	}
}
