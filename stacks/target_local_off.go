//go:build !local && (aws || gcp || azure || kubernetes)

package stacks

var localTarget builder
