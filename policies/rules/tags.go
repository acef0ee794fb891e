package rules

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// tagRules are the rules on tags and on where data may be.
func tagRules() []Rule {
	return []Rule{tagsThere(), tagsTrue(), regionsAllowed(), copiesInside()}
}

//go:generate go run ./taggable/generate taggable.txt

//go:embed taggable.txt
var taggableList string

// taggableTypes are the types that carry tags, with the property that holds them: what the SDKs say, and namespaces, by
// whose labels the costs of a cluster are shared out.
var taggableTypes = sync.OnceValue(func() map[string]string {
	types := map[string]string{namespace: "metadata.labels"}
	for line := range strings.Lines(taggableList) {
		if token, property, ok := strings.Cut(strings.TrimSpace(line), " "); ok && token != "#" {
			types[token] = property
		}
	}
	return types
})

// tagPaths are the properties that hold tags, over all types.
var tagPaths = []string{"tags", "labels", "resourceLabels", "userLabels", "metadata.labels"}

// DefaultTags are the tags that every taggable resource carries where a stack asks for no others.
func DefaultTags() []string {
	return []string{"team", "env", "cost-center", "owner", "data-class", "managed-by"}
}

// tagSet is the tags of a resource, with those that its provider adds.
type tagSet struct {
	property string
	own      Value // a mapping, unknown or absent
	added    Value // what the provider adds to every resource
}

// tagsOf reads the tags of a resource; ok is false for a type that has none.
func tagsOf(c *Check) (set tagSet, ok bool) {
	property, ok := taggableTypes()[c.Resource.Type]
	if !ok {
		return set, false
	}
	set.property = strings.TrimSuffix(property, "[]")
	set.own = c.Get(set.property)
	if pairs, isList := set.own.List(); isList {
		set.own = ofPairs(pairs)
	}
	switch c.Resource.Cloud() {
	case AWS:
		set.added = providerSetting(c, "defaultTags").Key("tags")
	case GCP:
		set.added = providerSetting(c, "defaultLabels")
	case Azure, Kubernetes:
	}
	return set, true
}

// ofPairs makes a mapping of a list of keys and values. One with a key that is not known yet is unknown.
func ofPairs(pairs []Value) Value {
	m := map[string]Value{}
	for _, pair := range pairs {
		if pair.Key("key").IsUnknown() {
			return UnknownValue()
		}
		if key, ok := pair.Key("key").Text(); ok {
			m[key] = pair.Key("value")
		}
	}
	return MapValue(m)
}

// providerSetting reads the configuration of a resource's provider, in which structures may stand as JSON.
func providerSetting(c *Check, key string) Value {
	v := c.Resource.Provider.Properties.Key(key)
	if text, ok := v.Text(); ok {
		if parsed, err := ParseJSON(text); err == nil && parsed.Kind() == Map {
			return parsed
		}
	}
	return v
}

// aliases are keys that mean the same.
func aliases(key string) []string {
	if key == "env" || key == "environment" {
		return []string{key, "env", "environment"}
	}
	return []string{key}
}

// get gives a tag, where it stands, and whether it is there: Maybe where not all tags are known.
func (s *tagSet) get(key string) (tag Value, path string, has Tri) {
	for _, from := range []Value{s.own, s.added} {
		for _, alias := range aliases(key) {
			if tag := from.Key(alias); from.Kind() == Map && !tag.Empty() {
				return tag, join(s.property, alias), Yes
			}
		}
	}
	return Value{}, join(s.property, key), triOf(!s.own.IsUnknown() && !s.added.IsUnknown()).Not().And(Maybe)
}

func tagsThere() Rule {
	return Rule{
		ID:    "TAG-01",
		Title: "Everything that can carry tags says whose it is, what it is for and who pays",
		Why: "Without tags nobody can tell whom a bill, an alarm or a forgotten machine belongs to, nor which data must be " +
			"kept apart.",
		Severity: Medium,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{{Type: AnyType, Paths: tagPaths, Check: func(c *Check) {
			set, ok := tagsOf(c)
			if !ok {
				return
			}
			var missing []string
			unsure := false
			for _, key := range requiredTags(c.Stack) {
				switch _, _, has := set.get(key); has {
				case Maybe:
					unsure = true
				case No:
					missing = append(missing, key)
				case Yes:
				}
			}
			switch {
			case len(missing) > 0:
				c.Fail(set.property, "lacks %s", strings.Join(missing, ", "))
			case unsure:
				c.Unsure(set.property, "is not known yet, want %s", strings.Join(requiredTags(c.Stack), ", "))
			default:
				c.Pass()
			}
		}, Remedy: fillTags}},
		Fix: "Give the tags that the stack asks for, best on all resources at once by the provider's defaultTags (AWS) or " +
			"defaultLabels (Google Cloud).",
		Remediation: "Adds what the stack file says: team, environment, owner, cost centre, data class.",
		Peers: "Infracost tag policies (paid); Checkov CKV_GCP_21 (GKE labels only); compliance-policies kubernetes " +
			"labels",
	}
}

func requiredTags(s *Stack) []string {
	if len(s.RequiredTags) > 0 {
		return s.RequiredTags
	}
	return DefaultTags()
}

// fillTags proposes the tags that are missing and that the stack knows.
func fillTags(c *Check) []Change {
	set, ok := tagsOf(c)
	if !ok || set.own.IsUnknown() || set.own.Kind() == List || c.Get(set.property).Kind() == List {
		return nil
	}
	facts := map[string]string{
		"team": c.Stack.Team, "env": string(c.Stack.Environment), "environment": string(c.Stack.Environment),
		"cost-center": c.Stack.CostCenter, "owner": c.Stack.Owner, "data-class": c.Stack.DataClass, "managed-by": "mlpathway",
	}
	var changes []Change
	for _, key := range requiredTags(c.Stack) {
		if _, path, has := set.get(key); has == No && facts[key] != "" {
			changes = append(changes, Change{Path: path, New: StringValue(labelValue(c.Resource.Cloud(), facts[key]))})
		}
	}
	return changes
}

// labelValue makes a text fit for the labels of a cloud: on Google Cloud 63 lower-case letters, digits, _ and -.
func labelValue(cloud Cloud, text string) string {
	if cloud != GCP {
		return text
	}
	fit := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
	return fit[:min(len(fit), 63)]
}

func tagsTrue() Rule {
	return Rule{
		ID:    "TAG-02",
		Title: "Tags tell the truth: the environment is that of the stack, the cost centre one that exists",
		Why: "A bill is sorted by tags. One that says prod in dev hides what dev costs, and rules that go by tags let " +
			"it pass.",
		Severity: Low,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{{Type: AnyType, Paths: tagPaths, Check: func(c *Check) {
			set, ok := tagsOf(c)
			if !ok {
				return
			}
			allowed := map[string][]string{
				"env": {string(c.Stack.Environment)}, "cost-center": c.Stack.AllowedCostCenters,
			}
			for _, key := range []string{"env", "cost-center"} {
				// One that is missing is for TAG-01 to say.
				if tag, path, has := set.get(key); has == Yes && len(allowed[key]) > 0 {
					c.expect(Item{Value: tag, Path: path}, anyOf(allowed[key]), func(v Value) bool {
						text, _ := v.Text()
						return slices.ContainsFunc(allowed[key], func(a string) bool {
							return strings.EqualFold(labelValue(c.Resource.Cloud(), a), text)
						})
					}, nil)
				}
			}
		}, Remedy: func(c *Check) []Change {
			set, ok := tagsOf(c)
			tag, path, has := set.get("env")
			want := StringValue(string(c.Stack.Environment))
			if !ok || has != Yes || tag.IsUnknown() || equal(tag, want) || c.Get(set.property).Kind() == List {
				return nil
			}
			return []Change{{Path: path, Old: tag, New: want}}
		}}},
		Fix:         "Take the tag's value from the stack file instead of writing it into the program.",
		Remediation: "Sets the environment. Which cost centre is meant is for its owner to say.",
		Peers:       "Cloud Custodian tag actions; none static",
	}
}
