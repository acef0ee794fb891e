package components

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Logging says how a layer's logs are kept.
type Logging struct {
	// RetentionDays keeps them, 1 to 3653. Default 14 in dev, 90 in stage, 365 in prod.
	RetentionDays int `pulumi:"retentionDays"`
	// Key encrypts them: that of the data class logs. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
}

func (l Logging) withDefaults(s Scope) Logging {
	setDefault(&l.RetentionDays, PresetFor(s.Environment).LogRetentionDays)
	return l
}

func (l Logging) validate(c *checker) { inRange(c, "logs.retentionDays", l.RetentionDays, 1, 3653) }
