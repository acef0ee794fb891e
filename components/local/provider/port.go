package provider

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"

	"github.com/pulumi/pulumi-go-provider/infer"
	gopsnet "github.com/shirou/gopsutil/v4/net"
	gopsprocess "github.com/shirou/gopsutil/v4/process"
)

// Free ports are taken from below the range that the kernel hands to outgoing connections, because such a connection
// could hold the port in the moment in which its endpoint restarts.
const (
	firstFreePort = 20000
	lastFreePort  = 32767
)

// Port is a TCP port on 127.0.0.1 that the stack keeps for one of its services.
type Port struct{ ports *portBook }

// PortArgs are the inputs of a Port.
type PortArgs struct {
	Name      string `pulumi:"name"`
	Preferred int    `pulumi:"preferred,optional"`
}

// PortState is a Port that has been chosen.
type PortState struct {
	PortArgs
	Port int `pulumi:"port"`
}

// Annotate describes the resource in the schema.
func (port *Port) Annotate(a infer.Annotator) {
	a.Describe(&port, "A TCP port on 127.0.0.1, chosen once and kept in the state.")
}

// Annotate describes the inputs in the schema.
func (args *PortArgs) Annotate(a infer.Annotator) {
	a.Describe(&args.Name, "What the port is for, for messages.")
	a.Describe(&args.Preferred, "The wanted port; 0 for any free one.")
}

// Annotate describes the outputs in the schema.
func (s *PortState) Annotate(a infer.Annotator) {
	a.Describe(&s.Port, "The chosen port.")
}

// Check wants a port that a user may listen on.
func (*Port) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[PortArgs], error) {
	args, failures, err := infer.DefaultCheck[PortArgs](ctx, req.NewInputs)
	c := checker{inputs: req.NewInputs, failures: failures}
	if err == nil && len(failures) == 0 {
		c.want(args.Name != "", "name", "want a name for the port, such as endpoint")
		c.want(args.Preferred == 0 || (args.Preferred >= 1024 && args.Preferred <= 65535), "preferred",
			"found %d, want 0 for any free port or a port from 1024 to 65535", args.Preferred)
	}
	return infer.CheckResponse[PortArgs]{Inputs: args, Failures: c.failures}, err
}

// Diff needs another port only where a certain one is wanted and it is not the present one.
func (*Port) Diff(_ context.Context, req infer.DiffRequest[PortArgs, PortState]) (infer.DiffResponse, error) {
	var d differ
	d.replace("preferred", req.Inputs.Preferred != 0 && req.Inputs.Preferred != req.State.Port)
	return d.response(), nil
}

// Create chooses the port.
func (port *Port) Create(
	ctx context.Context, req infer.CreateRequest[PortArgs],
) (infer.CreateResponse[PortState], error) {
	response := infer.CreateResponse[PortState]{Output: PortState{PortArgs: req.Inputs}}
	if req.DryRun {
		return response, nil
	}
	chosen, err := port.ports.choose(ctx, req.Inputs.Preferred)
	if err != nil {
		return infer.CreateResponse[PortState]{}, fmt.Errorf("choosing the port of %s: %w", req.Inputs.Name, err)
	}
	response.ID = req.Inputs.Name + ":" + strconv.Itoa(chosen)
	response.Output.Port = chosen
	return response, nil
}

// portBook remembers the ports that were handed out, because nobody listens on them yet.
type portBook struct {
	mutex sync.Mutex
	taken map[int]bool
}

func newPortBook() *portBook { return &portBook{taken: map[int]bool{}} }

// choose gives the preferred port, or any free one for 0, and never the same port twice.
func (b *portBook) choose(ctx context.Context, preferred int) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if preferred != 0 {
		if b.taken[preferred] {
			return 0, fmt.Errorf("port %d is wanted by two services of this stack: "+
				"choose another `port` for one of them, or 0 for any free one", preferred)
		}
		if err := free(ctx, preferred); err != nil {
			return 0, fmt.Errorf("port %d on 127.0.0.1 is taken%s: stop that program, choose another `port`, "+
				"or 0 for any free one: %w", preferred, holder(ctx, preferred), err)
		}
		b.taken[preferred] = true
		return preferred, nil
	}
	const count = lastFreePort - firstFreePort + 1
	start := rand.IntN(count) // so that stacks that start at the same time do not try the same ports
	for i := range count {
		candidate := firstFreePort + (start+i)%count
		if !b.taken[candidate] && free(ctx, candidate) == nil {
			b.taken[candidate] = true
			return candidate, nil
		}
	}
	return 0, fmt.Errorf("no port from %d to %d is free on 127.0.0.1: choose a `port` yourself",
		firstFreePort, lastFreePort)
}

// free tells by listening whether a port can be had on 127.0.0.1.
func free(ctx context.Context, port int) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return listener.Close()
}

// holder names the program that listens on a port, where this user may see it.
func holder(ctx context.Context, port int) string {
	connections, err := gopsnet.ConnectionsWithContext(ctx, "tcp")
	if err != nil {
		return ""
	}
	for _, c := range connections {
		if c.Status != "LISTEN" || int(c.Laddr.Port) != port || c.Pid == 0 {
			continue
		}
		name := "a program"
		if process, err := gopsprocess.NewProcessWithContext(ctx, c.Pid); err == nil {
			if known, err := process.NameWithContext(ctx); err == nil {
				name = known
			}
		}
		return fmt.Sprintf(" by %s (process %d)", name, c.Pid)
	}
	return ""
}
