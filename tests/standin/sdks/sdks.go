//go:build tools

// Package sdks pins the cloud SDKs whose sources tell the stand-in what a resource looks like. Nothing is compiled of
// them here; the targets that use an SDK pin it as well.
package sdks

import (
	_ "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	_ "github.com/pulumi/pulumi-azure-native-sdk/app/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/authorization/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/consumption/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/containerregistry/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/containerservice/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/insights/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/keyvault/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/network/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/operationalinsights/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/resources/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/storage/v2"
	_ "github.com/pulumi/pulumi-azure-native-sdk/web/v2"
	_ "github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	_ "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
)
