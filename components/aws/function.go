package aws

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// function describes a Lambda function that runs an image.
type function struct {
	part        string // "" for the only one of the component
	does        string
	image       string
	command     []string
	environment pulumi.StringMap
	memoryMiB   int
	timeout     int // seconds
	concurrency int
	place       *components.Placement // nil for none
	logs        components.Logging
	key         pulumi.StringInput // encrypts the environment; nil for Lambda's own
	keyServices []string           // services besides Lambda that decrypt with the key on the function's behalf
	may         []Statement
}

// madeFunction is a function that was made.
type madeFunction struct {
	*lambda.Function
	name string
	arn  string // known before it is there
	logs *logGroup
	id   *identity
}

// check reports what Lambda cannot run.
func (f *function) check() error {
	switch {
	case f.memoryMiB > 10240:
		return fmt.Errorf("memoryMiB: found %d, want at most 10240, the largest that Lambda has: %w",
			f.memoryMiB, components.ErrRange)
	case f.timeout > 900:
		return fmt.Errorf("timeoutSeconds: found %d, want at most 900, the longest that Lambda runs: %w",
			f.timeout, components.ErrRange)
	default:
		return pinned(f.image)
	}
}

func (f *function) parts() []string {
	if f.part == "" {
		return nil
	}
	return []string{f.part}
}

// newFunction makes a function with its role and its logs.
func (l *layer) newFunction(f *function) (*madeFunction, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	m := &madeFunction{name: l.physical(64, f.parts()...)}
	m.arn = l.arn("lambda", "function:%s", m.name)
	var err error
	if m.logs, err = l.newLogGroup(strings.Join(append(f.parts(), "logs"), "-"), "/aws/lambda/"+m.name,
		f.logs); err != nil {
		return nil, err
	}
	may := append([]Statement{m.logs.writeLogs()}, f.may...)
	if f.place != nil {
		may = append(may, l.joinNetwork(m.arn)...)
	}
	m.id, err = l.newRole(role{
		part: f.part, does: f.does, trust: []Statement{l.trust("lambda.amazonaws.com")}, may: may,
		keys: l.useKey(f.key, decrypts, append([]string{"lambda"}, f.keyServices...)...),
	})
	if err != nil {
		return nil, err
	}
	args := &lambda.FunctionArgs{
		Name: pulumi.String(m.name), Description: pulumi.String(f.does), PackageType: pulumi.String("Image"),
		ImageUri: pulumi.String(f.image), Architectures: pulumi.ToStringArray([]string{"x86_64"}), Role: m.id.ARN,
		ImageConfig: &lambda.FunctionImageConfigArgs{Commands: pulumi.ToStringArray(f.command)},
		Environment: &lambda.FunctionEnvironmentArgs{Variables: f.environment}, KmsKeyArn: orNil(f.key),
		MemorySize: pulumi.Int(f.memoryMiB), Timeout: pulumi.Int(f.timeout),
		ReservedConcurrentExecutions: pulumi.Int(f.concurrency),
		EphemeralStorage:             &lambda.FunctionEphemeralStorageArgs{Size: pulumi.Int(2048)},
		LoggingConfig: &lambda.FunctionLoggingConfigArgs{
			LogFormat: pulumi.String("JSON"), LogGroup: l.Known(m.logs.name, m.logs.resource),
		},
		Tags: l.tags(internal),
	}
	if f.place != nil {
		args.VpcConfig = &lambda.FunctionVpcConfigArgs{
			SubnetIds: f.place.Subnets, SecurityGroupIds: pulumi.StringArray{f.place.Group},
		}
	}
	m.Function, err = lambda.NewFunction(l.Context, l.Part(f.parts()...), args, l.With()...)
	return m, err
}

// joinNetwork lets Lambda connect a function to a network. The actions know no resource; the function's own code is
// kept from using them.
func (l *layer) joinNetwork(functionARN string) []Statement {
	actions := []string{
		"ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
		"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
	}
	return []Statement{
		{Sid: "JoinNetwork", Actions: actions, Resources: here("*")},
		{
			Sid: "NotFromTheCodeItself", Effect: Deny, Actions: actions, Resources: here("*"),
			Conditions: Conditions{"ArnEquals": {"lambda:SourceFunctionArn": {functionARN}}},
		},
	}
}
