package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// WorkbenchArgs describe a notebook for data scientists.
type WorkbenchArgs struct {
	// Users that get a profile, 2 to 40 lower-case letters, digits and hyphens each; at least one.
	Users []string `pulumi:"users"`
	// Machine of a notebook. Default 2 CPUs and 4 GiB.
	Machine Machine `pulumi:"machine"`
	// IdleMinutes shuts an idle notebook down, 10 to 1440. Default 60.
	IdleMinutes int `pulumi:"idleMinutes"`
	// Private keeps the notebook off the internet. Default on.
	Private *bool `pulumi:"private"`
	// Network places the notebooks: the Placement of a Network. Default none.
	Network *Placement `pulumi:"network" yaml:"-"`
	// Key encrypts the notebooks' disks: that of the data class lake. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
}

func (a *WorkbenchArgs) setDefaults(Scope) {
	setDefault(&a.Machine.CPUs, 2)
	setDefault(&a.Machine.MemoryMiB, 4096)
	a.Machine = a.Machine.withDefaults()
	setDefault(&a.IdleMinutes, 60)
	setDefaultPtr(&a.Private, true)
}

func (a *WorkbenchArgs) validate(c *checker) {
	c.required("users", len(a.Users) > 0, "at least one user")
	for i, user := range a.Users {
		c.named(fmt.Sprintf("users[%d]", i), user)
	}
	a.Machine.validate(c, "machine")
	inRange(c, "idleMinutes", a.IdleMinutes, 10, 1440)
}

// WorkbenchOutputs are what users need of a workbench.
type WorkbenchOutputs struct {
	// URL to open.
	URL pulumi.StringOutput `pulumi:"url"`
	// Identity is the principal of the notebooks.
	Identity pulumi.StringOutput `pulumi:"identity"`
}

// Workbench is a place for notebooks.
type Workbench struct {
	pulumi.ResourceState
	WorkbenchOutputs
}

// NewWorkbench declares a workbench. Errors: ErrRequired, ErrName, ErrRange, ErrChoice, ErrUnsupported.
func NewWorkbench(
	ctx *pulumi.Context, name string, target Target, args *WorkbenchArgs, opts ...pulumi.ResourceOption,
) (*Workbench, error) {
	w := &Workbench{}
	c := construction{ctx, WorkbenchLayer, name, target, w, opts}
	if err := construct(c, args, target.Workbench, &w.WorkbenchOutputs); err != nil {
		return nil, err
	}
	return w, nil
}
