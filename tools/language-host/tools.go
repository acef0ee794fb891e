//go:build tools

// Package tools pins the Go language host of Pulumi, for machines without a Pulumi installation: the newest version
// that is a package of the SDK and not a module of its own. It speaks the protocol of the pinned CLI.
package tools

import _ "github.com/pulumi/pulumi/sdk/v3/go/pulumi-language-go"
