package rules

import (
	"regexp"
	"strconv"
	"strings"
)

// acceleratorFamilies are the machines that have accelerators, with their number in the sizes that have more than one.
// From the tables of machine types of the three clouds, 2026-11.
var acceleratorFamilies = []struct {
	family *regexp.Regexp
	more   map[string]int
}{
	{regexp.MustCompile(`^g4dn\.`), map[string]int{"12xlarge": 4, "metal": 8}},
	{regexp.MustCompile(`^g5g\.`), map[string]int{"16xlarge": 2, "metal": 2}},
	{regexp.MustCompile(`^g7e\.`), map[string]int{"12xlarge": 2, "24xlarge": 4, "48xlarge": 8}},
	{regexp.MustCompile(`^(g|gr)\d[a-z]*\.`), map[string]int{"12xlarge": 4, "24xlarge": 4, "48xlarge": 8}},
	{regexp.MustCompile(`^p2\.`), map[string]int{"8xlarge": 8, "16xlarge": 16}},
	{regexp.MustCompile(`^p3(dn)?\.`), map[string]int{"8xlarge": 4, "16xlarge": 8, "24xlarge": 8}},
	{regexp.MustCompile(`^p[4-9][a-z]*(-[a-z0-9]+)?\.`), map[string]int{"24xlarge": 8, "48xlarge": 8}},
	{regexp.MustCompile(`^inf1\.`), map[string]int{"6xlarge": 4, "24xlarge": 16}},
	{regexp.MustCompile(`^inf2\.`), map[string]int{"24xlarge": 6, "48xlarge": 12}},
	{regexp.MustCompile(`^trn\d[a-z]*\.`), map[string]int{"32xlarge": 16, "48xlarge": 16}},
	{regexp.MustCompile(`^g2-standard-`), map[string]int{"24": 2, "48": 4, "96": 8}},
	{regexp.MustCompile(`^g4-standard-`), map[string]int{"96": 2, "192": 4, "384": 8}},
	{regexp.MustCompile(`^standard_n[cdv]`), map[string]int{
		"nc64as_t4_v3": 4, "nc48ads_a100_v4": 2, "nc96ads_a100_v4": 4, "nc80adis_h100_v5": 2, "nc12s_v3": 2, "nc24s_v3": 4,
		"nc24rs_v3": 4, "nd40rs_v2": 8, "nd96asr_v4": 8, "nd96amsr_a100_v4": 8, "nd96isr_h100_v5": 8, "nd96isr_h200_v5": 8,
		"nv72ads_a10_v5": 2,
	}},
}

// numbered are the machines of Google Cloud whose names end in the number: a2-highgpu-8g, ct6e-standard-4t.
var numbered = regexp.MustCompile(`^(a\d[a-z]*|ct\d[a-z]*)-[a-z]+-(?:nolssd-)?(\d+)[gt]$`)

// accelerators is the number of accelerators of a machine type of any cloud; 0 where it has none. A machine of a known
// family in an unknown size has at least one.
func accelerators(machine string) int {
	machine = strings.ToLower(machine[strings.LastIndex(machine, "/")+1:])
	machine = strings.TrimPrefix(machine, "ml.")
	if m := numbered.FindStringSubmatch(machine); m != nil {
		n, _ := strconv.Atoi(m[2])
		return max(n, 1)
	}
	for _, f := range acceleratorFamilies {
		if found := f.family.FindString(machine); found != "" {
			size := machine[len(found):]
			return max(f.more[size], f.more[strings.TrimPrefix(machine, "standard_")], 1)
		}
	}
	return 0
}

// acceleratorsOf is accelerators of a value that is a machine type: Maybe where it is not known yet.
func acceleratorsOf(v Value) (n int, has Tri) {
	text, _ := v.Text()
	if v.IsUnknown() {
		return 0, Maybe
	}
	n = accelerators(text)
	return n, triOf(n > 0)
}
