// Package rules judges a graph of cloud resources: which rules does it break, which can not be told yet. It is pure: no
// Pulumi, no cloud SDK, no clock, no file; type tokens are matched as text. The same rules run over a recorded program,
// inside the engine at preview and up, and over a saved plan.
//
// README.md in this folder says how to add a rule.
package rules
