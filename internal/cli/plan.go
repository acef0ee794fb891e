package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/internal/plan/planner"
	"github.com/mlpathway/mlpathway/policies/report"
)

// errFindings ends a command with the status 1: a rule says that the stack must not be made as it is.
var errFindings = errors.New("a mandatory finding stops the deployment")

// errNoPlan ends a command with the status 2: no plan could be made.
var errNoPlan = errors.New("no plan was made")

// judgement is what plan and check share.
type judgement struct {
	*app
	json                  bool
	sarif, junit, comment string
	base                  string
	// all tells that every stack is planned.
	all bool
	now time.Time
}

func newPlan(a *app) *cobra.Command {
	j := &judgement{app: a}
	command := &cobra.Command{
		Use:   "plan",
		Short: "Show what a stack would make, which rules it breaks and what it would cost",
		Long: `Shows what the stack would make, as a tree of components, which rules it breaks, and what it would cost each
month. Nothing is made or looked up: no cloud account, no plugin and no network is needed, and values that only a cloud
knows show as unknown.

The status is 0 where nothing stops a deployment, 1 where a mandatory finding does, and 2 where no plan could be made.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return j.run(c.Context(), []string{a.stack}, true) },
	}
	j.flags(command)
	return command
}

func newCheck(a *app) *cobra.Command {
	j := &judgement{app: a}
	command := &cobra.Command{
		Use:   "check",
		Short: "Plan every stack of the project and judge them",
		Long: `Makes the plan of every stack in stacks/ and says in a few lines for each what it breaks and what it costs.
With --stack only that one. A stack whose target is not in this build is an error.

The status is 0 where nothing stops a deployment, 1 where a mandatory finding does, and 2 where a plan could not be
made.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := a.project()
			if err != nil {
				return fmt.Errorf("%w: %w", err, errNoPlan)
			}
			names := []string{a.stack}
			if !c.Flags().Changed("stack") {
				j.all = true
				if names, err = planner.Stacks(p.root); err != nil {
					return fmt.Errorf("%w: %w", err, errNoPlan)
				}
			}
			return j.run(c.Context(), names, false)
		},
	}
	j.flags(command)
	return command
}

func (j *judgement) flags(command *cobra.Command) {
	flags := command.Flags()
	flags.BoolVar(&j.json, "json", false, "print as JSON; docs/plan.schema.json has the form")
	flags.StringVar(&j.sarif, "sarif", "", "write the findings to `FILE` as SARIF 2.1.0")
	flags.StringVar(&j.junit, "junit", "", "write the findings to `FILE` as JUnit")
	flags.StringVar(&j.comment, "markdown", "", "write a comment for a pull request to `FILE`")
	flags.StringVar(&j.base, "diff", "", "compare with an earlier `PLAN`: a saved one, or a git revision")
}

// run makes the plans of some stacks, prints them and writes the reports. Each stack is planned whatever becomes of the
// others.
func (j *judgement) run(ctx context.Context, names []string, whole bool) error {
	j.now = time.Now().UTC()
	p, err := j.project()
	if err != nil {
		return fmt.Errorf("%w: %w", err, errNoPlan)
	}
	earlier, err := j.earlier(ctx, p, names)
	if err != nil {
		return fmt.Errorf("%w: %w", err, errNoPlan)
	}
	set, err := j.makePlans(p, names, earlier)
	if err != nil {
		return fmt.Errorf("%w: %w", err, errNoPlan)
	}
	if err := j.print(set, whole); err != nil {
		return fmt.Errorf("%w: %w", err, errNoPlan)
	}
	if err := j.reports(set); err != nil {
		return fmt.Errorf("%w: %w", err, errNoPlan)
	}
	return judged(set)
}

// judged gives the end of the command: that no plan was made counts more than a finding.
func judged(set *plan.Set) error {
	var problems []error
	for _, f := range set.Failures {
		problems = append(problems, fmt.Errorf("stack %s: %s", f.Stack, f.Message))
	}
	if len(problems) > 0 {
		return fmt.Errorf("%w: %w", errors.Join(problems...), errNoPlan)
	}
	for _, d := range set.Plans {
		if d.Stops() {
			return errFindings
		}
	}
	return nil
}

// makePlans makes the plan of each stack, and compares it with the earlier one where there is a set of them.
func (j *judgement) makePlans(p *project, names []string, earlier *plan.Set) (*plan.Set, error) {
	waivers, err := planner.Waivers(p.root)
	if err != nil {
		return nil, err
	}
	maker, err := planner.New(p.root, p.name, waivers, j.now)
	if err != nil {
		return nil, err
	}
	set := &plan.Set{Version: plan.Version, Plans: []*plan.Document{}}
	for _, name := range names {
		var before *plan.Document
		if earlier != nil {
			before = earlier.Plan(name)
		}
		d, err := onePlan(p, maker, name, before)
		if err != nil {
			set.Failures = append(set.Failures, plan.Failure{Stack: name, Message: err.Error()})
			continue
		}
		set.Plans = append(set.Plans, d)
		if earlier != nil {
			set.Diffs = append(set.Diffs, plan.Compare(j.base, before, d))
		}
	}
	if j.all && len(set.Failures) == 0 {
		maker.Review(set.Plans)
	}
	return set, nil
}

func onePlan(p *project, maker *planner.Planner, name string, before *plan.Document) (*plan.Document, error) {
	if _, err := p.stack(name); err != nil {
		return nil, err
	}
	values, err := planner.Values(p.root, name)
	if err != nil {
		return nil, err
	}
	return maker.Plan(name, values, before)
}

// print writes the plans: whole for one stack, in a few lines each for several.
func (j *judgement) print(set *plan.Set, whole bool) error {
	if j.json {
		return j.printSet(set, whole)
	}
	write := report.Summary
	if whole {
		write = report.Text
	}
	for i, d := range set.Plans {
		if i > 0 {
			j.app.print("")
		}
		if err := write(j.out, d, j.now); err != nil {
			return err
		}
		for _, diff := range set.Diffs {
			if diff.Stack != d.Stack {
				continue
			}
			if err := report.DiffText(j.out, d, diff); err != nil {
				return err
			}
		}
	}
	return nil
}

// printSet prints JSON: the plan itself for one stack that is compared with nothing, else the set.
func (j *judgement) printSet(set *plan.Set, whole bool) error {
	encode := set.Encode
	if whole && len(set.Plans) == 1 && len(set.Diffs) == 0 {
		encode = set.Plans[0].Encode
	}
	data, err := encode()
	if err != nil {
		return err
	}
	_, err = j.out.Write(data)
	return err
}

// reports writes the files that were asked for.
func (j *judgement) reports(set *plan.Set) error {
	for _, file := range []struct {
		path  string
		write func(io.Writer, *plan.Set) error
	}{
		{j.sarif, report.SARIF}, {j.junit, report.JUnit},
		{j.comment, func(w io.Writer, s *plan.Set) error { return report.Markdown(w, s, j.now) }},
	} {
		if file.path == "" {
			continue
		}
		if err := writeReport(file.path, set, file.write); err != nil {
			return fmt.Errorf("writing %s: %w", file.path, err)
		}
	}
	return nil
}

func writeReport(path string, set *plan.Set, write func(io.Writer, *plan.Set) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f, set); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
