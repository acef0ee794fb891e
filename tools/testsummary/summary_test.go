package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The tools module has no testify: what it needs would come into every build of the tools.

func TestReportCountsAndShowsFailuresWhole(t *testing.T) {
	t.Parallel()
	events := `{"Action":"output","Package":"` + module + `/a","Test":"TestGood","Output":"noise of a good test\n"}
{"Action":"pass","Package":"` + module + `/a","Test":"TestGood","Elapsed":0.1}
{"Action":"output","Package":"` + module + `/a","Test":"TestBad","Output":"want 1, found 2\n"}
{"Action":"fail","Package":"` + module + `/a","Test":"TestBad","Elapsed":0.1}
{"Action":"output","Package":"` + module + `/a","Test":"TestSkip","Output":"    x_test.go:1: no such tool\n"}
{"Action":"skip","Package":"` + module + `/a","Test":"TestSkip","Elapsed":0}
{"Action":"fail","Package":"` + module + `/a","Elapsed":0.3}
{"Action":"skip","Package":"` + module + `/no-tests","Elapsed":0}
{"Action":"build-output","ImportPath":"` + module + `/b","Output":"b.go:1: undefined: x\n"}
{"Action":"fail","Package":"` + module + `/b","Elapsed":0}
{"Action":"pass","Package":"` + module + `/c","Elapsed":1.5}
`
	var out strings.Builder
	r := report(strings.NewReader(events), &out)
	if r.packages != 3 || r.tests != 3 || r.skipped != 1 || r.failed != 3 {
		t.Errorf("want 3 packages, 3 tests, 1 skipped, 3 failures; found %+v", r)
	}
	for _, want := range []string{"want 1, found 2", "undefined: x", "no such tool", "FAIL  b", "ok    c"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "noise") {
		t.Errorf("the report shows what a good test wrote:\n%s", out.String())
	}
}

func TestCoverageJoinsProfilesAndLeavesHelpersOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []string
	write := func(name, text string) {
		files = append(files, filepath.Join(dir, name))
		if err := os.WriteFile(files[len(files)-1], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one.out", "mode: set\n"+module+"/components/a.go:1.1,2.2 8 1\n"+module+"/components/a.go:3.1,4.2 2 0\n")
	write("two.out", "mode: set\n"+module+"/components/a.go:3.1,4.2 2 0\n"+
		module+"/components/local/b.go:1.1,2.2 10 1\n"+module+"/components/recording/c.go:1.1,2.2 100 0\n")
	table := coverage(files)
	if got := table["components"]; got != (statements{10, 8}) {
		t.Errorf("components: want 8 of 10 statements, found %+v", got)
	}
	if got := table.total(); got != (statements{20, 18}) {
		t.Errorf("all: want 18 of 20 statements, found %+v", got)
	}
	if table.enough() {
		t.Error("80 % of components is not enough")
	}
	write("three.out", "mode: set\n"+module+"/components/a.go:3.1,4.2 2 1\n")
	if !coverage(files).enough() {
		t.Error("100 % is enough")
	}
}

func TestSuitesTestEveryFolderOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, s := range suites() {
		for _, pattern := range s.packages {
			if other, ok := seen[pattern]; ok {
				t.Errorf("%s is in %s and in %s", pattern, other, s.name)
			}
			seen[pattern] = s.name
		}
		if (s.command == nil) == (s.packages == nil) {
			t.Errorf("%s: want a command or packages", s.name)
		}
	}
}
