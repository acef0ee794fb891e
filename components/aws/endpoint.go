package aws

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sagemaker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/internal/machines"
)

// hosting is how SageMaker hosts an endpoint.
type hosting string

// The ways of hosting.
const (
	// serverless costs nothing between requests. It knows no networks, no accelerators and one variant.
	serverless hosting = "serverless"
	// asynchronous takes requests from S3 and answers there; its machines come and go with the queue.
	asynchronous hosting = "asynchronous"
	// provisioned keeps machines that answer at once; their number follows the load.
	provisioned hosting = "provisioned"
)

// serverlessMiB is the most memory of a serverless endpoint.
// Source: docs.aws.amazon.com/sagemaker, serverless endpoints.
const serverlessMiB = 6144

// hostingFor chooses the way of hosting: what may scale to zero is serverless if that has what the model needs.
func hostingFor(args *components.EndpointArgs) hosting {
	switch {
	case !*args.ScaleToZero:
		return provisioned
	case args.Machine.Accelerator == components.NoAccelerator && args.Machine.MemoryMiB <= serverlessMiB:
		return serverless
	default:
		return asynchronous
	}
}

// Endpoint is an endpoint of SageMaker whose containers follow the alias in the lake: a new version needs no new
// resource. Whatever changes in its configuration gives a new one first, which the endpoint then moves to. Callers sign
// their requests and IAM lets them in or not; SageMaker hands no bearer token on, so that the container asks for none.
func (t *Target) Endpoint(
	ctx *pulumi.Context, name string, args *components.EndpointArgs, opts ...pulumi.ResourceOption,
) (*components.EndpointOutputs, error) {
	if t.options.ServeOnCluster {
		return t.serveOnCluster(ctx, name, args, opts)
	}
	e := &endpoint{layer: t.layer(ctx, components.EndpointLayer, name, opts), args: args, hosting: hostingFor(args)}
	if err := e.check(); err != nil {
		return nil, err
	}
	if err := e.make(); err != nil {
		return nil, err
	}
	url := fmt.Sprintf("https://runtime.sagemaker.%s.amazonaws.com/endpoints/%s/invocations", t.options.Region, e.name())
	return &components.EndpointOutputs{
		URL: e.Known(url, e.endpoint), PredictURL: e.Known(url, e.endpoint), EndpointID: e.Known(e.name(), e.endpoint),
		ScalingPolicyID: e.policy,
		Identity:        e.id.ARN,
	}, nil
}

// endpoint is what is made of an endpoint so far.
type endpoint struct {
	*layer
	args     *components.EndpointArgs
	hosting  hosting
	instance string // "" for serverless
	id       *identity
	variants []variant
	config   *sagemaker.EndpointConfiguration
	endpoint *sagemaker.Endpoint
	policy   pulumi.StringOutput
}

// variant is one of the versions that share the requests.
type variant struct {
	alias string
	share int // percent
	model *sagemaker.Model
}

func (e *endpoint) name() string { return e.physical(63) }

// check refuses what SageMaker cannot host, before anything is made.
func (e *endpoint) check() error {
	if err := pinned(e.args.Image); err != nil {
		return err
	}
	if e.args.Auth == components.AuthNone {
		return fmt.Errorf("auth: found none, want platform: SageMaker lets in whom IAM lets in: %w", components.ErrConflict)
	}
	if e.hosting != provisioned && len(e.args.Traffic) > 1 {
		return fmt.Errorf("traffic: found %d aliases, want one, or scaleToZero false: a %s endpoint has one variant: %w",
			len(e.args.Traffic), e.hosting, components.ErrConflict)
	}
	if e.hosting == serverless {
		return nil
	}
	if *e.args.MinReplicas == 0 && e.hosting == provisioned {
		return fmt.Errorf("minReplicas: found 0, want at least 1, or scaleToZero: SageMaker keeps one machine: %w",
			components.ErrConflict)
	}
	var err error
	e.instance, err = pick(e.options.Region, "machine", machines.Serving, e.args.Machine)
	return err
}

func (e *endpoint) make() error {
	for _, made := range []func() error{e.makeRole, e.makeModels, e.makeConfig, e.makeEndpoint, e.makeScaling} {
		if err := made(); err != nil {
			return err
		}
	}
	return nil
}

// makeRole makes the role of the containers. What they may read and write in the lake is granted.
func (e *endpoint) makeRole() (err error) {
	logs, err := e.newLogGroup("logs", "/aws/sagemaker/Endpoints/"+e.name(), e.args.Logs)
	if err != nil {
		return err
	}
	may := []Statement{logs.writeLogs(), e.pullImages(), {
		Sid: "LogInToRegistry", Actions: []string{"ecr:GetAuthorizationToken"}, Resources: here("*"), // knows no resource
	}, {
		Sid: "WriteMetrics", Actions: []string{"cloudwatch:PutMetricData"}, Resources: here("*"), // knows no resource
		Conditions: Conditions{"StringLike": {"cloudwatch:namespace": {"/aws/sagemaker/*"}}},
	}}
	if e.hosting != serverless {
		may = append(may, e.joinPlace(e.args.Network)...)
	}
	if e.hosting == asynchronous {
		may = append(may, e.answerRequests()...)
	}
	e.id, err = e.newRole(role{
		does: "Serves predictions", trust: []Statement{e.trust("sagemaker.amazonaws.com")}, may: may,
		keys: e.useKey(e.args.Key, lends, "s3", "sagemaker"),
	})
	if err == nil {
		e.id.ready = append(e.id.ready, logs.resource)
	}
	return err
}

// pullImages lets a role pull the stack's images.
func (l *layer) pullImages() Statement {
	return Statement{
		Sid: "PullImages", Resources: here(l.arn("ecr", "repository/%s/*", l.options.Scope.Name(100))),
		Actions: []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
	}
}

// asyncPrefix is where an asynchronous endpoint reads requests and writes answers, below the results zone.
const asyncPrefix = "async"

// answerRequests lets an asynchronous endpoint read its requests and write its answers.
func (e *endpoint) answerRequests() []Statement {
	bucket := components.ZoneURI(e.args.Lake, components.Results).ApplyT(bucketOf).(pulumi.StringOutput)
	arn := pulumi.Sprintf("arn:%s:s3:::%s", e.region.partition, bucket)
	return []Statement{{
		Sid: "AnswerRequests", Resources: pulumi.StringArray{pulumi.Sprintf("%s/%s/*", arn, asyncPrefix)},
		Actions: []string{"s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"},
	}, {
		Sid: "FindRequests", Resources: pulumi.StringArray{arn}, Actions: []string{"s3:GetBucketLocation", "s3:ListBucket"},
	}}
}

// traffic are the shares of the aliases.
func (e *endpoint) traffic() map[string]int {
	if len(e.args.Traffic) > 0 {
		return e.args.Traffic
	}
	return map[string]int{e.args.Alias: 100}
}

// makeModels makes a model for each alias: the image, and which alias it follows.
func (e *endpoint) makeModels() error {
	shares := e.traffic()
	for _, alias := range slices.Sorted(maps.Keys(shares)) {
		if shares[alias] == 0 {
			continue
		}
		model, err := e.newModel(alias)
		if err != nil {
			return err
		}
		e.variants = append(e.variants, variant{alias, shares[alias], model})
	}
	return nil
}

// newModel makes a model. Nothing in it can be changed: the next one is there before this one goes, under a name that
// Pulumi draws.
func (e *endpoint) newModel(alias string) (*sagemaker.Model, error) {
	environment := components.ZoneVariables(e.args.Lake, components.Logs, components.Models, components.Results)
	maps.Copy(environment, pulumi.StringMap{
		"MLPATHWAY_MODEL": pulumi.String(e.args.Model), "MLPATHWAY_ALIAS": pulumi.String(alias),
		"MLPATHWAY_CAPTURE_SHARE": pulumi.String(strconv.FormatFloat(float64(*e.args.CapturePercent)/100, 'g', -1, 64)),
	})
	args := &sagemaker.ModelArgs{
		ExecutionRoleArn: e.id.ARN, EnableNetworkIsolation: pulumi.Bool(false), // the image reads the lake itself
		PrimaryContainer: &sagemaker.ModelPrimaryContainerArgs{
			Image: pulumi.String(e.args.Image), Mode: pulumi.String("SingleModel"), Environment: environment,
		},
		Tags: e.tags(confidential),
	}
	if e.args.Network != nil && e.hosting != serverless {
		args.VpcConfig = &sagemaker.ModelVpcConfigArgs{
			Subnets: e.args.Network.Subnets, SecurityGroupIds: pulumi.StringArray{e.args.Network.Group},
		}
	}
	return sagemaker.NewModel(e.Context, e.Part("model", alias), args, e.After(e.id.ready...)...)
}
