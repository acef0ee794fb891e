package engine_test

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// untyped is a resource that is registered by its token, so that these tests compile no cloud SDK.
type untyped struct {
	pulumi.CustomResourceState
	Arn      pulumi.StringOutput `pulumi:"arn"`
	Name     pulumi.StringOutput `pulumi:"name"`
	Bucket   pulumi.StringOutput `pulumi:"bucket"`
	Endpoint pulumi.StringOutput `pulumi:"endpoint"`
	SelfLink pulumi.StringOutput `pulumi:"selfLink"`
}

// plantedPassword must show in no state.
const plantedPassword = "a planted password"

// component is a component without outputs of its own.
type component struct {
	pulumi.ResourceState
}

// builder registers resources until the first error.
type builder struct {
	ctx *pulumi.Context
	err error
}

func (b *builder) component(token, name string, opts ...pulumi.ResourceOption) *component {
	c := &component{}
	if b.err == nil {
		b.err = b.ctx.RegisterComponentResource(token, name, c, opts...)
	}
	return c
}

func (b *builder) custom(token, name string, inputs pulumi.Map, opts ...pulumi.ResourceOption) *untyped {
	r := &untyped{}
	if b.err == nil {
		if err := b.ctx.RegisterResource(token, name, inputs, r, opts...); err != nil {
			b.err = fmt.Errorf("registering %s: %w", name, err)
		}
	}
	return r
}

// platformOptions change the test program, for better or worse.
type platformOptions struct {
	environment string
	team        string
	tag         string // an update that must not replace
	machine     string // of the node pool: an update that must replace
	image       string // of the endpoint: an update that must replace, new before old
	fixedNames  bool   // the endpoint's configuration is named by the program: it goes before the new one comes
	renamed     bool   // the lake's bucket has another logical name, and no alias
	aliased     bool   // ... with an alias
	noParent    bool   // the bucket lies under no component
	plainSecret bool   // the warehouse's password is no secret
	randomName  string // a part of a name that differs from run to run
	cyclic      bool   // the grant waits for the endpoint, which waits for the grant
	misspelt    bool   // a property that the SDK does not have
	missing     bool   // a required property is left out
	wrongType   bool   // a number where the SDK wants a list
	plainSubnet string // the endpoint names its subnet by hand, and the subnet waits for it
}

// platform is a small platform of all four providers with every trait that the scenarios are about.
func platform(o platformOptions) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		b := &builder{ctx: ctx}
		root := b.component("mlpathway:platform:Platform", "platform")
		under := pulumi.Parent(root)
		subnet := b.network(o, under)
		bucket, key := b.lake(o, under)
		role := b.grant(o, bucket, key, under)
		b.endpoint(o, role, under)
		password := b.warehouse(o, under)
		b.cluster(o, role, subnet, under)
		b.google(o, under)
		b.azure(o, under)
		b.kubernetes(o, under)
		ctx.Export("bucket", bucket.Bucket)
		ctx.Export("password", password)
		return b.err
	}
}

// keep protects what holds data in prod.
func (o platformOptions) keep() pulumi.ResourceOption { return pulumi.Protect(o.environment == "prod") }

func tags(o platformOptions) pulumi.StringMap {
	return pulumi.StringMap{"team": pulumi.String("fraud"), "note": pulumi.String(o.tag)}
}

func (b *builder) network(o platformOptions, under pulumi.ResourceOption) *untyped {
	network := pulumi.Parent(b.component("mlpathway:network:Network", "network", under))
	vpc := b.custom("aws:ec2/vpc:Vpc", "network", pulumi.Map{
		"cidrBlock": pulumi.String("10.0.0.0/16"), "enableDnsHostnames": pulumi.Bool(true), "tags": tags(o),
	}, network)
	subnet := b.custom("aws:ec2/subnet:Subnet", "network-a", pulumi.Map{
		"vpcId": vpc.ID(), "cidrBlock": pulumi.String("10.0.0.0/20"), "tags": tags(o),
	}, network)
	group := b.custom("aws:ec2/securityGroup:SecurityGroup", "network", pulumi.Map{"vpcId": vpc.ID()}, network)
	second := func(opts ...pulumi.ResourceOption) *untyped {
		return b.custom("aws:ec2/subnet:Subnet", "network-b", pulumi.Map{
			"vpcId": vpc.ID(), "cidrBlock": pulumi.String("10.0.16.0/20"), "tags": tags(o),
		}, append(opts, network)...)
	}
	endpoint := func(in pulumi.StringInput) *untyped {
		return b.custom("aws:ec2/vpcEndpoint:VpcEndpoint", "network-ecr", pulumi.Map{
			"vpcId": vpc.ID(), "serviceName": pulumi.String("com.amazonaws.eu-central-1.ecr.api"),
			"vpcEndpointType": pulumi.String("Interface"), "subnetIds": pulumi.StringArray{in},
			"securityGroupIds": pulumi.StringArray{group.ID()},
		}, network)
	}
	if o.plainSubnet != "" {
		second(pulumi.DependsOn([]pulumi.Resource{endpoint(pulumi.String(o.plainSubnet))}))
	} else {
		endpoint(second().ID().ToStringOutput())
	}
	return subnet
}

func (b *builder) lake(o platformOptions, under pulumi.ResourceOption) (bucket, key *untyped) {
	lake := pulumi.Parent(b.component("mlpathway:data:Lake", "lake", under))
	key = b.custom("aws:kms/key:Key", "lake", pulumi.Map{"enableKeyRotation": pulumi.Bool(true)}, lake, o.keep())
	name, parent := "lake", lake
	opts := []pulumi.ResourceOption{o.keep()}
	if o.renamed || o.aliased {
		name = "data-lake"
	}
	if o.aliased {
		opts = append(opts, pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String("lake")}}))
	}
	if o.noParent {
		parent = pulumi.Parent(nil)
	}
	inputs := pulumi.Map{"tags": tags(o)}
	if o.randomName != "" {
		inputs["bucket"] = pulumi.String("lake-" + o.randomName)
	}
	if o.misspelt {
		inputs["forceDestory"] = pulumi.Bool(true)
	}
	if o.wrongType {
		inputs["corsRules"] = pulumi.Int(1)
	}
	bucket = b.custom("aws:s3/bucketV2:BucketV2", name, inputs, append(opts, parent)...)
	b.custom("aws:s3/bucketVersioningV2:BucketVersioningV2", "lake", pulumi.Map{
		"bucket": bucket.ID(), "versioningConfiguration": pulumi.Map{"status": pulumi.String("Enabled")},
	}, lake)
	b.custom("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "lake", pulumi.Map{
		"bucket": bucket.ID(), "blockPublicAcls": pulumi.Bool(true),
	}, lake)
	table := pulumi.Map{
		"attributes": pulumi.MapArray{pulumi.Map{"name": pulumi.String("job"), "type": pulumi.String("S")}},
		"hashKey":    pulumi.String("job"), "billingMode": pulumi.String("PAY_PER_REQUEST"),
	}
	b.custom("aws:dynamodb/table:Table", "metadata", table, lake,
		pulumi.RetainOnDelete(o.environment == "prod"))
	return bucket, key
}

func (b *builder) grant(o platformOptions, bucket, key *untyped, under pulumi.ResourceOption) *untyped {
	training := b.component("mlpathway:model:Training", "training", under)
	role := b.custom("aws:iam/role:Role", "training", pulumi.Map{
		"assumeRolePolicy": pulumi.String(`{"Version":"2012-10-17","Statement":[]}`),
	}, pulumi.Parent(training))
	policy := pulumi.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],`+
		`"Resource":["%s/*"]},{"Effect":"Allow","Action":["kms:Decrypt"],"Resource":["%s"]}]}`, bucket.Arn, key.Arn)
	inputs := pulumi.Map{"role": role.ID(), "policy": policy}
	if o.missing {
		delete(inputs, "policy")
	}
	opts := []pulumi.ResourceOption{pulumi.Parent(training)}
	if o.cyclic {
		// The grant waits for an output that only comes when the grant is there.
		after, resolve, _ := b.ctx.NewOutput()
		inputs["role"] = pulumi.All(after, role.ID()).ApplyT(func(all []any) any { return all[1] })
		grant := b.custom("aws:iam/rolePolicy:RolePolicy", "training-reads", inputs, opts...)
		grant.ID().ApplyT(func(id pulumi.ID) pulumi.ID {
			resolve(id)
			return id
		})
		return role
	}
	b.custom("aws:iam/rolePolicy:RolePolicy", "training-reads", inputs, opts...)
	return role
}

func (b *builder) endpoint(o platformOptions, role *untyped, under pulumi.ResourceOption) {
	endpoint := pulumi.Parent(b.component("mlpathway:serve:Endpoint", "endpoint", under))
	model := b.custom("aws:sagemaker/model:Model", "endpoint", pulumi.Map{
		"executionRoleArn": role.Arn,
		"primaryContainer": pulumi.Map{"image": pulumi.String("registry/inference:" + o.image)},
	}, endpoint)
	inputs := pulumi.Map{
		"productionVariants": pulumi.MapArray{pulumi.Map{
			"modelName": model.Name, "variantName": pulumi.String("live"), "initialInstanceCount": pulumi.Int(1),
			"instanceType": pulumi.String("ml.m5.large"),
		}},
	}
	if o.fixedNames {
		inputs["name"] = pulumi.String("endpoint")
	} else {
		inputs["namePrefix"] = pulumi.String("endpoint-")
	}
	configuration := b.custom("aws:sagemaker/endpointConfiguration:EndpointConfiguration", "endpoint", inputs, endpoint)
	b.custom("aws:sagemaker/endpoint:Endpoint", "endpoint", pulumi.Map{
		"endpointConfigName": configuration.Name,
	}, endpoint)
}

func (b *builder) warehouse(o platformOptions, under pulumi.ResourceOption) pulumi.StringOutput {
	warehouse := pulumi.Parent(b.component("mlpathway:data:Warehouse", "warehouse", under))
	password := pulumi.ToSecret(pulumi.String(plantedPassword)).(pulumi.StringOutput)
	if o.plainSecret {
		password = pulumi.String(plantedPassword).ToStringOutput()
	}
	b.custom("aws:redshiftserverless/namespace:Namespace", "warehouse", pulumi.Map{
		"namespaceName": pulumi.String(o.team + "-warehouse"), "adminUserPassword": password,
	}, warehouse, o.keep())
	return pulumi.ToSecret(password).(pulumi.StringOutput)
}

func (b *builder) cluster(o platformOptions, role, subnet *untyped, under pulumi.ResourceOption) {
	cluster := pulumi.Parent(b.component("mlpathway:compute:Cluster", "cluster", under))
	eks := b.custom("aws:eks/cluster:Cluster", "cluster", pulumi.Map{
		"roleArn": role.Arn, "vpcConfig": pulumi.Map{"subnetIds": pulumi.StringArray{subnet.ID()}},
	}, cluster)
	b.custom("aws:eks/nodeGroup:NodeGroup", "cluster-cpu", pulumi.Map{
		"clusterName": eks.Name, "nodeRoleArn": role.Arn, "subnetIds": pulumi.StringArray{subnet.ID()},
		"instanceTypes": pulumi.StringArray{pulumi.String("m5." + o.machine)},
		"scalingConfig": pulumi.Map{"desiredSize": pulumi.Int(1), "minSize": pulumi.Int(0), "maxSize": pulumi.Int(3)},
	}, cluster)
}

func (b *builder) google(o platformOptions, under pulumi.ResourceOption) {
	google := pulumi.Parent(b.component("mlpathway:compute:Cluster", "google", under))
	b.custom("gcp:storage/bucket:Bucket", "google", pulumi.Map{
		"location": pulumi.String("EU"), "labels": tags(o), "uniformBucketLevelAccess": pulumi.Bool(true),
	}, google, o.keep())
	gke := b.custom("gcp:container/cluster:Cluster", "google", pulumi.Map{
		"location": pulumi.String("europe-west3"), "initialNodeCount": pulumi.Int(1),
	}, google)
	b.custom("gcp:container/nodePool:NodePool", "google-gpu", pulumi.Map{
		"cluster": gke.Name, "location": pulumi.String("europe-west3"),
		"nodeConfig": pulumi.Map{
			"machineType": pulumi.String("n1-standard-" + fmt.Sprint(len(o.machine))), "labels": tags(o),
		},
	}, google)
}

func (b *builder) azure(o platformOptions, under pulumi.ResourceOption) {
	azure := pulumi.Parent(b.component("mlpathway:data:Lake", "azure", under))
	group := b.custom("azure-native:resources:ResourceGroup", "azure", pulumi.Map{}, azure)
	account := b.custom("azure-native:storage:StorageAccount", "azure", pulumi.Map{
		"resourceGroupName": group.Name, "kind": pulumi.String("StorageV2"),
		"sku": pulumi.Map{"name": pulumi.String("Standard_LRS")}, "isHnsEnabled": pulumi.Bool(true),
	}, azure, o.keep())
	b.custom("azure-native:storage:BlobContainer", "raw", pulumi.Map{
		"resourceGroupName": group.Name, "accountName": account.Name,
	}, azure, o.keep())
	b.custom("azure-native:machinelearningservices:Workspace", "azure", pulumi.Map{
		"resourceGroupName": group.Name, "storageAccount": account.ID(),
	}, azure, o.keep())
}

func (b *builder) kubernetes(o platformOptions, under pulumi.ResourceOption) {
	workload := pulumi.Parent(b.component("mlpathway:serve:Endpoint", "workload", under))
	namespace := b.custom("kubernetes:core/v1:Namespace", "workload", pulumi.Map{}, workload)
	labels := pulumi.StringMap{"app": pulumi.String("serve")}
	inside := pulumi.Map{"namespace": namespace.ID(), "labels": labels}
	b.custom("kubernetes:core/v1:ConfigMap", "workload", pulumi.Map{
		"metadata": inside, "data": pulumi.StringMap{"model": pulumi.String(o.image)},
	}, workload)
	b.custom("kubernetes:apps/v1:Deployment", "workload", pulumi.Map{
		"metadata": inside,
		"spec": pulumi.Map{
			"selector": pulumi.Map{"matchLabels": labels},
			"template": pulumi.Map{
				"metadata": pulumi.Map{"labels": labels},
				"spec": pulumi.Map{"containers": pulumi.MapArray{pulumi.Map{
					"name": pulumi.String("serve"), "image": pulumi.String("registry/inference:" + o.image),
				}}},
			},
		},
	}, workload)
	b.custom("kubernetes:jobset.x-k8s.io/v1alpha2:JobSet", "training", pulumi.Map{
		"metadata": inside, "spec": pulumi.Map{"suspend": pulumi.Bool(true)},
	}, workload)
}
