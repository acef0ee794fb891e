package serve

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/mlpathway/mlpathway/internal/registry"
)

// Options of the endpoint.
type Options struct {
	// Address to listen on, HOST:PORT. Default 127.0.0.1:8080; port 0 chooses a free one.
	Address string
	// GRPCAddress takes the Open Inference Protocol over gRPC; none where it is empty.
	GRPCAddress string
	// Models is the URI of the models zone.
	Models string
	// ModelURI is a directory that holds the files of one version, in place of Models: that version is served and
	// nothing else. Platforms mount it.
	ModelURI string
	// Model names the model, or several with commas between them; empty takes the name of Pipeline. The first is the
	// one that routes without a name mean.
	Model string
	// Pipeline is the URI of pipeline.yaml; only its name is used.
	Pipeline string
	// Alias that is followed. Default production.
	Alias string
	// Traffic splits the requests between aliases in percent, such as production=90,canary=10; empty gives all to
	// Alias.
	Traffic string
	// Shadow is an alias whose version answers the same rows for comparison and answers nobody. Optional.
	Shadow string
	// VerifyKey is a file with the Ed25519 public key (PEM) that manifests must be signed with. Optional.
	VerifyKey string
	// Poll is the time between two looks at the alias. Default 500 ms.
	Poll time.Duration
	// RegistryTimeout is the longest time to read an alias, or a version. Default 5 minutes.
	RegistryTimeout time.Duration
	// Results is the URI of the results zone, whose drift report is shown. Optional.
	Results string
	// Logs is the URI of the logs zone, which takes captured rows. Optional: without it nothing is captured.
	Logs string
	// CaptureShare is the share of the rows that are captured, 0 to 1.
	CaptureShare float64
	// CaptureFiles is how many files of captured rows are kept. Default 200.
	CaptureFiles int
	// TokenFile holds the bearer token that predictions and /model demand: a path, or an address in a store of secrets.
	// Optional.
	TokenFile string
	// TLSCert and TLSKey are files in PEM; with them the endpoint speaks TLS 1.2 and later alone.
	TLSCert, TLSKey string
	// ClientCA is a file in PEM; with it predictions and /model demand a client certificate that it signed.
	ClientCA string
	// AllowAnonymous lets an endpoint without a token listen beyond this machine.
	AllowAnonymous bool
	// AccessLog writes a line per request, without payload.
	AccessLog bool
	// MaxBody is the largest body in bytes. Default MaxBody.
	MaxBody int64
	// Concurrency is how many requests compute at a time. Default twice the processors, and at least 4.
	Concurrency int
	// Queue is how many requests may wait to compute; more get 503 and Retry-After. Default 256.
	Queue int
	// Connections is how many connections are taken; more wait in the kernel. Default 4096.
	Connections int
	// Timeout is the longest time from the first byte to the answer. Default 10 s.
	Timeout time.Duration
	// Gather computes rows of concurrent requests together. Default auto: where the model gains from it.
	Gather Gathering
	// Platform that the server runs on: sagemaker, vertex, azureml, cloudrun or lambda; empty elsewhere.
	Platform string
	// HealthRoute and PredictRoute are further routes, which Vertex AI demands.
	HealthRoute, PredictRoute string
	// CodeVersion is shown in the metadata.
	CodeVersion string
	// DrainDelay is how long requests are still taken after the end was announced on /readyz. Default 0.
	DrainDelay time.Duration
	// DrainTimeout is how long running requests may take to end. Default 15 s.
	DrainTimeout time.Duration
	// Log takes the log. Default slog.Default.
	Log *slog.Logger
	// Started and StartedGRPC are called with the addresses once the endpoint listens. Optional.
	Started     func(address string)
	StartedGRPC func(address string)
}

func (o *Options) setDefaults() {
	setZero(&o.Address, "127.0.0.1:8080")
	setZero(&o.Alias, registry.Production)
	setZero(&o.Poll, 500*time.Millisecond)
	setZero(&o.RegistryTimeout, 5*time.Minute)
	setZero(&o.CaptureFiles, 200)
	setZero(&o.MaxBody, int64(MaxBody))
	setZero(&o.Concurrency, max(4, 2*runtime.GOMAXPROCS(0)))
	setZero(&o.Queue, 256)
	setZero(&o.Connections, 4096)
	setZero(&o.Timeout, 10*time.Second)
	setZero(&o.Gather, GatherAuto)
	setZero(&o.CodeVersion, "unknown")
	setZero(&o.DrainTimeout, 15*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

func setZero[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
