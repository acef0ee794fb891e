package rules_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/rules"
	"github.com/mlpathway/mlpathway/policies/rules/fixtures"
)

func load(t *testing.T) fixtures.File {
	t.Helper()
	file, err := fixtures.Load()
	require.NoError(t, err)
	return file
}

var today = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// TestFixtures judges every case of every rule, each failing one also under a waiver.
func TestFixtures(t *testing.T) {
	t.Parallel()
	file := load(t)
	for _, rule := range rules.Catalogue() {
		engine := rules.NewEngine([]rules.Rule{rule})
		for key, fixture := range file[rule.ID] {
			for _, c := range fixture.Cases() {
				t.Run(rule.ID+"/"+key+"/"+c.Name, func(t *testing.T) {
					t.Parallel()
					graph, stack, err := fixture.Build(fixtures.Token(key), c.Case)
					require.NoError(t, err)
					report := engine.Judge(graph, stack, rules.Options{})
					requireOutcome(t, c.Case, report)
					if c.Want == "fail" {
						requireWaived(t, engine, graph, stack, report)
					}
				})
			}
		}
	}
}

// requireOutcome compares a report with what a case wants.
func requireOutcome(t *testing.T, c fixtures.Case, report *rules.Report) {
	t.Helper()
	var messages []string
	found := map[string]bool{}
	for _, f := range report.Findings {
		found[f.Outcome.String()] = true
		messages = append(messages, fmt.Sprintf("%s: %s", f.Outcome, f.Message))
	}
	said := strings.Join(messages, "\n")
	require.False(t, found["error"], said)
	switch c.Want {
	case "fail", "unverified":
		require.True(t, found[c.Want], "want %s, found: %s", c.Want, said)
		require.False(t, c.Want == "unverified" && found["fail"], said)
	case "pass":
		require.Empty(t, said)
		require.NotZero(t, report.Counts["pass"], "the rule does not apply")
	case "not applicable":
		require.Empty(t, said)
		require.Zero(t, report.Counts["pass"], "the rule applies")
	default:
		require.Fail(t, "want is "+c.Want)
	}
	require.Contains(t, said, c.Says)
}

// requireWaived judges again with a waiver for each finding.
func requireWaived(t *testing.T, e *rules.Engine, g *rules.Graph, s *rules.Stack, before *rules.Report) {
	t.Helper()
	var waivers rules.Waivers
	for _, f := range before.Findings {
		if f.Outcome != rules.Failed {
			continue
		}
		waivers = append(waivers, rules.Waiver{
			Rule: f.Rule, URN: f.URN, Environment: s.Environment, Reason: "an example in a test", Owner: "ada",
			Expires: "2026-12-31", ApprovedBy: "grace",
		})
	}
	slices.SortFunc(waivers, func(a, b rules.Waiver) int { return strings.Compare(a.URN, b.URN) })
	waivers = slices.CompactFunc(waivers, func(a, b rules.Waiver) bool { return a.URN == b.URN })
	report := e.Judge(g, s, rules.Options{Waivers: waivers, Today: today})
	require.Len(t, report.Findings, len(before.Findings))
	for i, f := range report.Findings {
		if before.Findings[i].Outcome == rules.Failed {
			require.Equal(t, rules.Waived, f.Outcome)
			require.NotNil(t, f.Waiver)
		}
		require.False(t, f.Stops())
	}
}

// TestEveryRuleHasFixtures: for each cloud what passes, fails, is absent and is unknown; for each type what passes and
// fails; and no fixture for what no rule judges.
func TestEveryRuleHasFixtures(t *testing.T) {
	t.Parallel()
	file := load(t)
	known := map[string]bool{}
	for _, rule := range rules.Catalogue() {
		known[rule.ID] = true
		for _, cloud := range rule.Clouds() {
			kinds := map[string]bool{}
			for key, fixture := range file[rule.ID] {
				if fixtures.Cloud(key) != cloud {
					continue
				}
				for _, c := range fixture.Cases() {
					kinds[c.Kind] = true
				}
				for kind, reason := range fixture.Exempt {
					assert.Contains(t, []string{"pass", "absent", "unknown"}, kind, "%s %s: exempt", rule.ID, key)
					assert.Greater(t, len(reason), 10, "%s %s: a reason for having no case %s", rule.ID, key, kind)
					kinds[kind] = true
				}
			}
			for _, kind := range []string{"pass", "fail", "absent", "unknown"} {
				assert.True(t, kinds[kind], "%s has no fixture for %s: %s", rule.ID, cloud, kind)
			}
		}
		assertTypesCovered(t, rule, file[rule.ID])
	}
	for id := range file {
		assert.True(t, known[id], "fixtures for %s, which is no rule", id)
	}
}

func assertTypesCovered(t *testing.T, rule rules.Rule, all map[string]*fixtures.Fixture) {
	t.Helper()
	judged := map[string]bool{}
	for i := range rule.Matchers {
		m := &rule.Matchers[i]
		judged[m.Type] = m.Check != nil
		if m.Check == nil || m.Type == rules.AnyType {
			continue
		}
		fails := false
		for key, fixture := range all {
			fails = fails || fixtures.Token(key) == m.Type && len(fixture.Fail)+len(fixture.Absent) > 0
		}
		assert.True(t, fails, "%s has no fixture that fails for %s", rule.ID, m.Type)
	}
	for key := range all {
		token := fixtures.Token(key)
		assert.True(t, judged[token] || judged[rules.AnyType] || token == "" && rule.Stack != nil,
			"%s does not judge %s", rule.ID, key)
	}
}

// TestRulesReadWhatTheyDeclare: the paths of the documents and of the check against the SDK are those that are read.
func TestRulesReadWhatTheyDeclare(t *testing.T) {
	t.Parallel()
	file := load(t)
	for _, rule := range rules.Catalogue() {
		declared, read := map[string]bool{}, map[string]bool{}
		for i := range rule.Matchers {
			for _, path := range rule.Matchers[i].Paths {
				declared[rule.Matchers[i].Type+" "+rules.Generic(path)] = true
			}
		}
		engine := rules.NewEngine([]rules.Rule{rule})
		for key, fixture := range file[rule.ID] {
			for _, c := range fixture.Cases() {
				graph, stack, err := fixture.Build(fixtures.Token(key), c.Case)
				require.NoError(t, err)
				engine.Judge(graph, stack, rules.Traced(func(_, typ, path string) {
					read[typ+" "+rules.Generic(path)] = true
				}))
			}
		}
		for place := range read {
			assert.True(t, covered(declared, place), "%s reads %s and does not declare it", rule.ID, place)
		}
		for place := range declared {
			assert.True(t, covers(read, place), "%s declares %s and does not read it in any fixture", rule.ID, place)
		}
	}
}

// covered reports whether a place that is read is declared, or leads to one that is, or lies inside one.
func covered(declared map[string]bool, place string) bool {
	typ, path, _ := strings.Cut(place, " ")
	for d := range declared {
		dt, dp, _ := strings.Cut(d, " ")
		if (dt == typ || dt == rules.AnyType) && (within(dp, path) || within(path, dp)) {
			return true
		}
	}
	return false
}

// covers reports whether a declared place is read, by itself or as a part of what is read.
func covers(read map[string]bool, place string) bool {
	typ, path, _ := strings.Cut(place, " ")
	for r := range read {
		rt, rp, _ := strings.Cut(r, " ")
		if (rt == typ || typ == rules.AnyType) && (within(path, rp) || within(rp, path)) {
			return true
		}
	}
	return false
}

// within reports whether a path is another one or begins with it.
func within(path, outer string) bool { return path == outer || strings.HasPrefix(path, outer+".") }

var (
	idPattern    = regexp.MustCompile(`^(ENC|TLS|PUB|IAM|NET|LOG|KEY|SEC|IMG|BAK|K8S|TAG|REG|COST|HYG)-\d\d$`)
	tokenPattern = regexp.MustCompile(`^(aws|gcp|azure-native|kubernetes):[\w./-]+:[A-Z]\w*$`)
	pathPattern  = regexp.MustCompile(`^[\w$-]+(\[\])?(\.[\w$-]+(\[\])?)*$`)
)

// TestRulesAreComplete: no rule without level, severity, texts, verdict on remediation, types.
func TestRulesAreComplete(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	frameworks := map[string]bool{}
	for _, f := range rules.Frameworks() {
		frameworks[f.Key] = true
	}
	for _, rule := range rules.Catalogue() {
		assert.Regexp(t, idPattern, rule.ID)
		assert.False(t, ids[rule.ID], "%s stands twice", rule.ID)
		ids[rule.ID] = true
		assert.Contains(t, []rules.Severity{1, 2, 3, 4, 5}, rule.Severity, rule.ID)
		for _, environment := range rules.Environments() {
			assert.Contains(t, []rules.Level{rules.Off, rules.Advisory, rules.Mandatory}, rule.Levels.In(environment),
				"%s has no level in %s", rule.ID, environment)
		}
		for what, text := range map[string]string{
			"title": rule.Title, "why": rule.Why, "fix": rule.Fix, "remediation": rule.Remediation,
		} {
			assert.Greater(t, len(text), 4, "%s: %s", rule.ID, what)
			assert.NotContains(t, text, "  ", "%s: %s", rule.ID, what)
		}
		assert.NotRegexp(t, `\.$`, rule.Title, rule.ID)
		assert.True(t, rule.Stack == nil || rule.Scope == rules.OnStack, "%s judges the stack with scope OnResource", rule.ID)
		assertMatchers(t, rule)
		for _, control := range rule.Controls.List() {
			assert.True(t, frameworks[control.Framework], "%s: framework %s", rule.ID, control.Framework)
			assert.NotContains(t, control.Numbers, "", rule.ID)
		}
		assert.Equal(t, rule.Controls == "", len(rule.Controls.List()) == 0, "%s: controls", rule.ID)
	}
}

func assertMatchers(t *testing.T, rule rules.Rule) {
	t.Helper()
	assert.True(t, len(rule.Matchers) > 0 || rule.Stack != nil, "%s inspects nothing", rule.ID)
	types := map[string]bool{}
	remedies := false
	for i := range rule.Matchers {
		m := &rule.Matchers[i]
		if m.Type != rules.AnyType {
			assert.Regexp(t, tokenPattern, m.Type, rule.ID)
		}
		normal, _ := rules.SplitToken(m.Type)
		assert.Equal(t, normal, m.Type, "%s: the version of an API does not belong into a token", rule.ID)
		assert.False(t, types[m.Type], "%s names %s twice", rule.ID, m.Type)
		types[m.Type] = true
		for _, path := range m.Paths {
			assert.Regexp(t, pathPattern, path, rule.ID)
		}
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(m.Paths))), len(m.Paths), "%s: a path twice", rule.ID)
		remedies = remedies || m.Remedy != nil
	}
	assert.NotEqual(t, remedies, strings.HasPrefix(rule.Remediation, "None"),
		"%s: a verdict of None has no remedy, any other has one", rule.ID)
}

// TestFindingsHideSecrets makes every text of every failing case secret; no message may show one then, unless the text
// stands in the rule itself.
func TestFindingsHideSecrets(t *testing.T) {
	t.Parallel()
	source := sources(t)
	file := load(t)
	for _, rule := range rules.Catalogue() {
		engine := rules.NewEngine([]rules.Rule{rule})
		for key, fixture := range file[rule.ID] {
			for _, c := range fixture.Cases() {
				graph, stack, err := fixture.Build(fixtures.Token(key), c.Case)
				require.NoError(t, err)
				var texts []string
				for _, r := range graph.Resources() {
					r.Properties = hide(r.Properties, &texts)
				}
				for _, f := range engine.Judge(graph, stack, rules.Options{}).Findings {
					for _, text := range texts {
						assert.False(t, strings.Contains(f.Message, text) && !strings.Contains(source, text),
							"%s %s %s shows a secret: %s", rule.ID, key, c.Name, f.Message)
					}
				}
			}
		}
	}
}

// hide makes every text inside a value secret and takes down those that are long enough to be recognised.
func hide(v rules.Value, texts *[]string) rules.Value {
	switch v.Kind() {
	case rules.String:
		if text, _ := v.Text(); len(text) > 5 {
			*texts = append(*texts, text)
		}
		return v.AsSecret()
	case rules.List:
		items, _ := v.List()
		hidden := make([]rules.Value, 0, len(items))
		for _, item := range items {
			hidden = append(hidden, hide(item, texts))
		}
		return rules.ListValue(hidden)
	case rules.Map:
		m := map[string]rules.Value{}
		for _, key := range v.Keys() {
			m[key] = hide(v.Key(key), texts)
		}
		return rules.MapValue(m)
	default:
		return v
	}
}

// sources is the text of the rules themselves.
func sources(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var all strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}
