package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// The parts of SARIF 2.1.0 that are written. The library that was tried writes null where the schema wants nothing, in
// suppressions above all.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
		Automation  sarifAutomation   `json:"automationDetails"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string              `json:"id"`
		Short         sarifText           `json:"shortDescription"`
		Full          *sarifText          `json:"fullDescription,omitempty"`
		Help          *sarifText          `json:"help,omitempty"`
		Configuration *sarifConfiguration `json:"defaultConfiguration,omitempty"`
		Properties    map[string]any      `json:"properties,omitempty"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Kind         string             `json:"kind"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		URN  string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	homepage    = "https://github.com/mlpathway/mlpathway"
)

// SARIF writes the findings of plans as SARIF 2.1.0, one run for each stack. A waived finding is there with its
// suppression. A finding stands in the stack's file, since that is what a person edits; its resource is named beside.
func SARIF(w io.Writer, set *plan.Set) error {
	log := sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{}}
	for _, d := range set.Plans {
		log.Runs = append(log.Runs, sarifRunOf(d))
	}
	for _, f := range set.Failures {
		run := newSARIFRun(f.Stack)
		run.Invocations = []sarifInvocation{{Notifications: []sarifNotification{
			{Level: "error", Message: sarifText{f.Message}},
		}}}
		log.Runs = append(log.Runs, run)
	}
	data, err := json.MarshalIndent(log, "", "  ")
	if err != nil {
		return fmt.Errorf("writing SARIF: %w", err)
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

func newSARIFRun(stack string) sarifRun {
	return sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "mlpathway", InformationURI: homepage, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{Successful: true}},
		Results:     []sarifResult{},
		// What stands before the last slash is the category, of which GitHub takes one run.
		Automation: sarifAutomation{ID: "mlpathway/" + stack + "/"},
	}
}

func sarifRunOf(d *plan.Document) sarifRun {
	run := newSARIFRun(d.Stack)
	ids := make([]string, 0, len(d.Findings))
	for _, f := range d.Findings {
		ids = append(ids, f.Rule)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, id := range ids {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRuleOf(id))
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		index, _ := slices.BinarySearch(ids, f.Rule)
		run.Results = append(run.Results, sarifResultOf(d, f, index))
	}
	return run
}

func sarifResultOf(d *plan.Document, f *plan.Finding, index int) sarifResult {
	result := sarifResult{
		RuleID: f.Rule, RuleIndex: index, Kind: "fail", Level: sarifLevel(f.Level),
		Message: sarifText{d.Name(f.URN) + ": " + f.Message},
		Locations: []sarifLocation{{
			Physical: sarifPhysical{sarifArtifact{"stacks/Pulumi." + d.Stack + ".yaml"}, sarifRegion{1}},
			Logical:  []sarifLogical{{Name: d.Name(f.URN), URN: f.URN, Kind: "resource"}},
		}},
		Fingerprints: fingerprints(f),
		Properties:   map[string]any{"severity": f.Severity, "outcome": f.Outcome, "environment": d.Environment},
	}
	if f.Outcome == plan.Unverified {
		// SARIF wants the level none for every kind but fail.
		result.Kind, result.Level = "review", "none"
	}
	if f.Waiver != nil {
		result.Suppressions = []sarifSuppression{{Kind: "external", Status: "accepted", Justification: accepted(f)}}
	}
	return result
}

// fingerprints tell findings apart that stand on the same line of a stack's file. GitHub reads the second one, by which
// it would take all findings of a rule for one otherwise.
func fingerprints(f *plan.Finding) map[string]string {
	sum := sha256.Sum256([]byte(f.Key()))
	return map[string]string{
		"mlpathway/v1":            strings.ReplaceAll(f.Key(), "\x00", "|"),
		"primaryLocationLineHash": hex.EncodeToString(sum[:8]) + ":1",
	}
}

func sarifLevel(level string) string {
	if level == "mandatory" {
		return "error"
	}
	return "warning"
}

func sarifRuleOf(id string) sarifRule {
	described := sarifRule{ID: id, Short: sarifText{id}}
	rule := ruleOf(id)
	if rule == nil {
		return described
	}
	described.Short = sarifText{rule.Title}
	described.Full = &sarifText{rule.Why}
	described.Help = &sarifText{rule.Fix}
	described.Properties = map[string]any{
		"security-severity": securitySeverity(rule.Severity), "controls": string(rule.Controls),
	}
	return described
}

// securitySeverity is the number by which code hosts sort findings.
func securitySeverity(s rules.Severity) string {
	switch s {
	case rules.Critical:
		return "9.5"
	case rules.High:
		return "8.0"
	case rules.Medium:
		return "5.5"
	case rules.Low:
		return "3.0"
	case rules.Info:
	}
	return "0.0"
}

func ruleOf(id string) *rules.Rule {
	all := rules.Catalogue()
	if i := slices.IndexFunc(all, func(r rules.Rule) bool { return r.ID == id }); i >= 0 {
		return &all[i]
	}
	return nil
}
