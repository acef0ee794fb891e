package rules

import "strings"

// Cloud is the platform that a resource belongs to.
type Cloud string

// The clouds that rules know.
const (
	AWS        Cloud = "aws"
	GCP        Cloud = "gcp"
	Azure      Cloud = "azure"
	Kubernetes Cloud = "kubernetes"
)

// Clouds lists the clouds in the order of the documents.
func Clouds() []Cloud { return []Cloud{AWS, GCP, Azure, Kubernetes} }

// CloudOf tells the cloud of a type token; "" for every other provider and for components.
func CloudOf(token string) Cloud {
	switch pkg, _, _ := strings.Cut(token, ":"); pkg {
	case "aws":
		return AWS
	case "gcp":
		return GCP
	case "azure-native":
		return Azure
	case "kubernetes":
		return Kubernetes
	default:
		return ""
	}
}

// SplitToken gives the token that rules are written for and the version of the API that stood in it. Only azure-native
// has one: azure-native:storage/v20230101:StorageAccount is azure-native:storage:StorageAccount at v20230101.
func SplitToken(token string) (normal, apiVersion string) {
	pkg, rest, ok := strings.Cut(token, ":")
	if !ok || pkg != "azure-native" {
		return token, ""
	}
	module, name, ok := strings.Cut(rest, ":")
	if !ok {
		return token, ""
	}
	module, apiVersion, ok = strings.Cut(module, "/")
	if !ok {
		return token, ""
	}
	return pkg + ":" + module + ":" + name, apiVersion
}
