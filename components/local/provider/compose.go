package provider

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// runScript runs the steps of one run and ends with their success or failure.
//
//go:embed run.sh
var runScript string

const (
	logMaxMegabytes = 10
	logBackups      = 3
	// stepGraceSeconds is what a run gets on top of its steps' time to stop, for its own supervisor to end.
	stepGraceSeconds = 5
	// probeForever is a number of failures that a readiness probe never reaches. process-compose restarts a process
	// whose probe fails often enough, but an endpoint that waits for its first model is not broken.
	probeForever = 1 << 30
	probeSeconds = 2
	sigterm      = 15
)

// composeFile is a project of process-compose, as far as it is used here.
type composeFile struct {
	Version         string                    `yaml:"version"`
	Strict          bool                      `yaml:"is_strict"`
	OrderedShutdown bool                      `yaml:"ordered_shutdown"`
	Shell           map[string]string         `yaml:"shell"`
	Processes       map[string]composeProcess `yaml:"processes"`
}

type composeProcess struct {
	Entrypoint []string                     `yaml:"entrypoint"`
	WorkingDir string                       `yaml:"working_dir"`
	Env        []string                     `yaml:"environment,omitempty"`
	Log        string                       `yaml:"log_location,omitempty"`
	LogConfig  *composeLog                  `yaml:"log_configuration,omitempty"`
	Disabled   bool                         `yaml:"disabled,omitempty"`
	NoDotEnv   bool                         `yaml:"is_dotenv_disabled"`
	Restart    map[string]any               `yaml:"availability"`
	DependsOn  map[string]map[string]string `yaml:"depends_on,omitempty"`
	Probe      *composeProbe                `yaml:"readiness_probe,omitempty"`
	Shutdown   map[string]int               `yaml:"shutdown"`
	Schedule   map[string]string            `yaml:"schedule,omitempty"`
	Digest     string                       `yaml:"x-digest,omitempty"`
}

type composeLog struct {
	Rotation      map[string]int `yaml:"rotation"`
	FieldsOrder   []string       `yaml:"fields_order"`
	DisableJSON   bool           `yaml:"disable_json"`
	NoColor       bool           `yaml:"no_color"`
	NoMetadata    bool           `yaml:"no_metadata"`
	FlushEachLine bool           `yaml:"flush_each_line"`
}

type composeProbe struct {
	HTTPGet          map[string]any `yaml:"http_get"`
	InitialDelay     int            `yaml:"initial_delay_seconds"`
	PeriodSeconds    int            `yaml:"period_seconds"`
	TimeoutSeconds   int            `yaml:"timeout_seconds"`
	SuccessThreshold int            `yaml:"success_threshold"`
	FailureThreshold int            `yaml:"failure_threshold"`
}

// composer writes the files of process-compose for the units of one supervisor.
type composer struct {
	directory string
	binary    string // process-compose, for the runs of processes with steps
}

func (c *composer) configPath() string { return filepath.Join(c.directory, "process-compose.yaml") }

func (c *composer) runPath(name, suffix string) string {
	return filepath.Join(c.directory, "runs", name+suffix)
}

// write replaces the files on disk by the ones for these units.
func (c *composer) write(units map[string]*unit) error {
	for _, directory := range []string{"runs", "logs", "config"} {
		if err := makeDirectory(filepath.Join(c.directory, directory)); err != nil {
			return err
		}
	}
	main := newComposeFile()
	for name, u := range units {
		process, err := c.process(u)
		if err != nil {
			return fmt.Errorf("the process %s: %w", name, err)
		}
		main.Processes[name] = process
		if len(u.Steps) == 0 {
			continue
		}
		data, err := marshalCompose(c.run(u))
		if err != nil {
			return err
		}
		if err := writeAtomically(c.runPath(name, ".yaml"), data); err != nil {
			return err
		}
	}
	data, err := marshalCompose(main)
	if err != nil {
		return err
	}
	return writeAtomically(c.configPath(), data)
}

func newComposeFile() *composeFile {
	return &composeFile{
		Version: "0.5", Strict: true, OrderedShutdown: true,
		Shell:     map[string]string{"shell_command": "/bin/sh", "shell_argument": "-c"},
		Processes: map[string]composeProcess{},
	}
}

// marshalCompose doubles every dollar sign, because process-compose expands variables in the text of the file.
func marshalCompose(file *composeFile) ([]byte, error) {
	data, err := yaml.Marshal(file)
	if err != nil {
		return nil, fmt.Errorf("writing the configuration of process-compose: %w", err)
	}
	return []byte(strings.ReplaceAll(string(data), "$", "$$")), nil
}

// untemplated keeps process-compose from taking a value as a Go template, as it does with some fields.
func untemplated(value string) string { return strings.ReplaceAll(value, "{{", `{{"{{"}}`) }

func (c *composer) process(u *unit) (composeProcess, error) {
	stopSeconds := u.StopTimeoutSeconds
	entrypoint := u.Command
	if len(u.Steps) > 0 {
		stopSeconds += stepGraceSeconds
		entrypoint = append([]string{
			"/bin/sh", "-c", runScript, u.Name, c.binary, c.runPath(u.Name, ".yaml"), c.runPath(u.Name, "."+lastStep),
			filepath.Join(c.directory, "logs", u.Name+".supervisor.log"),
		}, u.RunIDCommand...)
	}
	process := composeProcess{
		Entrypoint: entrypoint, WorkingDir: untemplated(c.directory), NoDotEnv: true,
		Env: environmentList(u.Environment), Log: untemplated(logPath(c.directory, u.Name)), LogConfig: logConfig(),
		Restart:  map[string]any{"restart": u.Restart, "backoff_seconds": 1},
		Shutdown: map[string]int{"signal": sigterm, "timeout_seconds": stopSeconds},
		// A scheduled process does not start with the project anyway, and disabling it would pause its schedule.
		Disabled: u.Trigger && u.Schedule == "",
		Digest:   u.digest,
	}
	if every, ok := strings.CutPrefix(u.Schedule, everyPrefix); ok {
		process.Schedule = map[string]string{"interval": every}
	} else if u.Schedule != "" {
		process.Schedule = map[string]string{"cron": u.Schedule, "timezone": "UTC"}
	}
	if u.ReadyURL != "" {
		probe, err := readyProbe(u.ReadyURL)
		if err != nil {
			return composeProcess{}, err
		}
		process.Probe = probe
	}
	return process, nil
}

// run is the project of one run: the steps in a chain, and a last one that notes the success. The exit code of
// process-compose does not tell a failure reliably: it is set after the end of the project has been announced.
func (c *composer) run(u *unit) *composeFile {
	file := newComposeFile()
	previous := ""
	add := func(name string, entrypoint []string, restart map[string]any) {
		process := composeProcess{
			Entrypoint: entrypoint, WorkingDir: untemplated(c.directory), NoDotEnv: true, Restart: restart,
			Shutdown: map[string]int{"signal": sigterm, "timeout_seconds": u.StopTimeoutSeconds},
		}
		if previous != "" {
			process.DependsOn = map[string]map[string]string{
				previous: {"condition": "process_completed_successfully"},
			}
		}
		file.Processes[name] = process
		previous = name
	}
	for _, step := range u.Steps {
		add(step.Name, step.Command, map[string]any{"restart": restartNo})
	}
	add(lastStep, []string{"/bin/sh", "-c", `: > "$1"`, lastStep, c.runPath(u.Name, "."+lastStep)},
		map[string]any{"restart": restartNo, "exit_on_end": true, "exit_on_skipped": true})
	return file
}

func environmentList(environment map[string]string) []string {
	list := make([]string, 0, len(environment))
	for name, value := range environment {
		list = append(list, name+"="+untemplated(value))
	}
	sort.Strings(list)
	return list
}

func logConfig() *composeLog {
	return &composeLog{
		Rotation:    map[string]int{"max_size_mb": logMaxMegabytes, "max_backups": logBackups},
		FieldsOrder: []string{"message"}, DisableJSON: true, NoColor: true, NoMetadata: true, FlushEachLine: true,
	}
}

// readyProbe writes every value out, because a default that process-compose filled in on one side only would look like
// a change, and restart the process, when it loads the same file again.
func readyProbe(text string) (*composeProbe, error) {
	u, err := parseReadyURL(text)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return nil, fmt.Errorf("the port of %s: %w", text, err)
	}
	path := u.RequestURI()
	return &composeProbe{
		HTTPGet: map[string]any{
			"host": u.Hostname(), "scheme": u.Scheme, "path": untemplated(path), "port": u.Port(), "num_port": port,
			"status_code": 200,
		},
		PeriodSeconds: probeSeconds, TimeoutSeconds: probeSeconds, SuccessThreshold: 1, FailureThreshold: probeForever,
	}, nil
}
