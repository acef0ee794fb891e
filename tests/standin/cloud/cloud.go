// Package cloud is the cloud of the stand-in: one directory on disk with the resources that exist, every call that was
// made, and the faults that are to happen. Any number of processes may use one directory at the same time.
package cloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/mlpathway/mlpathway/tests/standin/schema"
)

// Variable names the directory of the cloud in the environment of the stand-in.
const Variable = "MLPATHWAY_STANDIN"

// Cloud is one account with one provider of everything.
type Cloud struct {
	dir string
}

// Settings are what the stand-in has to know besides.
type Settings struct {
	// Modules are the cloud SDKs to check against.
	Modules []schema.Module `json:"modules"`
	// Cache keeps what was read of them.
	Cache string `json:"cache"`
}

// Open opens the cloud in a directory.
func Open(dir string) *Cloud { return &Cloud{dir: dir} }

// Create makes an empty cloud in a directory.
func Create(dir string, settings Settings) (*Cloud, error) {
	for _, part := range []string{"store", "generations"} {
		if err := os.MkdirAll(filepath.Join(dir, part), 0o700); err != nil {
			return nil, fmt.Errorf("making a cloud: %w", err)
		}
	}
	c := Open(dir)
	return c, c.write("settings.json", settings)
}

// Dir is the directory of the cloud.
func (c *Cloud) Dir() string { return c.dir }

// Settings reads the settings.
func (c *Cloud) Settings() (Settings, error) {
	var s Settings
	return s, c.read("settings.json", &s)
}

func (c *Cloud) path(name string) string { return filepath.Join(c.dir, name) }

func (c *Cloud) read(name string, value any) error {
	data, err := os.ReadFile(c.path(name))
	if err != nil {
		return fmt.Errorf("reading the cloud: %w", err)
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("reading the cloud: %s: %w", c.path(name), err)
	}
	return nil
}

// write replaces a file at once: whoever is killed leaves the old one or the new one.
func (c *Cloud) write(name string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing the cloud: %s: %w", name, err)
	}
	temporary := c.path(name) + ".new"
	if err := errors.Join(os.WriteFile(temporary, data, 0o600), os.Rename(temporary, c.path(name))); err != nil {
		return fmt.Errorf("writing the cloud: %w", err)
	}
	return nil
}

// locked runs work while no other process is in the cloud.
func (c *Cloud) locked(work func() error) error {
	f, err := os.OpenFile(c.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking the cloud: %w", err)
	}
	defer func() { _ = f.Close() }() // releases the lock, as the end of the process does
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("locking the cloud: %w", err)
	}
	return work()
}
