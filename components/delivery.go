package components

import (
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// DeliveryArgs describe which CI system may deploy the stack, without any stored key.
type DeliveryArgs struct {
	// Repository that may deploy, as owner/name on GitHub. Required.
	Repository string `pulumi:"repository"`
	// Branch that may deploy. Default main.
	Branch string `pulumi:"branch"`
	// Preview lets pull requests of the repository preview with a role that can only read. Default on.
	Preview *bool `pulumi:"preview"`
}

var (
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$`)
	branchName     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,100}$`)
)

func (a *DeliveryArgs) setDefaults(Scope) {
	setDefault(&a.Branch, "main")
	setDefaultPtr(&a.Preview, true)
}

func (a *DeliveryArgs) validate(c *checker) {
	if !repositoryName.MatchString(a.Repository) {
		c.fail(ErrName, "repository", a.Repository, "owner/name; a pattern would let strangers deploy")
	}
	if !branchName.MatchString(a.Branch) {
		c.fail(ErrName, "branch", a.Branch, "the name of one branch")
	}
}

// DeliveryOutputs are what the CI system is told.
type DeliveryOutputs struct {
	// DeployRoleID is the role that the branch takes to deploy.
	DeployRoleID pulumi.StringOutput `pulumi:"deployRoleId"`
	// PreviewRoleID is the role that pull requests take to preview; "" where there is none.
	PreviewRoleID pulumi.StringOutput `pulumi:"previewRoleId,optional"`
}

// Delivery lets a CI system deploy.
type Delivery struct {
	pulumi.ResourceState
	DeliveryOutputs
}

// NewDelivery declares the roles of a CI system. Errors: ErrName, ErrUnsupported.
func NewDelivery(
	ctx *pulumi.Context, name string, target Target, args *DeliveryArgs, opts ...pulumi.ResourceOption,
) (*Delivery, error) {
	d := &Delivery{}
	c := construction{ctx, DeliveryLayer, name, target, d, opts}
	if err := construct(c, args, target.Delivery, &d.DeliveryOutputs); err != nil {
		return nil, err
	}
	return d, nil
}
