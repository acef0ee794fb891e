package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

const (
	begin = "<!-- policies: written by make bench-policies -->\n"
	end   = "<!-- end of policies -->\n"
)

// table writes what was measured, with the ratio of the two engines.
func table(all []measurement) string {
	find := func(engine string, resources int) measurement {
		for _, m := range all {
			if m.Engine == engine && m.Resources == resources {
				return m
			}
		}
		return measurement{}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s, %s, %d processors, %s.\n\n", time.Now().Format(time.DateOnly), runtime.Version(),
		runtime.NumCPU(), runtime.GOARCH)
	b.WriteString("| resources | stack alone | all rules | for each | in stacks of 1000, for each | findings | the twins | " +
		"Open Policy Agent, the twins | ratio |\n" +
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, m := range all {
		if m.Engine != allRules {
			continue
		}
		own, peer := find(twins, m.Resources), find(opa, m.Resources)
		fmt.Fprintf(&b, "| %d | %.0f MiB | %s, %.0f MiB | %s | %s | %d | %s, %.0f MiB | %s, %.0f MiB | %.0f |\n",
			m.Resources, find(nothing, m.Resources).PeakMiB, seconds(m.Seconds), m.PeakMiB, each(m),
			each(find(pieces, m.Resources)), m.Findings, seconds(own.Seconds), own.PeakMiB,
			seconds(peer.Seconds), peer.PeakMiB, peer.Seconds/own.Seconds)
	}
	fmt.Fprintf(&b, "\nAll rules are %d, the twins %d: %s.\n", find(allRules, all[0].Resources).Rules, len(twinned),
		strings.Join(twinned, ", "))
	return b.String()
}

// each is the time for each resource.
func each(m measurement) string { return fmt.Sprintf("%.1f µs", m.Seconds*1e6/float64(m.Resources)) }

func seconds(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.1f ms", s*1000)
	}
	return fmt.Sprintf("%.2f s", s)
}

// replace puts the table between the marks of a document.
func replace(path, text string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s: there is no block for the policies", path)
	}
	return os.WriteFile(path, []byte(before+begin+text+end+after), 0o644) //nolint:gosec // a page is for everybody
}
