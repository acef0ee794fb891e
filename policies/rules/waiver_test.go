package rules

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWaivers(t *testing.T) {
	t.Parallel()
	today := time.Date(2026, 11, 22, 23, 59, 0, 0, time.UTC)
	good := Waiver{
		Rule: "R", URN: "*::b", Environment: Prod, Reason: "moved to the new account", Owner: "ada", Expires: "2026-11-22",
	}
	for name, c := range map[string]struct {
		change   func(*Waiver)
		severity Severity
		want     Outcome
	}{
		"good on its last day": {func(*Waiver) {}, High, Waived},
		"yesterday":            {func(w *Waiver) { w.Expires = "2026-11-21" }, High, Failed},
		"180 days":             {func(w *Waiver) { w.Expires = "2027-05-21" }, High, Waived},
		"181 days":             {func(w *Waiver) { w.Expires = "2027-05-22" }, High, Failed},
		"no date":              {func(w *Waiver) { w.Expires = "soon" }, High, Failed},
		"no reason":            {func(w *Waiver) { w.Reason = " because  " }, High, Failed},
		"no owner":             {func(w *Waiver) { w.Owner = "" }, High, Failed},
		"another rule":         {func(w *Waiver) { w.Rule = "S" }, High, Failed},
		"another environment":  {func(w *Waiver) { w.Environment = Stage }, High, Failed},
		"another resource":     {func(w *Waiver) { w.URN = "*::c" }, High, Failed},
		"critical":             {func(*Waiver) {}, Critical, Failed},
		"critical, approved":   {func(w *Waiver) { w.ApprovedBy = "grace" }, Critical, Waived},
	} {
		w := good
		c.change(&w)
		e := NewEngine([]Rule{ruleOf("R", c.severity, forbidden("x"))})
		g := NewGraph([]*Resource{made(bucketType, "b", nil)})
		report := e.Judge(g, stackIn(Prod), Options{Waivers: Waivers{w}, Today: today})
		judged := slices.DeleteFunc(slices.Clone(report.Findings), func(f Finding) bool { return f.Rule == WaiverRule })
		require.Len(t, judged, 1, name)
		assert.Equal(t, c.want, judged[0].Outcome, name)
		assert.Equal(t, c.want == Failed, report.Stops(), name)
	}
}

const waiverFile = `
waivers:
  - rule: ENC-02
    urn: "urn:pulumi:s::p::*::b"
    environment: prod
    reason: the volume is replaced in December
    owner: ada
    ticket: OPS-7
    expires: 2026-12-31
  - {rule: ENC-02, urn: "*", environment: dev, reason: a sandbox without data, owner: ada, expires: 2026-11-01}
  - {rule: ENC-02, urn: "*", environment: prod, because: typing, owner: ada, expires: 2026-12-01}
  - nonsense
`

func TestReadWaivers(t *testing.T) {
	t.Parallel()
	today := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	all := ReadWaivers([]byte(waiverFile))
	require.Len(t, all, 4)
	assert.Equal(t, "OPS-7", all[0].Ticket)
	assert.Empty(t, all[0].Problem(today))
	assert.Equal(t, "expired on 2026-11-01", all[1].Problem(today))
	const unreadable = "the entry has an unknown key or a value of the wrong type"
	assert.Equal(t, unreadable, all[2].Problem(today))
	assert.Equal(t, unreadable, all[3].Problem(today))
	assert.Empty(t, ReadWaivers([]byte("\n  \n")))
	assert.Empty(t, ReadWaivers([]byte("waivers: []")))
	for _, bad := range []string{"- rule: x", "waivers: 3", "a: [", "waivers: []\nmore: 1", "\xff"} {
		all := ReadWaivers([]byte(bad))
		require.Len(t, all, 1, bad)
		assert.NotEmpty(t, all[0].Problem(today), bad)
	}
}

func TestWaiversAreReviewed(t *testing.T) {
	t.Parallel()
	today := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	all := ReadWaivers([]byte(waiverFile))
	e := NewEngine([]Rule{ruleOf("ENC-02", High, forbidden("x"))})
	messages := func(s *Stack, names ...string) (found []string, level Level) {
		var resources []*Resource
		for _, name := range names {
			resources = append(resources, made(bucketType, name, nil))
		}
		report := e.Judge(NewGraph(resources), s, Options{Waivers: all, Today: today})
		for _, f := range report.Findings {
			if f.Rule == WaiverRule {
				found, level = append(found, f.Message), f.Level
			}
		}
		return found, level
	}
	const unreadable = ": the entry has an unknown key or a value of the wrong type"
	found, level := messages(stackIn(Prod), "b")
	assert.Equal(t, []string{
		"waiver 3 (ENC-02 on *, owner ada)" + unreadable, "waiver 4 ( on , owner )" + unreadable,
	}, found)
	assert.Equal(t, Mandatory, level)
	found, _ = messages(stackIn(Prod), "c")
	require.Len(t, found, 3)
	assert.Contains(t, found[0], "waiver 1 (ENC-02 on urn:pulumi:s::p::*::b, owner ada): accepts nothing")
	found, level = messages(stackIn(Dev), "b")
	require.Len(t, found, 2)
	assert.Contains(t, found[0], "expired on 2026-11-01")
	assert.Equal(t, Advisory, level)
	other := stackIn(Prod)
	other.Name = "other"
	found, _ = messages(other)
	assert.Len(t, found, 2, "a waiver for another stack may be used there")
}

// FuzzWaivers: whatever the file holds, nothing panics, no entry is lost in silence, and none accepts anything
// without a rule, a reason, an owner and a date within bounds.
func FuzzWaivers(f *testing.F) {
	f.Add(waiverFile)
	f.Add("waivers: &a [*a]")
	f.Add("waivers:\n- {rule: !!binary x, expires: 9999-99-99}")
	today := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		for _, w := range ReadWaivers([]byte(text)) {
			finding := Finding{Rule: w.Rule, URN: w.URN, Environment: w.Environment, Severity: High}
			if (Waivers{w}).find(&finding, today) == 0 {
				expires, err := time.Parse(time.DateOnly, w.Expires)
				require.NoError(t, err)
				require.False(t, expires.Before(today) || expires.After(today.AddDate(0, 0, maxWaiverDays)))
				require.NotEmpty(t, w.Rule)
				require.NotEmpty(t, w.Owner)
				require.GreaterOrEqual(t, len(w.Reason), minReason)
			}
		}
	})
}
