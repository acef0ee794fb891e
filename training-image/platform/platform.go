// Package platform finds out from environment variables and files where a training runs: which of several ranks it is,
// where the others are, which directories the platform mounted, and what it wants to be told.
package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
)

// Name is a platform that runs training jobs.
type Name string

// The platforms.
const (
	SageMaker  Name = "sagemaker"
	Vertex     Name = "vertex"
	AzureML    Name = "azureml"
	Kubernetes Name = "kubernetes"
	Plain      Name = "plain" // a process that somebody started
)

// DefaultPort is where rank 0 waits for the others unless the platform says another one.
const DefaultPort = 29500

// Place is where a training runs.
type Place struct {
	// Name of the platform.
	Name Name
	// Rank of this process, from 0, and World, the number of processes.
	Rank, World int
	// Coordinator is host:port of rank 0, where the others come to; empty in a world of one.
	Coordinator string
	// Job is the platform's name of the job; empty where it gives none.
	Job string
	// Checkpoints is a URI or an absolute directory for checkpoints that outlives the machine; empty for none.
	Checkpoints string
	// Model is a URI or an absolute directory whose content the platform keeps as the model; empty for none.
	Model string
	// Output is a directory whose content the platform keeps besides; empty for none.
	Output string
	// FailureFile takes the reason of a failure; empty for none.
	FailureFile string
	// Inputs are the data that the platform brought, by name: a directory or a URI.
	Inputs map[string]string
	// Outputs are places that the platform keeps besides, by name.
	Outputs map[string]string
	// Parameters are the hyperparameters that the platform gives, by the names in pipeline.yaml.
	Parameters map[string]string
	// Trial identifies a trial of the platform's own search; empty outside one.
	Trial string
	// MetricFile takes the metric of a trial, one JSON object a line; empty for none.
	MetricFile string
	// Tracking is MLflow's server and run; empty where there is none.
	Tracking Tracking
}

// Tracking is where MLflow's clients report to: the server, the run and the experiment by name or id, each empty where
// nobody says it, and what they show to be let in.
type Tracking struct{ URI, Run, Experiment, ExperimentID, Token, User, Password string }

// environment looks into variables and files. The first trouble is kept.
type environment struct {
	getenv func(string) string
	list   func() []string
	files  fs.FS
	err    error
}

// Detect reads the environment and files of a process. files is the file system from its root on. It is pure: the same
// variables and files give the same place.
func Detect(environ []string, files fs.FS) (Place, error) {
	values := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	e := &environment{getenv: func(name string) string { return values[name] }, files: files,
		list: func() []string {
			var names []string
			for name := range maps.Keys(values) {
				names = append(names, name)
			}
			return names
		}}
	p := e.detect()
	p.Tracking = e.tracking(p.Tracking.Run)
	if e.err != nil {
		return Place{}, fmt.Errorf("reading what the platform says: %w", e.err)
	}
	return p, p.check()
}

// Here is Detect for this process.
func Here() (Place, error) { return Detect(os.Environ(), os.DirFS("/")) }

func (e *environment) detect() Place {
	switch {
	case e.exists(sageMakerResources) || e.getenv("SM_HOSTS") != "":
		return e.sageMaker()
	case e.getenv("CLUSTER_SPEC") != "" || e.getenv("AIP_MODEL_DIR") != "" || e.getenv("CLOUD_ML_JOB_ID") != "":
		return e.vertex()
	case e.getenv("AZUREML_RUN_ID") != "":
		return e.azureML()
	case e.getenv("KUBERNETES_SERVICE_HOST") != "" || e.getenv("JOB_COMPLETION_INDEX") != "":
		p := Place{Name: Kubernetes}
		e.ranks(&p)
		return p
	}
	p := Place{Name: Plain}
	e.ranks(&p)
	return p
}

// tracking reads the variables of MLflow's clients; run is the platform's own run, where it has one.
func (e *environment) tracking(run string) Tracking {
	return Tracking{URI: e.getenv("MLFLOW_TRACKING_URI"), Run: or(e.getenv("MLFLOW_RUN_ID"), run),
		Experiment: e.getenv("MLFLOW_EXPERIMENT_NAME"), ExperimentID: e.getenv("MLFLOW_EXPERIMENT_ID"),
		Token: e.getenv("MLFLOW_TRACKING_TOKEN"), User: e.getenv("MLFLOW_TRACKING_USERNAME"),
		Password: e.getenv("MLFLOW_TRACKING_PASSWORD")}
}

// check refuses a place that cannot be.
func (p *Place) check() error {
	switch {
	case p.World < 1 || p.Rank < 0 || p.Rank >= p.World:
		return fmt.Errorf("%s: rank %d of %d cannot be: want a rank from 0 to world size - 1", p.Name, p.Rank, p.World)
	case p.World > 1 && p.Coordinator == "":
		return fmt.Errorf("%s: %d ranks and no address of rank 0: set MASTER_ADDR (and MASTER_PORT)", p.Name, p.World)
	}
	return nil
}

// ranks reads what launchers of distributed programs set: torch's variables (also those of PyTorchJob and Azure ML),
// the PET_ variables of TrainJob, and the completion index of an indexed Job, which JobSet has too.
func (e *environment) ranks(p *Place) {
	p.World = e.number(1, "WORLD_SIZE", "PET_NNODES")
	if processes := e.getenv("PET_NPROC_PER_NODE"); e.getenv("WORLD_SIZE") == "" && processes != "" &&
		processes != "1" && processes != "auto" {
		e.fail("PET_NPROC_PER_NODE is %q: want 1, because one process uses all processors of a node", processes)
	}
	p.Rank = 0
	if p.World > 1 {
		p.Rank = e.number(-1, "RANK", "PET_NODE_RANK", "NODE_RANK", "JOB_COMPLETION_INDEX")
		if p.Rank < 0 {
			e.fail("WORLD_SIZE is %d and no variable says which rank this is: set RANK, PET_NODE_RANK or "+
				"JOB_COMPLETION_INDEX", p.World)
		}
		if host := e.first("MASTER_ADDR", "PET_MASTER_ADDR"); host != "" {
			p.Coordinator = address(host, e.number(DefaultPort, "MASTER_PORT", "PET_MASTER_PORT"))
		}
	}
}

func address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// first gives the first variable that is set.
func (e *environment) first(names ...string) string {
	for _, name := range names {
		if value := e.getenv(name); value != "" {
			return value
		}
	}
	return ""
}

// number reads the first variable that is set.
func (e *environment) number(fallback int, names ...string) int {
	for _, name := range names {
		text := e.getenv(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			e.fail("%s is %q: want a whole number", name, text)
		}
		return n
	}
	return fallback
}

func (e *environment) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}

// exists reports whether there is a file at an absolute path.
func (e *environment) exists(path string) bool {
	_, err := fs.Stat(e.files, strings.TrimPrefix(path, "/"))
	return err == nil
}

// read gives a file; nil where there is none.
func (e *environment) read(path string) []byte {
	data, err := fs.ReadFile(e.files, strings.TrimPrefix(path, "/"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.fail("%s: %w", path, err)
	}
	return data
}

// prefixed gives the variables that begin with a prefix, by the rest of their names.
func (e *environment) prefixed(prefix string) map[string]string {
	found := map[string]string{}
	for _, name := range e.list() {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" && e.getenv(name) != "" {
			found[rest] = e.getenv(name)
		}
	}
	return found
}
