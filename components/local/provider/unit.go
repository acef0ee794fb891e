package provider

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// unit is the definition of a process on disk: <directory>/units/<name>.yaml.
type unit struct {
	Name               string            `yaml:"name"`
	Command            []string          `yaml:"command,omitempty"`
	Steps              []Step            `yaml:"steps,omitempty"`
	Environment        map[string]string `yaml:"environment,omitempty"`
	Version            string            `yaml:"version,omitempty"`
	Schedule           string            `yaml:"schedule,omitempty"`
	Trigger            bool              `yaml:"trigger,omitempty"`
	Restart            string            `yaml:"restart"`
	ReadyURL           string            `yaml:"readyUrl,omitempty"`
	StopTimeoutSeconds int               `yaml:"stopTimeoutSeconds"`
	RunIDCommand       []string          `yaml:"runIdCommand,omitempty"`

	digest string // SHA-256 of the file
}

// errUnitMissing means that a process of a supervisor has no definition on disk.
var errUnitMissing = errors.New("the definition is missing")

func unitPath(directory, name string) string { return filepath.Join(directory, "units", name+".yaml") }

func logPath(directory, name string) string { return filepath.Join(directory, "logs", name+".log") }

func unitOf(args *ProcessArgs) *unit {
	return &unit{
		Name: args.Name, Command: args.Command, Steps: args.Steps, Environment: args.Environment,
		Version: args.Version, Schedule: args.Schedule, Trigger: args.Trigger, Restart: args.Restart,
		ReadyURL: args.ReadyURL, StopTimeoutSeconds: args.StopTimeoutSeconds, RunIDCommand: args.RunIDCommand,
	}
}

// marshal gives the bytes of the definition and their digest. Equal definitions have equal bytes.
func (u *unit) marshal() (data []byte, digest string, err error) {
	data, err = yaml.Marshal(u)
	if err != nil {
		return nil, "", fmt.Errorf("writing the definition: %w", err)
	}
	return data, sum(data), nil
}

// loadUnits reads the definitions of the processes of a supervisor and compares them with the wanted digests.
func loadUnits(directory string, digests map[string]string) (map[string]*unit, error) {
	units := make(map[string]*unit, len(digests))
	for name, digest := range digests {
		u, err := loadUnit(directory, name)
		if err != nil {
			return nil, err
		}
		if u.digest != digest {
			return nil, fmt.Errorf("the definition %s was changed (its digest is %s, want %s): "+
				"run `pulumi refresh` and then `pulumi up`", unitPath(directory, name), u.digest, digest)
		}
		units[name] = u
	}
	return units, nil
}

func loadUnit(directory, name string) (*unit, error) {
	path := unitPath(directory, name)
	data, err := os.ReadFile(path)
	if err != nil {
		if isMissing(err) {
			return nil, fmt.Errorf("%s: %w: run `pulumi refresh` and then `pulumi up`", path, errUnitMissing)
		}
		return nil, fmt.Errorf("reading %s: %w", path, advise(err))
	}
	u := &unit{digest: sum(data)}
	if err := yaml.Unmarshal(data, u); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return u, nil
}

// onDemand tells whether the process is started by its schedule or a request and not with the supervisor.
func (u *unit) onDemand() bool { return u.Schedule != "" || u.Trigger }

// changedFields says which inputs of a process differ, by their property names.
func changedFields(old, wanted *ProcessArgs) map[string]bool {
	changed := map[string]bool{}
	a, b := reflect.ValueOf(*old), reflect.ValueOf(*wanted)
	for i := range a.NumField() {
		field := a.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("pulumi"), ",")
		empty := a.Field(i).IsZero() && b.Field(i).IsZero()
		if !empty && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			changed[name] = true
		}
	}
	return changed
}
