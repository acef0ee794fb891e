//go:build !aws && (local || gcp || azure || kubernetes)

package stacks

var awsTarget builder
