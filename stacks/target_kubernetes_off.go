//go:build !kubernetes && (local || aws || gcp || azure)

package stacks

var kubernetesTarget builder
