//go:build cloud

package lake

// The images are built with the tag cloud: s3://, gs:// and azblob:// addresses then work as file:// does. A local stack
// needs none of them, and their SDKs take minutes to compile.
import (
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob"
)
