//go:build tools

// Package tools pins the programs that the tests of the inference image talk to and that nobody here wrote: a gRPC
// client, and stand-ins for the object stores of two clouds.
package tools

import (
	_ "github.com/fsouza/fake-gcs-server"
	_ "github.com/fullstorydev/grpcurl/cmd/grpcurl"
	_ "github.com/johannesboyne/gofakes3/cmd/gofakes3"
)
