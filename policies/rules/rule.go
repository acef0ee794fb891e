package rules

import "strings"

// Severity says how bad it is to break a rule.
type Severity uint8

// The severities, the worst first. The zero value is none, so that a forgotten one is seen.
const (
	Critical Severity = iota + 1
	High
	Medium
	Low
	Info
)

var severityNames = [...]string{"none", "critical", "high", "medium", "low", "info"}

// String is the name of the severity in lower case.
func (s Severity) String() string { return name(severityNames[:], int(s)) }

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Level says what a finding does to a deployment.
type Level uint8

// The levels. The zero value is none, so that a forgotten one is seen.
const (
	Off       Level = iota + 1 // not judged
	Advisory                   // said, no more
	Mandatory                  // stops the deployment
)

var levelNames = [...]string{"none", "off", "advisory", "mandatory"}

// String is the name of the level in lower case.
func (l Level) String() string { return name(levelNames[:], int(l)) }

// MarshalText writes the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

func name(names []string, i int) string {
	if i >= len(names) {
		i = 0
	}
	return names[i]
}

// Levels are the levels of a rule in each environment. Contradictions between frameworks, and between safety and cost,
// are settled here and nowhere else.
type Levels struct{ Dev, Stage, Prod Level }

// In gives the level in an environment; that of Prod for an unknown one.
func (l Levels) In(e Environment) Level {
	switch e {
	case Dev:
		return l.Dev
	case Stage:
		return l.Stage
	case Prod:
	}
	return l.Prod
}

// Scope says what a rule has to see.
type Scope uint8

// The scopes. A resource rule stops a deployment before its resource is made, a stack rule only at preview or after the
// last resource: use OnStack only where other resources decide.
const (
	OnResource Scope = iota // one resource is enough
	OnStack                 // other resources decide too
)

// AnyType in a Matcher stands for every resource of a provider.
const AnyType = "*"

// CheckFunc judges one resource, or a stack. It says what it finds on c; saying nothing means that the rule does not
// apply.
type CheckFunc func(c *Check)

// Matcher is what a rule does with one type.
type Matcher struct {
	// Type token, without the version of an API; AnyType for all.
	Type string
	// Paths are the properties that the rule reads of this type, from its checks on other types too. They stand in the
	// documents, and each is looked up in the SDK. A test compares them with what the check really reads.
	Paths []string
	// Unchecked says that the SDK of the type can not be had here: token and paths are from its documentation.
	Unchecked bool
	// Check judges a resource of the type. Nil for a type that is only looked at from others.
	Check CheckFunc
	// Remedy proposes changes that mend the resource. Nil where nothing safe is known.
	Remedy func(c *Check) []Change
}

// Cloud is the cloud of the matcher's type; "" for AnyType.
func (m *Matcher) Cloud() Cloud { return CloudOf(m.Type) }

// Rule is one thing that a stack must or should be.
type Rule struct {
	// ID such as ENC-02. It stands in waivers and reports: it never changes its meaning.
	ID string
	// Title is what holds where the rule is kept, in a sentence without a full stop: "Volumes are encrypted".
	Title string
	// Why says what happens where it is broken, in a sentence or two.
	Why string
	// Severity of a finding.
	Severity Severity
	// Levels in the three environments.
	Levels Levels
	// Scope says what the rule has to see.
	Scope Scope
	// Matchers are the types that the rule inspects.
	Matchers []Matcher
	// Stack judges the stack as a whole, once, beside the matchers; only with scope OnStack.
	Stack CheckFunc
	// Fix says what to change, in a sentence or two.
	Fix string
	// Remediation is the verdict on mending it automatically: what is set, or why nothing is.
	Remediation string
	// Controls of frameworks, as in "HIPAA 164.312(b); PCI4 10.2.1.1, 10.2.1.2"; "" where none was seen.
	Controls Controls
	// Peers lists rules of other tools that ask the same; "" where none is known.
	Peers string
}

// Clouds are the clouds for which the rule judges something, in the order of Clouds().
func (r *Rule) Clouds() []Cloud {
	on := map[Cloud]bool{}
	for i := range r.Matchers {
		if m := &r.Matchers[i]; m.Check != nil || r.Stack != nil {
			on[m.Cloud()] = true
		}
	}
	var clouds []Cloud
	for _, cloud := range Clouds() {
		if on[cloud] || on[""] {
			clouds = append(clouds, cloud)
		}
	}
	return clouds
}

// LevelFor gives the level of the rule for a stack: that of its environment, raised where the stack must comply with a
// framework that names the rule. In dev by one step, where the data is not the real one; mandatory elsewhere.
func (r *Rule) LevelFor(s *Stack) Level {
	level := r.Levels.In(s.Environment)
	for _, profile := range s.Compliance {
		if !r.Controls.Profile(profile) {
			continue
		}
		if s.Environment == Dev {
			return min(level+1, Mandatory)
		}
		return Mandatory
	}
	return level
}

// Controls names what frameworks ask for, as a list "FRAMEWORK number, number; FRAMEWORK number".
type Controls string

// Control is the list of numbers of one framework.
type Control struct {
	// Framework as it stands in Frameworks.
	Framework string
	// Numbers of its controls.
	Numbers []string
}

// List takes the text apart.
func (c Controls) List() []Control {
	var list []Control
	for part := range strings.SplitSeq(string(c), ";") {
		framework, numbers, ok := strings.Cut(strings.TrimSpace(part), " ")
		if !ok {
			continue
		}
		control := Control{Framework: framework}
		for number := range strings.SplitSeq(numbers, ",") {
			control.Numbers = append(control.Numbers, strings.TrimSpace(number))
		}
		list = append(list, control)
	}
	return list
}

// Framework is a catalogue of controls.
type Framework struct {
	// Key stands in Controls.
	Key string
	// Name in full.
	Name string
	// Profile is the name that turns it on in a stack; "" where no profile does.
	Profile string
}

// Frameworks lists the frameworks that controls may name.
func Frameworks() []Framework {
	return []Framework{
		{"CIS-AWS6", "CIS Amazon Web Services Foundations 6.0 (where marked, 7.0)", "cis"},
		{"CIS-GCP5", "CIS Google Cloud Platform Foundation 5.0", "cis"},
		{"CIS-AZ5", "CIS Microsoft Azure Foundations 5.0", "cis"},
		{"CIS-K8s1.12", "CIS Kubernetes 1.12", "cis"},
		{"SecHub", "AWS Security Hub", ""},
		{"HIPAA", "HIPAA Security Rule", "hipaa"},
		{"PCI3.2.1", "PCI DSS 3.2.1", ""},
		{"PCI4", "PCI DSS 4", "pci"},
		{"NIST", "NIST SP 800-53", "nist"},
		{"SOC2", "SOC 2", "soc2"},
	}
}

// Profiles lists the names that a stack's compliance may have.
func Profiles() []string { return []string{"cis", "hipaa", "nist", "pci", "soc2"} }

// Profile reports whether a framework of the profile names a control. PCI DSS 3.2.1 is retired and counts for pci too:
// where only its number is known, the rule is still needed.
func (c Controls) Profile(profile string) bool {
	for _, control := range c.List() {
		for _, framework := range Frameworks() {
			if framework.Key == control.Framework && framework.Profile == profile {
				return true
			}
		}
		if profile == "pci" && control.Framework == "PCI3.2.1" {
			return true
		}
	}
	return false
}
