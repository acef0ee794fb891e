//go:build tools

// Package tools pins the programs that the local stack runs and that are built from source where they are not
// installed: the Pulumi CLI and process-compose. Their modules stay out of the main go.mod, whose versions they
// would move.
package tools

import (
	_ "github.com/f1bonacc1/process-compose"
	_ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
)
