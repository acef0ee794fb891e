package components

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// DataClass groups what is encrypted under one key.
type DataClass string

// The data classes.
const (
	LakeData   DataClass = "lake"   // everything in the data lake, the models included
	TableData  DataClass = "tables" // warehouse, feature store, metadata table
	SecretData DataClass = "secrets"
	LogData    DataClass = "logs"
)

// DataClasses lists every data class.
func DataClasses() []DataClass { return []DataClass{LakeData, TableData, SecretData, LogData} }

// SecurityArgs describe keys, tokens and the audit trail.
type SecurityArgs struct {
	// CustomerKeys makes one encryption key per data class; without it the platform's own keys encrypt. Default off in
	// dev.
	CustomerKeys *bool `pulumi:"customerKeys"`
	// RotationDays is the age at which a customer key gets new material, 90 to 365. Default 365.
	RotationDays int `pulumi:"rotationDays"`
	// AuditTrail records who did what to the platform. Default off in dev.
	AuditTrail *bool `pulumi:"auditTrail"`
	// AuditRetentionDays keeps the audit trail, at least 30. Default 365, the least that PCI DSS 10.5.1 asks for.
	AuditRetentionDays int `pulumi:"auditRetentionDays"`
	// ThreatDetection lets the platform look for attacks in its own logs, where it can. Default only in prod.
	ThreatDetection *bool `pulumi:"threatDetection"`
	// Retain keeps keys and audit trail when the stack is destroyed. Default only in prod.
	Retain *bool `pulumi:"retain"`
	// Tokens names random bearer tokens to make, such as one for an endpoint. Default none.
	Tokens []string `pulumi:"tokens"`
}

func (a *SecurityArgs) setDefaults(s Scope) {
	preset := PresetFor(s.Environment)
	setDefaultPtr(&a.CustomerKeys, preset.CustomerKeys)
	setDefault(&a.RotationDays, 365)
	setDefaultPtr(&a.AuditTrail, preset.AuditTrail)
	setDefault(&a.AuditRetentionDays, 365)
	setDefaultPtr(&a.Retain, preset.Retain)
	setDefaultPtr(&a.ThreatDetection, s.Environment == Prod)
}

func (a *SecurityArgs) validate(c *checker) {
	inRange(c, "rotationDays", a.RotationDays, 90, 365)
	inRange(c, "auditRetentionDays", a.AuditRetentionDays, 30, 3650)
	for _, token := range a.Tokens {
		c.named("tokens", token)
	}
}

// SecurityOutputs are what the other layers need of the security layer.
type SecurityOutputs struct {
	// Keys are the encryption keys by data class; empty where the platform's own keys encrypt. Which classes have one is
	// known before anything is made.
	Keys pulumi.StringMap `pulumi:"keys"`
	// AuditSink identifies where the audit trail goes; "" where there is none.
	AuditSink pulumi.StringOutput `pulumi:"auditSink,optional"`
	// TokenURIs say where a workload reads each token; the tokens themselves never leave the platform's secret store.
	TokenURIs pulumi.StringMapOutput `pulumi:"tokenUris"`
}

// Security holds keys, tokens and the audit trail.
type Security struct {
	pulumi.ResourceState
	SecurityOutputs
}

// Key is the encryption key of a data class; nil where the platform's own keys encrypt.
func (s *Security) Key(class DataClass) pulumi.StringInput { return s.Keys[string(class)] }

// NewSecurity declares keys, tokens and the audit trail. Errors: ErrRange, ErrName, ErrUnsupported.
func NewSecurity(
	ctx *pulumi.Context, name string, target Target, args *SecurityArgs, opts ...pulumi.ResourceOption,
) (*Security, error) {
	s := &Security{}
	c := construction{ctx, SecurityLayer, name, target, s, opts}
	if err := construct(c, args, target.Security, &s.SecurityOutputs); err != nil {
		return nil, err
	}
	return s, nil
}
