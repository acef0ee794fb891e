package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// demanded is the share of statements of the components that tests have to reach, in percent.
const demanded = 85.0

// helpers are packages that only tests use; they do not count.
var helpers = []string{"components/componenttest", "components/recording"}

// statements counts those of a package.
type statements struct{ all, reached int }

func (s statements) percent() float64 {
	if s.all == 0 {
		return 0
	}
	return 100 * float64(s.reached) / float64(s.all)
}

// coverageTable holds the statements by package.
type coverageTable map[string]statements

// coverage joins profiles. A block that one of them reaches is reached.
func coverage(files []string) coverageTable {
	blocks := map[string]int{}
	reached := map[string]bool{}
	for _, file := range files {
		readProfile(file, blocks, reached)
	}
	table := coverageTable{}
	for block, count := range blocks {
		name, _, _ := strings.Cut(block, ":")
		pkg := short(path.Dir(name))
		if slices.Contains(helpers, pkg) {
			continue
		}
		s := table[pkg]
		s.all += count
		if reached[block] {
			s.reached += count
		}
		table[pkg] = s
	}
	return table
}

// readProfile adds the blocks of a profile: "path/file.go:3.10,5.2 statements count".
func readProfile(file string, blocks map[string]int, reached map[string]bool) {
	profile, err := os.Open(file)
	if err != nil {
		return // the suite that writes it has failed, and says so
	}
	defer func() { _ = profile.Close() }()
	scanner := bufio.NewScanner(profile)
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) != 3 {
			continue // the first line: the mode
		}
		count, err := strconv.Atoi(fields[1])
		if err != nil {
			continue
		}
		blocks[fields[0]] = count
		if fields[2] != "0" {
			reached[fields[0]] = true
		}
	}
}

// total sums up all packages.
func (t coverageTable) total() statements {
	var sum statements
	for _, s := range t {
		sum.all, sum.reached = sum.all+s.all, sum.reached+s.reached
	}
	return sum
}

// enough tells whether the components are covered as demanded, all together and components itself alone.
func (t coverageTable) enough() bool {
	if len(t) == 0 {
		return true // no suite that measures was run
	}
	own, ok := t["components"]
	return t.total().percent() >= demanded && (!ok || own.percent() >= demanded)
}

func (t coverageTable) print(out io.Writer) {
	if len(t) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%-40s %s\n", "coverage", "statements")
	for _, pkg := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(out, "%-40s %9.1f %%\n", pkg, t[pkg].percent())
	}
	result := "PASS"
	if !t.enough() {
		result = "FAIL"
	}
	fmt.Fprintf(out, "%-40s %9.1f %%  at least %.0f: %s\n", "all", t.total().percent(), demanded, result)
}
