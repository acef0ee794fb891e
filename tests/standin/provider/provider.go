// Package provider is the stand-in for a cloud provider: it takes the calls of the engine as the real one would, checks
// them against the sources of the provider's SDK, and keeps what is made in a directory.
package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	p "github.com/pulumi/pulumi-go-provider"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/mlpathway/mlpathway/tests/standin/cloud"
	"github.com/mlpathway/mlpathway/tests/standin/schema"
)

// standin answers under the name of one provider.
type standin struct {
	name, version string
	cloud         *cloud.Cloud
	sdks          *schema.SDKs
	// busy is held by every call; who dies waits for the others, so that only its own call is lost.
	busy sync.RWMutex
}

// New makes a provider of a name and version over a cloud.
func New(name, version string, c *cloud.Cloud) (p.Provider, error) {
	settings, err := c.Settings()
	if err != nil {
		return p.Provider{}, err
	}
	s := &standin{name: name, version: version, cloud: c, sdks: schema.New(settings.Modules, settings.Cache)}
	return p.Provider{
		Configure:   s.configure,
		CheckConfig: s.checkConfig,
		DiffConfig:  s.diffConfig,
		Check:       s.check,
		Diff:        s.diff,
		Create:      s.create,
		Read:        s.read,
		Update:      s.update,
		Delete:      s.delete,
		Invoke:      s.invoke,
		Cancel:      func(context.Context) error { return nil },
	}, nil
}

func (s *standin) configure(ctx context.Context, _ p.ConfigureRequest) error {
	p.GetLogger(ctx).Debugf("this is mlpathway's stand-in for the provider %s %s: no cloud is behind it",
		s.name, s.version)
	return nil
}

func (s *standin) checkConfig(_ context.Context, r p.CheckRequest) (p.CheckResponse, error) {
	return p.CheckResponse{Inputs: r.Inputs}, nil
}

// diffConfig lets every change of a provider's configuration pass without replacing what it made.
func (s *standin) diffConfig(_ context.Context, r p.DiffRequest) (p.DiffResponse, error) {
	return p.DiffResponse{HasChanges: !r.OldInputs.Equals(r.Inputs)}, nil
}

// record runs one call: notes it, lets what is to go wrong go wrong, and notes the end.
func (s *standin) record(call cloud.Call, work func(*cloud.Call) error) error {
	s.busy.RLock()
	defer s.busy.RUnlock()
	call.Provider = s.name
	fault, err := s.cloud.Begin(&call)
	if err != nil {
		return err
	}
	if fault == nil {
		fault = &cloud.Fault{}
	}
	switch fault.Kind {
	case cloud.Fail:
		err = fmt.Errorf("%s %s: the stand-in was told to fail here (fault %d)", call.Operation, call.URN, fault.At)
		return errors.Join(err, s.cloud.End(&call, err))
	case cloud.Die:
		s.busy.RUnlock()
		s.busy.Lock()
		time.Sleep(100 * time.Millisecond) // for the answers to the others to arrive
		os.Exit(3)
	case cloud.Hang:
		select {}
	case cloud.Slow:
		time.Sleep(fault.Delay)
	case cloud.Keep:
		return s.cloud.End(&call, nil)
	case cloud.HangAfter, cloud.Partial:
	}
	err = work(&call)
	if fault.Kind == cloud.HangAfter {
		select {}
	}
	if fault.Kind == cloud.Partial && err == nil {
		err = errPartial
	}
	call.CPU = cpu()
	return errors.Join(err, s.cloud.End(&call, err))
}

// errPartial says that the work was done but is to look as if it did not come to its end.
var errPartial = errors.New("the stand-in was told not to become ready here")

func partial(err error) *p.InitializationFailed {
	if errors.Is(err, errPartial) {
		return &p.InitializationFailed{Reasons: []string{errPartial.Error()}}
	}
	return nil
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func (s *standin) create(_ context.Context, r p.CreateRequest) (resp p.CreateResponse, err error) {
	typ := string(r.Urn.Type())
	call := cloud.Call{Operation: cloud.Make, URN: string(r.Urn), Type: typ, Preview: r.DryRun}
	err = s.record(call, func(call *cloud.Call) error {
		definition, err := s.definition(typ)
		if err != nil {
			return err
		}
		generation, err := s.cloud.Generation(string(r.Urn))
		if err != nil {
			return err
		}
		made := invention{definition: definition, urn: r.Urn, inputs: plain(r.Properties), generation: generation}
		if r.DryRun {
			resp.Properties = made.preview(r.Properties)
			return nil
		}
		resp.ID = made.id()
		call.ID = resp.ID
		resp.Properties = made.outputs(r.Properties, resp.ID)
		stored, err := s.resource(r.Urn, resp.ID, r.Properties, resp.Properties)
		if err != nil {
			return err
		}
		stored.Generation = generation
		return s.cloud.Put(stored)
	})
	resp.PartialState = partial(err)
	return resp, err
}

func (s *standin) read(_ context.Context, r p.ReadRequest) (resp p.ReadResponse, err error) {
	typ := string(r.Urn.Type())
	call := cloud.Call{Operation: cloud.Read, URN: string(r.Urn), Type: typ, ID: r.ID}
	err = s.record(call, func(*cloud.Call) error {
		stored, err := s.cloud.Get(typ, r.ID)
		if errors.Is(err, cloud.ErrGone) {
			return nil // an empty id says that it is gone
		}
		if err != nil {
			return err
		}
		resp.ID = r.ID
		if resp.Inputs, err = decode(stored.Inputs); err != nil {
			return err
		}
		resp.Properties, err = decode(stored.Outputs)
		return err
	})
	return resp, err
}

func (s *standin) update(_ context.Context, r p.UpdateRequest) (resp p.UpdateResponse, err error) {
	typ := string(r.Urn.Type())
	call := cloud.Call{Operation: cloud.Update, URN: string(r.Urn), Type: typ, ID: r.ID, Preview: r.DryRun}
	err = s.record(call, func(*cloud.Call) error {
		definition, err := s.definition(typ)
		if err != nil {
			return err
		}
		made := invention{definition: definition, urn: r.Urn, inputs: plain(r.Inputs), old: r.State}
		if r.DryRun {
			resp.Properties = made.preview(r.Inputs)
			return nil
		}
		old, err := s.cloud.Get(typ, r.ID)
		if err != nil {
			return err
		}
		made.generation = old.Generation
		resp.Properties = made.outputs(r.Inputs, r.ID)
		stored, err := s.resource(r.Urn, r.ID, r.Inputs, resp.Properties)
		if err != nil {
			return err
		}
		stored.Generation = old.Generation
		return s.cloud.Change(stored)
	})
	resp.PartialState = partial(err)
	return resp, err
}

// delete deletes. What is gone already is as good as deleted, as it is to the real providers.
func (s *standin) delete(_ context.Context, r p.DeleteRequest) error {
	typ := string(r.Urn.Type())
	call := cloud.Call{Operation: cloud.Delete, URN: string(r.Urn), Type: typ, ID: r.ID}
	err := s.record(call, func(*cloud.Call) error {
		if err := s.cloud.Remove(typ, r.ID); err != nil && !errors.Is(err, cloud.ErrGone) {
			return err
		}
		return nil
	})
	return err
}

// resource is what the cloud keeps of a resource.
func (s *standin) resource(urn resource.URN, id string, inputs, outputs property.Map) (*cloud.Resource, error) {
	in, err := encode(inputs)
	if err != nil {
		return nil, err
	}
	out, err := encode(outputs)
	if err != nil {
		return nil, err
	}
	references := references(inputs)
	// What has the address of another resource, such as the policy of a topic, is not what others mean by it.
	own := slices.DeleteFunc(names(id, outputs), func(name string) bool { return slices.Contains(references, name) })
	return &cloud.Resource{
		Provider: s.name, Type: string(urn.Type()), ID: id, URN: string(urn), Inputs: in, Outputs: out,
		Names: own, References: references,
	}, nil
}

// definition is what is known of a type; nil where nothing is.
func (s *standin) definition(typ string) (*schema.Definition, error) {
	d, err := s.sdks.Resource(typ)
	if errors.Is(err, schema.ErrNotChecked) {
		return nil, nil // nothing is known, and that is no error
	}
	return d, err
}
