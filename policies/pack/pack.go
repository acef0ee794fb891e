// Package pack puts the rules into Pulumi's engine. It is thin: it turns what the engine shows into a graph, lets the
// rules judge, and says what they found. policies/README.md tells what the engine's interface lacks and what is done
// about it.
package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"

	"github.com/mlpathway/mlpathway/policies/cost"
	"github.com/mlpathway/mlpathway/policies/graph"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// Name of the pack.
const Name = "mlpathway"

// Names of the policies. There is one for each moment and level, not one for each rule: the engine's interface decodes
// every resource once per policy, and knows one level per policy.
const (
	resourceMandatory = "resource"
	stackMandatory    = "stack"
	stackAdvisory     = "stack-advisory"
	remediation       = "remediation"
)

// remediateKey turns remediations on, in the configuration of a stack. They are off by default.
const remediateKey = "policies:remediate"

// version of the pack.
var version = semver.MustParse("1.0.0")

// Factory makes the pack for a stack once the engine has told its configuration. now is the clock.
func Factory(now func() time.Time) func(*pulumi.Context) (policyx.PolicyPack, error) {
	return func(ctx *pulumi.Context) (policyx.PolicyPack, error) {
		stack, err := Facts(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the configuration of stack %s: %w", ctx.Stack(), err)
		}
		prices, err := priced(ctx, stack.Environment)
		if err != nil {
			return nil, err
		}
		waivers, err := readWaivers(filepath.Join(ctx.RootDirectory(), "waivers.yaml"))
		if err != nil {
			return nil, err
		}
		j := &judge{
			engine: rules.NewEngine(rules.Catalogue()), stack: stack, prices: prices,
			options: rules.Options{Waivers: waivers, Today: now()},
			inputs:  map[string]*rules.Resource{}, said: map[place]bool{},
			say: func(text string) { _ = ctx.Log.Info(text, nil) },
		}
		remedy, _ := ctx.GetConfig(remediateKey)
		return policyx.NewPolicyPack(Name, version, policyx.EnforcementLevelMandatory, j.policies(remedy == "true"))
	}
}

// readWaivers reads the waivers that lie beside the pack; none where there is no file.
func readWaivers(file string) (rules.Waivers, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading waivers: %w", err)
	}
	return rules.ReadWaivers(text), nil
}

// place tells findings apart that are said at two moments.
type place struct{ rule, urn, path string }

// judge holds what the pack knows of a deployment. The engine asks about several resources at once.
type judge struct {
	engine  *rules.Engine
	stack   *rules.Stack
	options rules.Options
	prices  cost.Options
	say     func(string)

	mu sync.Mutex
	// inputs are the resources as they were shown one by one. The whole stack is shown with outputs instead, which lack
	// what a provider does not return.
	inputs map[string]*rules.Resource
	// said are the findings that were said when a resource was shown.
	said map[place]bool
	// report of the whole stack, made for the first of the two policies that ask for it.
	report *rules.Report
}

func (j *judge) policies(remedy bool) []policyx.Policy {
	policies := []policyx.Policy{
		policyx.NewResourceValidationPolicy(resourceMandatory, policyx.ResourceValidationPolicyArgs{
			Description:      "mandatory rules that one resource decides",
			EnforcementLevel: policyx.EnforcementLevelMandatory,
			ValidateResource: j.resource,
		}),
		j.whole(stackMandatory, "mandatory rules that the whole stack decides", policyx.EnforcementLevelMandatory),
		j.whole(stackAdvisory, "advice, and what can not be told yet", policyx.EnforcementLevelAdvisory),
	}
	if remedy {
		policies = append(policies, policyx.NewResourceRemediationPolicy(remediation,
			policyx.ResourceRemediationPolicyArgs{
				Description:       "safe changes of flags and tags",
				RemediateResource: j.remediate,
			}))
	}
	return policies
}

// resource judges one resource before it is made. Only what stops the deployment is said here; the rest, and what is
// unknown, when the whole stack is shown.
func (j *judge) resource(_ context.Context, args policyx.ResourceValidationArgs) error {
	r := graph.Resource(&args.Resource)
	report := j.engine.JudgeResource(r, j.stack, j.options)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inputs[r.URN] = r
	j.report = nil
	for _, f := range report.Findings {
		if f.Stops() {
			j.said[place{f.Rule, f.URN, f.Path}] = true
			args.Manager.ReportViolation(j.message(f), f.URN)
		}
	}
	return nil
}

// whole makes the policy that says the findings of one level about the whole stack.
func (j *judge) whole(name, description string, level policyx.EnforcementLevel) policyx.Policy {
	return policyx.NewStackValidationPolicy(name, policyx.StackValidationPolicyArgs{
		Description:      description,
		EnforcementLevel: level,
		ValidateStack: func(_ context.Context, args policyx.StackValidationArgs) error {
			for _, f := range j.judged(args.Resources) {
				if f.Stops() == (level == policyx.EnforcementLevelMandatory) {
					args.Manager.ReportViolation(j.message(f), f.URN)
				}
			}
			if level == policyx.EnforcementLevelAdvisory {
				for _, outcome := range []rules.Outcome{rules.Unverified, rules.Waived} {
					if summary := j.summary(outcome); summary != "" {
						args.Manager.ReportViolation(summary, "")
					}
				}
			}
			return nil
		},
	})
}

// judged gives what is to be said of the whole stack: neither what was said before, nor, one by one, what is waived or
// can not be told yet.
func (j *judge) judged(shown []policyx.AnalyzerResource) []rules.Finding {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.report == nil {
		whole, stack := j.graph(shown), *j.stack
		stack.Cost = cost.Make(whole, j.prices).Facts()
		j.report = j.engine.Judge(whole, &stack, j.options)
	}
	var found []rules.Finding
	for _, f := range j.report.Findings {
		waiting := f.Outcome == rules.Unverified || f.Outcome == rules.Waived
		if !waiting && !j.said[place{f.Rule, f.URN, f.Path}] {
			found = append(found, f)
		}
	}
	return found
}

// graph joins the two views of the engine: inputs from the first, dependencies, parents and outputs from the second.
func (j *judge) graph(shown []policyx.AnalyzerResource) *rules.Graph {
	resources := make([]*rules.Resource, 0, len(shown))
	for i := range shown {
		r := graph.Resource(&shown[i])
		if before := j.inputs[r.URN]; before != nil {
			r.Properties, r.Outputs = before.Properties, r.Properties
		}
		resources = append(resources, r)
	}
	return rules.NewGraph(resources)
}

// summary says in one line what waits for values, or what was accepted: the engine's interface has no place for either.
func (j *judge) summary(outcome rules.Outcome) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	count := 0
	var order []string
	for _, f := range j.report.Findings {
		if f.Outcome != outcome {
			continue
		}
		count++
		if !slices.Contains(order, f.Rule) {
			order = append(order, f.Rule)
		}
	}
	switch {
	case count == 0:
		return ""
	case outcome == rules.Waived:
		return fmt.Sprintf("waived: %d of %s; mlpathway plan shows by whom and until when",
			count, strings.Join(order, ", "))
	}
	return fmt.Sprintf("%d judgements of %s wait for values that are not known yet",
		j.report.Counts[rules.Unverified.String()], strings.Join(order, ", "))
}

// message says a finding. The severity stands first: the engine's interface has no field for it.
func (j *judge) message(f rules.Finding) string {
	text := j.engine.Describe(f)
	if rule := j.engine.Rule(f.Rule); rule != nil {
		text += "\n" + rule.Fix
	}
	return text
}
