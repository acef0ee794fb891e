package cloud

import (
	"errors"
	"io/fs"
	"strings"
	"time"
)

// Kind is what goes wrong.
type Kind string

// What can go wrong.
const (
	// Fail answers with an error; nothing has happened.
	Fail Kind = "fail"
	// Partial makes or changes the resource and then says that it did not become ready.
	Partial Kind = "partial"
	// Slow waits for Delay and then does what was asked.
	Slow Kind = "slow"
	// Hang never answers; nothing has happened.
	Hang Kind = "hang"
	// HangAfter does what was asked and never says so.
	HangAfter Kind = "hang-after"
	// Keep answers that all went well; nothing has happened.
	Keep Kind = "keep"
	// Die ends the process of the provider; nothing has happened.
	Die Kind = "die"
)

// Fault is to happen once, to one call.
type Fault struct {
	Kind Kind `json:"kind"`
	// At counts the calls that the fault may happen to, from 1: creates, updates and deletes, as far as Operation and
	// URN do not narrow it. Previews do not count.
	At int `json:"at"`
	// Operation narrows to one operation, which may be any.
	Operation Operation `json:"operation,omitempty"`
	// URN narrows to the resources whose URN contains it.
	URN string `json:"urn,omitempty"`
	// Delay of a slow call.
	Delay time.Duration `json:"delay,omitempty"`
	// Seen counts the calls that were met so far.
	Seen int `json:"seen"`
}

// SetFaults says what is to go wrong from now on, and forgets what was to.
func (c *Cloud) SetFaults(faults ...Fault) error {
	return c.locked(func() error { return c.write("faults.json", faults) })
}

// Pending are the faults that have not happened yet.
func (c *Cloud) Pending() ([]Fault, error) {
	var all, pending []Fault
	if err := c.read("faults.json", &all); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range all {
		if f.Seen < f.At {
			pending = append(pending, f)
		}
	}
	return pending, nil
}

func (f *Fault) concerns(call *Call) bool {
	if f.Operation == "" && !call.Operation.changes() || f.Operation != "" && f.Operation != call.Operation {
		return false
	}
	return !call.Preview && strings.Contains(call.URN, f.URN)
}

// due counts a call and gives the fault whose turn it is.
func (c *Cloud) due(call *Call) (*Fault, error) {
	var faults []Fault
	err := c.read("faults.json", &faults)
	if errors.Is(err, fs.ErrNotExist) || len(faults) == 0 {
		return nil, nil // no faults have been set
	}
	if err != nil {
		return nil, err
	}
	var due *Fault
	for i := range faults {
		if faults[i].concerns(call) {
			faults[i].Seen++
			if due == nil && faults[i].Seen == faults[i].At {
				due = &faults[i]
			}
		}
	}
	return due, c.write("faults.json", faults)
}
