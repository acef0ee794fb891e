//go:build cloud

package secret

// As in the package lake, the images are built with the tag cloud.
import _ "gocloud.dev/runtimevar/awssecretsmanager"
