package local

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The typed front of the provider's resources; docs/local.md says what each of them does.

const tokenPrefix = "mlpathway:local:"

type directory struct {
	pulumi.CustomResourceState
}

type directoryArgs struct {
	Path          string
	Purge, Retain bool
}

func newDirectory(
	ctx *pulumi.Context, name string, args directoryArgs, opts ...pulumi.ResourceOption,
) (*directory, error) {
	var d directory
	return &d, ctx.RegisterResource(tokenPrefix+"Directory", name, pulumi.Map{
		"path": pulumi.String(args.Path), "purge": pulumi.Bool(args.Purge), "retain": pulumi.Bool(args.Retain),
	}, &d, opts...)
}

type file struct {
	pulumi.CustomResourceState
}

type fileArgs struct {
	Path            string
	Source, Content string
	SHA256          string
}

func newFile(ctx *pulumi.Context, name string, args fileArgs, opts ...pulumi.ResourceOption) (*file, error) {
	inputs := pulumi.Map{"path": pulumi.String(args.Path), "sha256": pulumi.String(args.SHA256)}
	if args.Source != "" {
		inputs["source"] = pulumi.String(args.Source)
	} else {
		inputs["content"] = pulumi.String(args.Content)
	}
	var f file
	return &f, ctx.RegisterResource(tokenPrefix+"File", name, inputs, &f, opts...)
}

type port struct {
	pulumi.CustomResourceState
	Port pulumi.IntOutput `pulumi:"port"`
}

func newPort(
	ctx *pulumi.Context, name, listener string, preferred int, opts ...pulumi.ResourceOption,
) (*port, error) {
	var p port
	return &p, ctx.RegisterResource(tokenPrefix+"Port", name, pulumi.Map{
		"name": pulumi.String(listener), "preferred": pulumi.Int(preferred),
	}, &p, opts...)
}

type token struct {
	pulumi.CustomResourceState
	Token pulumi.StringOutput `pulumi:"token"`
}

func newToken(ctx *pulumi.Context, name, path string, opts ...pulumi.ResourceOption) (*token, error) {
	var t token
	opts = append(append([]pulumi.ResourceOption{}, opts...), pulumi.AdditionalSecretOutputs([]string{"token"}))
	return &t, ctx.RegisterResource(tokenPrefix+"Token", name, pulumi.Map{"path": pulumi.String(path)}, &t, opts...)
}

type process struct {
	pulumi.CustomResourceState
	Digest   pulumi.StringOutput `pulumi:"digest"`
	StartURL pulumi.StringOutput `pulumi:"startUrl"`
}

type processArgs struct {
	Command     []string
	Steps       pulumi.ArrayInput // of maps with name and command, instead of Command
	RunID       []string          // prints the id of a run of Steps
	Environment pulumi.StringMapInput
	Version     pulumi.StringInput
	Schedule    string
	Trigger     bool
	Restart     string
	ReadyURL    pulumi.StringInput
	StopSeconds int
}

func newProcess(
	ctx *pulumi.Context, name, directory string, args processArgs, opts ...pulumi.ResourceOption,
) (*process, error) {
	inputs := pulumi.Map{
		"name": pulumi.String(name), "directory": pulumi.String(directory), "environment": args.Environment,
		"version": args.Version, "schedule": pulumi.String(args.Schedule),
		"trigger": pulumi.Bool(args.Trigger), "restart": pulumi.String(args.Restart),
		"stopTimeoutSeconds": pulumi.Int(args.StopSeconds),
	}
	if args.ReadyURL != nil {
		inputs["readyUrl"] = args.ReadyURL
	}
	if args.Steps != nil {
		inputs["steps"], inputs["runIdCommand"] = args.Steps, pulumi.ToStringArray(args.RunID)
	} else {
		inputs["command"] = pulumi.ToStringArray(args.Command)
	}
	var p process
	return &p, ctx.RegisterResource(tokenPrefix+"Process", name, inputs, &p, opts...)
}

type supervisor struct {
	pulumi.CustomResourceState
	Socket pulumi.StringOutput `pulumi:"socket"`
}

type supervisorArgs struct {
	Directory, Binary string
	Processes         pulumi.StringMap
}

func newSupervisor(
	ctx *pulumi.Context, name string, args supervisorArgs, opts ...pulumi.ResourceOption,
) (*supervisor, error) {
	var s supervisor
	return &s, ctx.RegisterResource(tokenPrefix+"Supervisor", name, pulumi.Map{
		"directory": pulumi.String(args.Directory), "binary": pulumi.String(args.Binary), "processes": args.Processes,
	}, &s, opts...)
}

type ready struct {
	pulumi.CustomResourceState
}

// readiness describes an endpoint whose first model the stack waits for.
type readiness struct {
	Process        string
	Pipeline       string
	URL, LogsURI   pulumi.StringInput
	Socket         pulumi.StringInput
	Digest         pulumi.StringInput // of the process: what has changed is waited for again
	TimeoutSeconds int
}

func newReady(ctx *pulumi.Context, name string, args readiness, opts ...pulumi.ResourceOption) (*ready, error) {
	var r ready
	return &r, ctx.RegisterResource(tokenPrefix+"Ready", name, pulumi.Map{
		"url": args.URL, "socket": args.Socket, "process": pulumi.String(args.Process), "logsUri": args.LogsURI,
		"pipeline": pulumi.String(args.Pipeline), "timeoutSeconds": pulumi.Int(args.TimeoutSeconds),
		"triggers": pulumi.StringMap{"process": args.Digest},
	}, &r, opts...)
}
