package aws

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sagemaker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/internal/machines"
)

// Workbench is a SageMaker Studio domain with a profile for each user. An idle notebook shuts itself down.
func (t *Target) Workbench(
	ctx *pulumi.Context, name string, args *components.WorkbenchArgs, opts ...pulumi.ResourceOption,
) (*components.WorkbenchOutputs, error) {
	l := t.layer(ctx, components.WorkbenchLayer, name, opts)
	if args.Network == nil {
		return nil, fmt.Errorf("network: found nothing, want the Placement of a network: %w", components.ErrRequired)
	}
	if args.IdleMinutes < 60 {
		return nil, fmt.Errorf("idleMinutes: found %d, want at least 60, the shortest that SageMaker Studio has: %w",
			args.IdleMinutes, components.ErrRange)
	}
	machine, err := pick(t.options.Region, "machine", machines.Notebook, args.Machine)
	if err != nil {
		return nil, err
	}
	id, err := l.newRole(role{
		part: "notebooks", does: "Runs the notebooks", trust: []Statement{l.trust("sagemaker.amazonaws.com")},
		may: []Statement{{
			Sid: "WriteLogs", Resources: here(l.arn("logs", "log-group:/aws/sagemaker/studio:*")),
			Actions: []string{"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
		}},
		keys: l.useKey(args.Key, append([]string{"kms:CreateGrant"}, encrypts...), "sagemaker"),
	})
	if err != nil {
		return nil, err
	}
	domain, err := l.newDomain(args, id, machine)
	if err != nil {
		return nil, err
	}
	if err := l.ownSpaces(domain, id); err != nil {
		return nil, err
	}
	for _, user := range args.Users {
		_, err := sagemaker.NewUserProfile(l.Context, l.Part("user", user), &sagemaker.UserProfileArgs{
			DomainId: domain.ID(), UserProfileName: pulumi.String(user), Tags: l.tags(confidential),
		}, l.With()...)
		if err != nil {
			return nil, err
		}
	}
	return &components.WorkbenchOutputs{URL: domain.Url, Identity: id.ARN}, nil
}

func (l *layer) newDomain(args *components.WorkbenchArgs, id *identity, machine string) (*sagemaker.Domain, error) {
	access := "PublicInternetOnly"
	if *args.Private {
		access = "VpcOnly"
	}
	groups := pulumi.StringArray{args.Network.Group}
	idle := &sagemaker.DomainDefaultUserSettingsJupyterLabAppSettingsAppLifecycleManagementIdleSettingsArgs{
		LifecycleManagement: pulumi.String("ENABLED"), IdleTimeoutInMinutes: pulumi.Int(args.IdleMinutes),
		MinIdleTimeoutInMinutes: pulumi.Int(60), MaxIdleTimeoutInMinutes: pulumi.Int(args.IdleMinutes),
	}
	lab := &sagemaker.DomainDefaultUserSettingsJupyterLabAppSettingsArgs{
		DefaultResourceSpec: &sagemaker.DomainDefaultUserSettingsJupyterLabAppSettingsDefaultResourceSpecArgs{
			InstanceType: pulumi.String(machine),
		},
		AppLifecycleManagement: &sagemaker.DomainDefaultUserSettingsJupyterLabAppSettingsAppLifecycleManagementArgs{
			IdleSettings: idle,
		},
	}
	disk := &sagemaker.DomainDefaultUserSettingsSpaceStorageSettingsDefaultEbsStorageSettingsArgs{
		DefaultEbsVolumeSizeInGb: pulumi.Int(5), MaximumEbsVolumeSizeInGb: pulumi.Int(100),
	}
	return sagemaker.NewDomain(l.Context, l.Part(), &sagemaker.DomainArgs{
		DomainName: pulumi.String(l.physical(63)), AuthMode: pulumi.String("IAM"),
		AppNetworkAccessType: pulumi.String(access), KmsKeyId: orNil(args.Key), TagPropagation: pulumi.String("ENABLED"),
		VpcId: args.Network.Network, SubnetIds: args.Network.Subnets,
		RetentionPolicy: &sagemaker.DomainRetentionPolicyArgs{HomeEfsFileSystem: pulumi.String("Delete")},
		DefaultUserSettings: &sagemaker.DomainDefaultUserSettingsArgs{
			ExecutionRole: id.ARN, SecurityGroups: groups, JupyterLabAppSettings: lab,
			DefaultLandingUri: pulumi.String("studio::"), StudioWebPortal: pulumi.String("ENABLED"),
			AutoMountHomeEfs: pulumi.String("Disabled"),
			SharingSettings: &sagemaker.DomainDefaultUserSettingsSharingSettingsArgs{
				NotebookOutputOption: pulumi.String("Disabled"),
			},
			SpaceStorageSettings: &sagemaker.DomainDefaultUserSettingsSpaceStorageSettingsArgs{DefaultEbsStorageSettings: disk},
		},
		DomainSettings: &sagemaker.DomainDomainSettingsArgs{
			SecurityGroupIds: groups, ExecutionRoleIdentityConfig: pulumi.String("USER_PROFILE_NAME"),
		},
		Tags: l.tags(confidential),
	}, l.With()...)
}

// ownSpaces lets the users start and stop notebooks of this domain and of no other.
func (l *layer) ownSpaces(domain *sagemaker.Domain, id *identity) error {
	of := func(kind string) pulumi.StringOutput {
		return pulumi.Sprintf("%s%s/*", l.arn("sagemaker", "%s/", kind), domain.ID())
	}
	_, err := l.attach(l.Part("notebooks", "spaces"), "spaces", nameOf(id.ARN), []Statement{{
		Sid: "RunNotebooks", Resources: pulumi.StringArray{of("app"), of("space")}, Actions: []string{
			"sagemaker:AddTags", "sagemaker:CreateApp", "sagemaker:CreateSpace", "sagemaker:DeleteApp",
			"sagemaker:DeleteSpace", "sagemaker:DescribeApp", "sagemaker:DescribeSpace", "sagemaker:UpdateSpace",
		},
	}, {
		Sid: "SeeDomain", Actions: []string{"sagemaker:DescribeDomain", "sagemaker:DescribeUserProfile"},
		Resources: pulumi.StringArray{pulumi.Sprintf("%s%s", l.arn("sagemaker", "domain/"), domain.ID()), of("user-profile")},
	}, {
		Sid: "ListNotebooks", Actions: []string{"sagemaker:ListApps", "sagemaker:ListSpaces"},
		Resources: here(l.arn("sagemaker", "app/*"), l.arn("sagemaker", "space/*")),
	}})
	return err
}
