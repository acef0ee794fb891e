package plan_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/plan"
	"github.com/mlpathway/mlpathway/policies/cost"
)

// document is a plan with one bucket; change makes it what a test is about.
func document(change func(*plan.Document)) *plan.Document {
	d := &plan.Document{
		Version: plan.Version, Project: "p", Stack: "s", Target: "aws", Environment: "dev",
		Resources: []plan.Resource{{
			URN: "urn:a", Type: "aws:s3/bucketV2:BucketV2", Name: "a", Custom: true,
			Inputs: map[string]any{"bucket": "x", "tags": map[string]any{"team": "t"}, "list": []any{"1", plan.Unknown}},
		}},
		Counts: map[string]int{"aws:s3/bucketV2:BucketV2": 1}, Outputs: map[string]any{"lake": "s3://x"},
		Findings:   []plan.Finding{{Rule: "ENC-01", URN: "urn:a", Level: "advisory", Outcome: plan.Failed, Message: "m"}},
		Judgements: map[string]int{"fail": 1}, NotInspected: map[string]int{},
		Cost: &cost.Estimate{Total: cost.Amount{Expected: 5}, Items: []cost.Item{
			{URN: "urn:a", USD: cost.Amount{Expected: 5}},
		}},
	}
	if change != nil {
		change(d)
	}
	return d
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	data, err := document(nil).Encode()
	require.NoError(t, err)
	set, err := plan.Read(bytes.NewReader(data))
	require.NoError(t, err)
	again, err := set.Plan("s").Encode()
	require.NoError(t, err)
	assert.Equal(t, string(data), string(again))
	assert.Nil(t, set.Plan("other"))
	assert.Equal(t, "a", set.Plan("s").Name("urn:a"))
	assert.Equal(t, "stack s", set.Plan("s").Name("urn:none"))

	data, err = (&plan.Set{Version: plan.Version, Plans: set.Plans}).Encode()
	require.NoError(t, err)
	set, err = plan.Read(bytes.NewReader(data))
	require.NoError(t, err)
	assert.Len(t, set.Plans, 1)
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	data, err := document(nil).Encode()
	require.NoError(t, err)
	good := string(data)
	for name, test := range map[string]struct{ text, want string }{
		"nothing":         {"", "this is no plan"},
		"no JSON":         {"plan", "this is no plan"},
		"another version": {strings.Replace(good, `"version": 1`, `"version": 2`, 1), "make it again"},
		"no version":      {"{}", "found version 0"},
		"unknown key":     {strings.Replace(good, `"project"`, `"colour"`, 1), "colour"},
		"no stack":        {strings.Replace(good, `"stack": "s"`, `"stack": ""`, 1), "does not name its stack"},
		"no cost":         {`{"version":1,"stack":"s"}`, "has no cost"},
		"an empty plan":   {`{"version":1,"plans":[null]}`, "a plan is empty"},
		"wrong type":      {strings.Replace(good, `"p"`, `3`, 1), "project"},
		"more":            {good + "{}", "invalid character"},
		"inner version":   {`{"version":1,"plans":[{"version":3,"stack":"s"}]}`, "found version 3"},
		"twice a resource": {
			strings.Replace(good, `"resources": [`, `"resources": [{"urn":"urn:a","type":"x","name":"a"},`, 1), "stands twice",
		},
	} {
		_, err := plan.Read(strings.NewReader(test.text))
		assert.ErrorContains(t, err, test.want, name)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	bucket := func(change func(*plan.Resource)) *plan.Document {
		return document(func(d *plan.Document) { change(&d.Resources[0]) })
	}
	for name, test := range map[string]struct {
		after *plan.Document
		check func(*plan.Diff)
	}{
		"nothing": {document(nil), func(d *plan.Diff) { assert.True(t, d.Empty()) }},
		"a tag": {
			bucket(func(r *plan.Resource) { r.Inputs["tags"] = map[string]any{"team": "u"} }),
			func(d *plan.Diff) {
				require.Len(t, d.Changed, 1)
				assert.Equal(t, []plan.PropertyChange{{Path: "tags.team", Before: "t", After: "u"}}, d.Changed[0].Properties)
				assert.False(t, d.Changed[0].Replace)
				assert.True(t, d.Changed[0].SchemaKnown)
			},
		},
		"a name": {
			bucket(func(r *plan.Resource) { r.Inputs["bucket"] = "y" }),
			func(d *plan.Diff) {
				assert.True(t, d.Changed[0].Replace)
				assert.Equal(t, 1, d.Replaced())
			},
		},
		"a name that is not known": {
			bucket(func(r *plan.Resource) { r.Inputs["bucket"] = plan.Unknown }),
			func(d *plan.Diff) {
				assert.False(t, d.Changed[0].Replace)
				assert.True(t, d.Changed[0].MayReplace)
			},
		},
		"an element": {
			bucket(func(r *plan.Resource) { r.Inputs["list"] = []any{"2", plan.Unknown} }),
			func(d *plan.Diff) { assert.Equal(t, "list[0]", d.Changed[0].Properties[0].Path) },
		},
		"a longer list": {
			bucket(func(r *plan.Resource) { r.Inputs["list"] = []any{"1"} }),
			func(d *plan.Diff) { assert.Equal(t, "list", d.Changed[0].Properties[0].Path) },
		},
		"a property more": {
			bucket(func(r *plan.Resource) { r.Inputs["acl"] = "private" }),
			func(d *plan.Diff) {
				assert.Equal(t, []plan.PropertyChange{{Path: "acl", After: "private"}}, d.Changed[0].Properties)
			},
		},
		"options and parent": {
			bucket(func(r *plan.Resource) { r.Protect, r.Retain, r.Parent = true, true, "urn:p" }),
			func(d *plan.Diff) { assert.Len(t, d.Changed[0].Properties, 3) },
		},
		"another resource": {
			bucket(func(r *plan.Resource) { r.URN, r.Name = "urn:b", "b" }),
			func(d *plan.Diff) {
				assert.Equal(t, "urn:b", d.Added[0].URN)
				assert.Equal(t, "urn:a", d.Removed[0].URN)
			},
		},
		"another finding": {
			document(func(d *plan.Document) { d.Findings[0].Rule = "ENC-02" }),
			func(d *plan.Diff) {
				assert.Equal(t, "ENC-02", d.NewFindings[0].Rule)
				assert.Equal(t, "ENC-01", d.FixedFindings[0].Rule)
			},
		},
		"another message": {
			document(func(d *plan.Document) { d.Findings[0].Message = "other words" }),
			func(d *plan.Diff) { assert.True(t, d.Empty()) },
		},
		"dearer": {
			document(func(d *plan.Document) { d.Cost.Items[0].USD.Expected, d.Cost.Total.Expected = 9, 9 }),
			func(d *plan.Diff) {
				assert.Equal(t, []cost.Change{{URN: "urn:a", BeforeUSD: 5, AfterUSD: 9}}, d.Costs)
				assert.InDelta(t, 9, d.AfterUSD.Expected, 0)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.check(plan.Compare("base", document(nil), test.after))
		})
	}
	added := plan.Compare("base", nil, document(nil))
	assert.Len(t, added.Added, 1, "a stack that was not there")
}

func FuzzRead(f *testing.F) {
	data, err := document(nil).Encode()
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"version":1,"plans":[]}`))
	f.Add([]byte(`{"version":1,"plans":[null]}`))
	f.Add([]byte(`{"version":1,"stack":"s","cost":{},"resources":[{"urn":"a"},{"urn":"b","inputs":{"a":null}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := plan.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, d := range set.Plans {
			d.Stops()
			d.Name("urn:a")
			plan.Compare("a", d, d)
			plan.Compare("b", nil, d)
			_, err := d.Encode()
			require.NoError(t, err)
		}
	})
}
