package rules

import (
	"fmt"
	"slices"
	"time"
)

// Engine judges graphs. It may be used from several goroutines.
type Engine struct {
	rules  []Rule
	byType map[string][]step
}

// step is a rule's matcher for a type.
type step struct {
	rule    *Rule
	matcher *Matcher
}

// NewEngine indexes rules by the types that they inspect.
func NewEngine(rules []Rule) *Engine {
	e := &Engine{rules: rules, byType: map[string][]step{}}
	for i := range rules {
		rule := &rules[i]
		for j := range rule.Matchers {
			m := &rule.Matchers[j]
			e.byType[m.Type] = append(e.byType[m.Type], step{rule, m})
		}
	}
	return e
}

// Rules are the rules of the engine in the order that they were given.
func (e *Engine) Rules() []Rule { return e.rules }

// Rule gives a rule by its id; nil where there is none.
func (e *Engine) Rule(id string) *Rule {
	i := slices.IndexFunc(e.rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return &e.rules[i]
}

// Options say how a stack is judged.
type Options struct {
	// Waivers that accept findings.
	Waivers Waivers
	// Today decides which waivers are expired. Required where there are waivers.
	Today time.Time

	// trace is told which properties are read; nil but in tests.
	trace func(rule, typ, path string)
}

// Judge applies every rule to a stack. Its time and memory grow linearly with the number of resources.
func (e *Engine) Judge(g *Graph, s *Stack, o Options) *Report {
	run := newRun(s, o)
	for _, r := range g.Resources() {
		e.judge(run, g, r, func(*Rule) bool { return true })
		if r.Custom && r.Cloud() != "" && len(e.byType[r.Type]) == 0 {
			run.report.NotInspected[r.Type]++
		}
	}
	for i := range e.rules {
		if rule := &e.rules[i]; rule.Stack != nil {
			run.apply(rule, rule.Stack, &Check{Graph: g, Stack: s})
		}
	}
	run.review()
	run.finish(g)
	return run.report
}

// JudgeResource applies the rules of scope OnResource to one resource that stands for itself.
func (e *Engine) JudgeResource(r *Resource, s *Stack, o Options) *Report {
	run, g := newRun(s, o), NewGraph([]*Resource{r})
	e.judge(run, g, r, func(rule *Rule) bool { return rule.Scope == OnResource })
	run.finish(g)
	return run.report
}

// judge applies the rules that a filter accepts to one resource.
func (e *Engine) judge(run *run, g *Graph, r *Resource, wanted func(*Rule) bool) {
	check := Check{Resource: r, Graph: g, Stack: run.stack}
	for _, s := range e.byType[r.Type] {
		if s.matcher.Check != nil && wanted(s.rule) {
			run.apply(s.rule, s.matcher.Check, &check)
		}
	}
	if r.Cloud() == "" {
		return
	}
	for _, s := range e.byType[AnyType] {
		if s.matcher.Check != nil && wanted(s.rule) {
			run.apply(s.rule, s.matcher.Check, &check)
		}
	}
}

// run is one judgement of a stack.
type run struct {
	stack    *Stack
	options  Options
	report   *Report
	findings findings
	levels   map[*Rule]Level
	result   result
	counts   [Broken + 1]int
}

func newRun(s *Stack, o Options) *run {
	return &run{
		stack: s, options: o, levels: map[*Rule]Level{}, result: result{documents: documents{}},
		report: &Report{Environment: s.Environment, Counts: map[string]int{}, NotInspected: map[string]int{},
			Used: map[int]bool{}},
	}
}

func (run *run) level(rule *Rule) Level {
	level, ok := run.levels[rule]
	if !ok {
		level = rule.LevelFor(run.stack)
		run.levels[rule] = level
	}
	return level
}

// apply lets a rule judge and takes down what it says.
func (run *run) apply(rule *Rule, judge CheckFunc, c *Check) {
	if run.level(rule) == Off {
		return
	}
	run.result.asserted, run.result.findings = 0, run.result.findings[:0]
	if run.options.trace != nil {
		run.result.trace = func(typ, path string) { run.options.trace(rule.ID, typ, path) }
	}
	c.result = &run.result
	guarded(judge, c)

	outcome := Passed
	if run.result.asserted == 0 {
		outcome = NotApplicable
	}
	for i := range run.result.findings {
		f := &run.result.findings[i]
		run.complete(rule, f)
		outcome = worse(outcome, f.Outcome)
		run.findings.add(f)
	}
	run.counts[outcome]++
}

// guarded turns a panic of a rule into a finding about the rule. What the rule said before stands.
func guarded(judge CheckFunc, c *Check) {
	defer func() {
		if cause := recover(); cause != nil {
			// The cause may quote a property: only its type is safe to show.
			c.say(Broken, "", "the rule failed with %T; this is a defect of the rule, not of the stack", []any{cause})
		}
	}()
	judge(c)
}

// complete adds to a finding what the rule and the waivers know. A rule that fails itself keeps its level: what can not
// be judged does not pass.
func (run *run) complete(rule *Rule, f *Finding) {
	f.Rule, f.Severity, f.Environment, f.Level = rule.ID, rule.Severity, run.stack.Environment, run.level(rule)
	if f.Outcome == Failed {
		if i := run.options.Waivers.find(f, run.options.Today); i >= 0 {
			f.Outcome, f.Waiver = Waived, &run.options.Waivers[i]
			run.report.Used[i] = true
		}
	}
	if f.Outcome == Unverified || f.Outcome == Waived {
		f.Level = Advisory
	}
}

// worse tells which outcome counts for a rule that says several things about one resource.
func worse(a, b Outcome) Outcome {
	order := []Outcome{NotApplicable, Passed, Waived, Unverified, Failed, Broken}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// finish writes the report on the resources of a graph.
func (run *run) finish(g *Graph) {
	for outcome, count := range run.counts {
		if count > 0 {
			run.report.Counts[Outcome(outcome).String()] = count
		}
	}
	run.report.Findings = run.findings.sorted(g)
}

// Describe says a finding in one line: [high] ENC-02 mandatory: what, with the rule's title.
func (e *Engine) Describe(f Finding) string {
	title := ""
	if rule := e.Rule(f.Rule); rule != nil {
		title = " (" + rule.Title + ")"
	}
	return fmt.Sprintf("[%s] %s %s: %s%s", f.Severity, f.Rule, f.Outcome, f.Message, title)
}
