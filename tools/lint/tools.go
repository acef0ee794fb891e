//go:build tools

// Package tools pins the linter, apart from the other tools: its dependencies are many and clash with theirs.
package tools

import _ "github.com/golangci/golangci-lint/v2/cmd/golangci-lint"
