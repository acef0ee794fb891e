//go:build cloud

package metadata

// As in the package lake, the images are built with the tag cloud.
import (
	_ "gocloud.dev/docstore/awsdynamodb/v2"
	_ "gocloud.dev/docstore/gcpfirestore"
)
