package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/policies/rules"
	"github.com/mlpathway/mlpathway/policies/rules/fixtures"
)

// pieceSize is the number of resources of a piece.
const pieceSize = 1000

// measure measures one engine on a stack of n resources.
func measure(engine string, n int) (measurement, error) {
	resources, stack, err := fixtures.Synthetic(n)
	if err != nil {
		return measurement{}, err
	}
	m := measurement{Engine: engine, Resources: len(resources)}
	judged, size := rules.Catalogue(), len(resources)
	switch engine {
	case nothing:
		return m, nil
	case opa:
		return m, measureOPA(&m, resources, stack)
	case twins:
		judged = withTwins(judged)
	case pieces:
		size = pieceSize
	case allRules:
	default:
		return m, fmt.Errorf("found %q, want all, pieces, twins, opa or nothing", engine)
	}
	m.Rules = len(judged)
	e := rules.NewEngine(judged)
	var reports []*rules.Report
	m.Seconds, err = best(func() error {
		reports = nil
		for part := range slices.Chunk(resources, size) {
			reports = append(reports, e.Judge(rules.NewGraph(part), stack, rules.Options{}))
		}
		return nil
	})
	found := map[string]bool{}
	for _, report := range reports {
		for _, f := range report.Findings {
			if f.Outcome == rules.Failed {
				found[f.Rule+" "+f.URN] = true
			}
		}
	}
	m.sum(found)
	return m, err
}

// withTwins picks the rules that are written in Rego too.
func withTwins(all []rules.Rule) []rules.Rule {
	return slices.DeleteFunc(slices.Clone(all), func(r rules.Rule) bool { return !slices.Contains(twinned, r.ID) })
}

// few is up to how many places are named where engines disagree.
const few = 2000

// sum takes down what was found.
func (m *measurement) sum(found map[string]bool) {
	all := make([]string, 0, len(found))
	for place := range found {
		all = append(all, place)
	}
	slices.Sort(all)
	hash := sha256.Sum256([]byte(strings.Join(all, "\n")))
	if len(all) <= few {
		m.Places = all
	}
	m.Findings, m.Found = len(all), hex.EncodeToString(hash[:])
}
