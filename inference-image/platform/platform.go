// Package platform knows the contracts of the platforms that start the container: which variables say that it is
// theirs, where they want it to listen, which routes they ask and where they put the model.
package platform

import (
	"os"
	"strconv"

	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/lake"
)

// The platforms.
const (
	SageMaker     = "sagemaker"
	Vertex        = "vertex"
	AzureML       = "azureml"
	CloudRun      = "cloudrun"
	ContainerApps = "containerapps"
	Lambda        = "lambda"
)

// SageMakerModel is where SageMaker unpacks model.tar.gz.
const SageMakerModel = "/opt/ml/model"

// Environment is what a platform can be recognized by.
type Environment struct {
	// Getenv reads a variable. Default os.Getenv.
	Getenv func(string) string
	// Exists reports whether a path exists. Default a look at the disk.
	Exists func(string) bool
}

// System is the environment of this process.
func System() Environment {
	return Environment{Getenv: os.Getenv, Exists: func(path string) bool { _, err := os.Stat(path); return err == nil }}
}

// Detect names the platform that started this process; empty where it is none of them.
func (e Environment) Detect() string {
	any := func(names ...string) bool {
		for _, name := range names {
			if e.Getenv(name) != "" {
				return true
			}
		}
		return false
	}
	switch {
	case any("AWS_LAMBDA_RUNTIME_API"):
		return Lambda
	case any("AIP_HTTP_PORT", "AIP_PREDICT_ROUTE"):
		return Vertex
	case any("AZUREML_MODEL_DIR"):
		return AzureML
	case any("SAGEMAKER_BIND_TO_PORT", "SAGEMAKER_SAFE_PORT_RANGE", "SAGEMAKER_BATCH", "SAGEMAKER_REGION"):
		return SageMaker
	case any("K_SERVICE"):
		return CloudRun
	case any("CONTAINER_APP_NAME"):
		return ContainerApps
	case e.Exists(SageMakerModel):
		return SageMaker
	default:
		return ""
	}
}

// Apply fills what the platform's contract says and the caller did not say. On a platform that puts its own
// authentication in front of the container, and that cannot send a token, callers are let in without one.
func (e Environment) Apply(o *serve.Options) {
	o.Platform = e.Detect()
	switch o.Platform {
	case SageMaker:
		port(o, or(e.Getenv("SAGEMAKER_BIND_TO_PORT"), "8080"))
		e.model(o, SageMakerModel)
		if mib, err := strconv.ParseInt(e.Getenv("SAGEMAKER_MAX_PAYLOAD_IN_MB"), 10, 64); err == nil && mib > 0 {
			o.MaxBody = min(mib, maxPayloadMiB) << 20
		}
		if n, err := strconv.Atoi(e.Getenv("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS")); err == nil && n > 0 {
			o.Concurrency = min(n, maxConcurrency)
		}
	case Vertex:
		port(o, or(e.Getenv("AIP_HTTP_PORT"), "8080"))
		o.HealthRoute, o.PredictRoute = e.Getenv("AIP_HEALTH_ROUTE"), e.Getenv("AIP_PREDICT_ROUTE")
		if uri := e.Getenv("AIP_STORAGE_URI"); uri != "" && o.Models == "" {
			o.ModelURI = uri
		}
	case AzureML:
		port(o, or(e.Getenv("AZUREML_SCORING_PORT"), "5001"))
		e.model(o, e.Getenv("AZUREML_MODEL_DIR"))
	case CloudRun:
		port(o, or(e.Getenv("PORT"), "8080"))
	case ContainerApps:
		port(o, or(e.Getenv("CONTAINER_APP_PORT"), "8080"))
	default: // Lambda takes events and listens nowhere
		if o.Address == "" {
			o.Address = e.Getenv(DefaultAddress)
		}
		return
	}
	o.AllowAnonymous = true
}

// DefaultAddress names the variable with which the image says where it listens unless a platform or the caller says
// something else: in a container loopback is of no use.
const DefaultAddress = "MLPATHWAY_DEFAULT_ADDRESS"

// The largest values that variables may ask for.
const (
	maxPayloadMiB  = 100
	maxConcurrency = 1024
)

// port listens on every address at the port; an address that the caller gave stays.
func port(o *serve.Options, port string) {
	if o.Address == "" {
		o.Address = ":" + port
	}
}

// model serves the version in a directory, where one is mounted and no registry is named.
func (e Environment) model(o *serve.Options, dir string) {
	if o.Models == "" && o.ModelURI == "" && dir != "" && e.Exists(dir) {
		o.ModelURI = lake.FileURI(dir)
	}
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
