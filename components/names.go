package components

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// Scope says for whom a target builds: it decides names, tags and defaults.
type Scope struct {
	// Project is the name of the Pulumi project.
	Project string
	// Team owns the stack: 2 to 20 lower-case letters, digits and hyphens.
	Team string
	// Environment is dev, stage or prod.
	Environment Environment
	// Owner is a person or a list that answers for the stack, such as an e-mail address.
	Owner string
	// CostCenter is whom to charge.
	CostCenter string
	// Residency is the region or location where data must stay; empty on a machine.
	Residency string
	// Labels are further tags of one's own.
	Labels map[string]string
}

// Validate reports what is wrong with a scope, before any resource exists.
func (s Scope) Validate() error {
	c := &checker{layer: "Platform", name: s.Team}
	c.named("project", s.Project)
	c.named("team", s.Team)
	inRange(c, "length of team", len(s.Team), 2, 20)
	oneOf(c, "environment", s.Environment, Environments()...)
	for key, value := range s.Labels {
		if !tagKey.MatchString(key) || len(value) > maxTagLength {
			c.fail(ErrName, "labels."+key, value,
				fmt.Sprintf("a key of letters, digits, '.', '_' and '-' and a value of up to %d characters", maxTagLength))
		}
	}
	return c.err()
}

// Name builds the physical name of a resource: <team>-<environment>-<parts>, in lower-case letters, digits and
// hyphens, and never longer than limit characters (at least 16). A name that had to be changed or cut ends in a hash
// of what was asked for, so that two different names stay different; the same input always gives the same name.
func (s Scope) Name(limit int, parts ...string) string {
	wanted := strings.Join(append([]string{s.Team, string(s.Environment)}, parts...), "-")
	return FitName(wanted, limit)
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// FitName turns any text into a name of lower-case letters, digits and single hyphens of at most limit characters
// (at least 16) that begins with a letter. Text that is such a name already is left as it is.
func FitName(wanted string, limit int) string {
	limit = max(limit, 16)
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(wanted), "-"), "-")
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		name = strings.TrimRight("x-"+name, "-")
	}
	if name == wanted && len(name) <= limit {
		return name
	}
	sum := sha256.Sum256([]byte(wanted))
	suffix := "-" + hex.EncodeToString(sum[:])[:8]
	if cut := limit - len(suffix); len(name) > cut {
		name = strings.TrimRight(name[:cut], "-")
	}
	return name + suffix
}

const maxTagLength = 63

var (
	tagKey      = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9._-]{0,62}$`)
	notInValues = regexp.MustCompile(`[^a-zA-Z0-9_.@-]+`)
)

// Tags are what every resource that can carry tags or labels carries: who owns it, what it belongs to and what it is.
// Keys are lower-case with hyphens; values fit the strictest platform: at most 63 letters, digits, '_', '.', '-' and
// '@'. A target with still stricter rules narrows them further.
func (s Scope) Tags(layer Layer, name string) map[string]string {
	tags := maps.Clone(s.Labels)
	if tags == nil {
		tags = map[string]string{}
	}
	for key, value := range map[string]string{
		"project": s.Project, "team": s.Team, "environment": string(s.Environment), "owner": s.Owner,
		"cost-center": s.CostCenter, "layer": strings.ToLower(string(layer)), "component": name,
		"managed-by": "mlpathway", "platform": s.Team + "-" + string(s.Environment),
	} {
		if value != "" {
			tags[key] = value
		}
	}
	for key, value := range tags {
		tags[key] = TagValue(value)
	}
	return tags
}

// TagValue makes a value fit for a tag: other characters become hyphens, and it is cut after 63 characters.
func TagValue(value string) string {
	value = notInValues.ReplaceAllString(value, "-")
	if len(value) > maxTagLength {
		value = value[:maxTagLength]
	}
	return strings.Trim(value, "-_.@")
}
