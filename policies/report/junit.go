package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/mlpathway/mlpathway/internal/plan"
)

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Failure *junitMessage `xml:"failure"`
		Error   *junitMessage `xml:"error"`
		Skipped *junitMessage `xml:"skipped"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes plans as JUnit: a suite for each stack, a case for each finding and one for the plan itself. A mandatory
// finding is a failure, what is waived or not known yet is skipped, an advisory one passes with its message as output.
func JUnit(w io.Writer, set *plan.Set) error {
	var all junitSuites
	for _, d := range set.Plans {
		suite := junitSuite{Name: d.Stack}
		suite.add(junitCase{Name: "plan", Class: d.Stack, Output: resources(d)})
		for i := range d.Findings {
			suite.add(junitCaseOf(d, &d.Findings[i]))
		}
		all.add(suite)
	}
	for _, f := range set.Failures {
		suite := junitSuite{Name: f.Stack}
		message := &junitMessage{Message: firstLine(f.Message), Text: f.Message}
		suite.add(junitCase{Name: "plan", Class: f.Stack, Error: message})
		all.add(suite)
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+string(data)+"\n")
	return err
}

func (all *junitSuites) add(suite junitSuite) {
	all.Suites = append(all.Suites, suite)
	all.Tests += suite.Tests
	all.Failures += suite.Failures
	all.Errors += suite.Errors
	all.Skipped += suite.Skipped
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	s.Failures += one(c.Failure != nil)
	s.Errors += one(c.Error != nil)
	s.Skipped += one(c.Skipped != nil)
}

func junitCaseOf(d *plan.Document, f *plan.Finding) junitCase {
	c := junitCase{
		Name: f.Rule + " " + d.Name(f.URN), Class: d.Stack + "." + f.Rule, File: "stacks/Pulumi." + d.Stack + ".yaml",
	}
	if f.Path != "" {
		c.Name += " " + f.Path
	}
	message := &junitMessage{Message: oneLine(f.Message), Type: f.Severity, Text: detail(f)}
	switch {
	case f.Outcome == plan.Waived:
		c.Skipped = message
		message.Message = "waived: " + accepted(f)
	case f.Outcome == plan.Unverified:
		c.Skipped = message
		message.Message = "not known before the deployment: " + message.Message
	case f.Outcome == plan.Broken:
		c.Error = message
	case f.Stops():
		c.Failure = message
	default:
		c.Output = message.Message
	}
	return c
}

// detail says where a finding is and how to mend it.
func detail(f *plan.Finding) string {
	lines := []string{f.URN, f.Message}
	if rule := ruleOf(f.Rule); rule != nil {
		lines = append(lines, rule.Title+". "+rule.Fix)
	}
	return strings.Join(lines, "\n")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
