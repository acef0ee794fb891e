package components

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Zone is a part of the data lake with a life of its own.
type Zone string

// The zones.
const (
	Raw      Zone = "raw"      // data as it arrived; nothing changes it
	Curated  Zone = "curated"  // typed Parquet, and the rows that were refused
	Features Zone = "features" // feature sets
	Models   Zone = "models"   // the model registry; never expires
	Results  Zone = "results"  // batch predictions and reports
	Logs     Zone = "logs"     // run records, captured requests
)

// Zones lists every zone.
func Zones() []Zone { return []Zone{Raw, Curated, Features, Models, Results, Logs} }

// Access is what a grant allows.
type Access string

// The intents of a grant.
const (
	Read      Access = "read"       // read objects and list them
	Write     Access = "write"      // write objects, never read them
	ReadWrite Access = "read-write" // both, and delete what one wrote
)

// LakeObject is a file that the stack itself puts into the lake.
type LakeObject struct {
	// Zone to put it in.
	Zone Zone `pulumi:"zone"`
	// Key inside the zone.
	Key string `pulumi:"key"`
	// Source is the path of the file on the machine that runs Pulumi.
	Source string `pulumi:"source"`
	// SHA256 is the sum of the file in hexadecimal digits, so that a changed file is seen.
	SHA256 string `pulumi:"sha256"`
}

// DataLakeArgs describe a data lake of six zones.
type DataLakeArgs struct {
	// Versioning keeps overwritten and deleted objects for 30 days, where the platform can. Default off in dev.
	Versioning *bool `pulumi:"versioning"`
	// ExpireDays deletes objects of every zone but models after so many days; 0 never. Default 30 in dev, 90 in stage,
	// never in prod. Targets without lifecycle rules of their own leave it to the workloads.
	ExpireDays *int `pulumi:"expireDays"`
	// ColdAfterDays moves objects to a cheaper class after so many days; 0 never. Default 0 in dev, 30 in stage, 90 in
	// prod.
	ColdAfterDays *int `pulumi:"coldAfterDays"`
	// Retain keeps the data when the stack is destroyed. Default only in prod.
	Retain *bool `pulumi:"retain"`
	// Events announces new objects in raw. Default on.
	Events *bool `pulumi:"events"`
	// Logs says how long records of who read and wrote what are kept.
	Logs Logging `pulumi:"logs" yaml:"-"`
	// Residency is the region where the data must stay. Default that of the scope.
	Residency string `pulumi:"residency"`
	// Key encrypts the zones: that of the data class lake. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
	// Objects are files that the stack puts into the lake, such as a first data set.
	Objects []LakeObject `pulumi:"objects"`
}

func (a *DataLakeArgs) setDefaults(s Scope) {
	preset := PresetFor(s.Environment)
	setDefaultPtr(&a.Versioning, preset.Versioning)
	setDefaultPtr(&a.ExpireDays, preset.ExpireDays)
	setDefaultPtr(&a.ColdAfterDays, preset.ColdAfterDays)
	setDefaultPtr(&a.Retain, preset.Retain)
	setDefaultPtr(&a.Events, true)
	a.Logs = a.Logs.withDefaults(s)
	setDefault(&a.Residency, s.Residency)
}

func (a *DataLakeArgs) validate(c *checker) {
	a.Logs.validate(c)
	inRange(c, "expireDays", *a.ExpireDays, 0, 3650)
	inRange(c, "coldAfterDays", *a.ColdAfterDays, 0, 3650)
	if *a.ExpireDays > 0 && *a.ColdAfterDays >= *a.ExpireDays {
		c.fail(ErrConflict, "coldAfterDays", *a.ColdAfterDays, fmt.Sprintf("less than expireDays, %d", *a.ExpireDays))
	}
	for i, object := range a.Objects {
		arg := fmt.Sprintf("objects[%d]", i)
		oneOf(c, arg+".zone", object.Zone, Zones()...)
		c.required(arg+".source", object.Source != "", "the path of a file")
		c.required(arg+".sha256", object.SHA256 != "", "the sum of the file")
		clean := path.Clean("/" + object.Key)[1:]
		if object.Key == "" || clean != object.Key || strings.HasPrefix(path.Base(clean), ".") {
			c.fail(ErrName, arg+".key", object.Key, "a relative path without empty, hidden or .. elements")
		}
	}
}

// DataLakeOutputs are what the other layers need of a lake.
type DataLakeOutputs struct {
	// URIs are the addresses of the zones: file://, s3://, gs:// or azblob://. An image needs nothing else.
	URIs pulumi.StringMapOutput `pulumi:"uris"`
	// EventSource identifies what announces new objects in raw; "" where events are off.
	EventSource pulumi.StringOutput `pulumi:"eventSource,optional"`
}

// DataLake is a data lake.
type DataLake struct {
	pulumi.ResourceState
	DataLakeOutputs
	target Target
	name   string
	key    pulumi.StringInput
}

// NewDataLake declares a data lake. Errors: ErrRange, ErrConflict, ErrChoice, ErrRequired, ErrName, ErrUnsupported.
func NewDataLake(
	ctx *pulumi.Context, name string, target Target, args *DataLakeArgs, opts ...pulumi.ResourceOption,
) (*DataLake, error) {
	l := &DataLake{target: target, name: name}
	if args != nil {
		l.key = args.Key
	}
	c := construction{ctx, DataLakeLayer, name, target, l, opts}
	if err := construct(c, args, target.DataLake, &l.DataLakeOutputs); err != nil {
		return nil, err
	}
	return l, nil
}

// URI is the address of one zone.
func (l *DataLake) URI(zone Zone) pulumi.StringOutput {
	return l.URIs.MapIndex(pulumi.String(string(zone)))
}

// LakeGrant is what a target needs to know to give access to zones of a lake.
type LakeGrant struct {
	// Lake is the name of the lake's component.
	Lake string
	// URIs of the lake.
	URIs pulumi.StringMapOutput
	// Key encrypts the zones; nil for the platform's own.
	Key pulumi.StringInput
	// Identity gets the access: the Identity output of a workload.
	Identity pulumi.StringInput
	// Access is what it may do.
	Access Access
	// Zones where it may do so.
	Zones []Zone
}

// Grant gives the identity of a workload access to some zones; to all where none is named. name tells grants on the
// same lake apart. Errors: ErrChoice, ErrRequired, ErrName.
func (l *DataLake) Grant(
	ctx *pulumi.Context, name string, identity pulumi.StringInput, access Access, zones ...Zone,
) error {
	if len(zones) == 0 {
		zones = Zones()
	}
	c := &checker{layer: DataLakeLayer, name: l.name}
	c.named("grant", name)
	c.required("identity", identity != nil, "the Identity output of a workload")
	oneOf(c, "access", access, Read, Write, ReadWrite)
	for _, zone := range zones {
		oneOf(c, "zones", zone, Zones()...)
	}
	if err := c.err(); err != nil {
		return err
	}
	grant := &LakeGrant{
		Lake: l.name, URIs: l.URIs, Key: l.key, Identity: identity, Access: access,
		Zones: slices.Compact(slices.Sorted(slices.Values(zones))),
	}
	if err := l.target.GrantLake(ctx, l.name+"-"+name, grant, pulumi.Parent(l)); err != nil {
		return fmt.Errorf("granting %s on the lake %q to %q: %w", access, l.name, name, err)
	}
	return nil
}
