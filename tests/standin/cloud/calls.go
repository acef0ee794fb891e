package cloud

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Operation is what the engine asks of a provider.
type Operation string

// The operations that are recorded.
const (
	Check  Operation = "check"
	Diff   Operation = "diff"
	Make   Operation = "create"
	Read   Operation = "read"
	Update Operation = "update"
	Delete Operation = "delete"
	Invoke Operation = "invoke"
)

// changes tells whether an operation changes the cloud.
func (o Operation) changes() bool { return o == Make || o == Update || o == Delete }

// Call is one call of a provider.
type Call struct {
	// Number of the call, counted over all providers.
	Number int `json:"number"`
	// Provider is the name that the stand-in answered under.
	Provider string `json:"provider"`
	// Operation that was asked for.
	Operation Operation `json:"operation"`
	// URN of the resource, or the token of the function.
	URN string `json:"urn"`
	// Type token of the resource or the function.
	Type string `json:"type"`
	// ID of the resource, once there is one.
	ID string `json:"id,omitempty"`
	// Preview tells that nothing was to be changed.
	Preview bool `json:"preview,omitempty"`
	// Unchecked tells that no SDK knows the type, so that its properties could not be checked.
	Unchecked bool `json:"unchecked,omitempty"`
	// Started and Ended are when the call came and when it was answered; Ended is zero where it never was.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// Error that was answered.
	Error string `json:"error,omitempty"`
	// CPU is what the process of the stand-in had used by the end of the call.
	CPU time.Duration `json:"cpu,omitempty"`
	// Process that answered.
	Process int `json:"process"`
}

// Begin records that a call has come, and says which fault is to happen to it, if any.
func (c *Cloud) Begin(call *Call) (*Fault, error) {
	call.Started, call.Process = time.Now(), os.Getpid()
	var fault *Fault
	err := c.locked(func() (err error) {
		var n int
		if err := c.read("number.json", &n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		call.Number = n + 1
		if err := c.write("number.json", call.Number); err != nil {
			return err
		}
		if fault, err = c.due(call); err != nil {
			return err
		}
		return c.record(call)
	})
	return fault, err
}

// End records how a call ended.
func (c *Cloud) End(call *Call, err error) error {
	call.Ended = time.Now()
	if err != nil {
		call.Error = err.Error()
	}
	return c.locked(func() error { return c.record(call) })
}

// record appends what is known of a call.
func (c *Cloud) record(call *Call) error {
	line, err := json.Marshal(call)
	if err != nil {
		return fmt.Errorf("recording a call: %w", err)
	}
	f, err := os.OpenFile(c.path("calls.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("recording a call: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// Calls are the calls after a number, in their order.
func (c *Cloud) Calls(after int) ([]Call, error) {
	data, err := os.ReadFile(c.path("calls.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the calls: %w", err)
	}
	var calls []Call
	at := map[int]int{}
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var call Call
		if err := json.Unmarshal(scanner.Bytes(), &call); err != nil {
			return nil, fmt.Errorf("reading the calls: %w", err)
		}
		if i, ok := at[call.Number]; ok {
			calls[i] = call
			continue
		}
		if call.Number > after {
			at[call.Number] = len(calls)
			calls = append(calls, call)
		}
	}
	return calls, scanner.Err()
}
