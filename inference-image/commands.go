package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/inference-image/batch"
	httplambda "github.com/mlpathway/mlpathway/inference-image/lambda"
	"github.com/mlpathway/mlpathway/inference-image/monitor"
	"github.com/mlpathway/mlpathway/inference-image/platform"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/lambda"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// errUsage marks what the caller typed wrong.
var errUsage = errors.New("wrong usage")

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "inference-image",
		Short:         "Serve a model, predict feature sets, watch for drift",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fmt.Errorf("%w: name a command: serve, batch, monitor or healthcheck (--help tells more)", errUsage)
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	root.AddCommand(newServe(), newBatch(), newMonitor(), newHealthCheck(), newSBOM())
	return root
}

// usage turns a complaint about arguments into wrong usage.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		return nil
	}
}

// flag adds a flag that falls back to the environment variable MLPATHWAY_<NAME>.
func flag(cmd *cobra.Command, into *string, name, fallback, help string) {
	variable := "MLPATHWAY_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if value, ok := os.LookupEnv(variable); ok && value != "" {
		fallback = value
	}
	cmd.Flags().StringVar(into, name, fallback, fmt.Sprintf("%s (%s)", help, variable))
}

// boolFlag is flag for a switch.
func boolFlag(cmd *cobra.Command, into *bool, name, help string) {
	variable := "MLPATHWAY_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	on, err := strconv.ParseBool(os.Getenv(variable))
	cmd.Flags().BoolVar(into, name, on && err == nil, fmt.Sprintf("%s (%s)", help, variable))
}

// requireFlags refuses empty flags.
func requireFlags(cmd *cobra.Command, names ...string) error {
	var missing []string
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f != nil && f.Value.String() == "" {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: %s needs %s", errUsage, cmd.Name(), strings.Join(missing, ", "))
	}
	return nil
}

// requireModel refuses a command that says neither which model nor which pipeline is meant.
func requireModel(name, pipeline string) error {
	if name == "" && pipeline == "" {
		return fmt.Errorf("%w: give --model, or --pipeline whose name is taken", errUsage)
	}
	return nil
}

const (
	helpModels   = "URI of the models zone"
	helpFeatures = "URI of the features zone"
	helpResults  = "URI of the results zone"
	helpLogs     = "URI of the logs zone"
	helpPipeline = "URI of pipeline.yaml"
	helpModel    = "name of the model; default is the name of the pipeline"
	helpAlias    = "alias of the model registry"
)

func newServe() *cobra.Command {
	var o serve.Options
	cmd := &cobra.Command{
		Use: "serve", Short: "Answer predictions over HTTP with the version that an alias stands for",
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			platform.System().Apply(&o)
			if o.ModelURI == "" {
				if err := errors.Join(requireFlags(cmd, "models"), requireModel(o.Model, o.Pipeline)); err != nil {
					return err
				}
			}
			if o.CaptureShare < 0 || o.CaptureShare > 1 {
				return fmt.Errorf("%w: --capture-share is %v, want 0 to 1", errUsage, o.CaptureShare)
			}
			switch o.Gather {
			case serve.GatherAuto, serve.GatherOn, serve.GatherOff:
			default:
				return fmt.Errorf("%w: --gather is %q, want auto, on or off", errUsage, o.Gather)
			}
			o.Log, o.CodeVersion = newLog(cmd.ErrOrStderr()), version
			run := serve.Run
			if o.Platform == platform.Lambda {
				run = func(ctx context.Context, o serve.Options) error {
					return serve.RunWith(ctx, o, func(ctx context.Context, handler http.Handler) error {
						return httplambda.Run(ctx, os.Getenv(lambda.Variable), handler)
					})
				}
			}
			err := run(cmd.Context(), o)
			if errors.Is(err, serve.ErrOpen) {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			return err
		},
	}
	flag(cmd, &o.Address, "address", "", "HOST:PORT to listen on (default 127.0.0.1:8080, or what the platform demands)")
	flag(cmd, &o.GRPCAddress, "grpc-address", "", "HOST:PORT for the Open Inference Protocol over gRPC")
	flag(cmd, &o.Models, "models", "", helpModels)
	flag(cmd, &o.ModelURI, "model-uri", "", "URI of a directory with one version, in place of --models")
	flag(cmd, &o.Model, "model", "", helpModel+"; several with commas between them")
	flag(cmd, &o.Pipeline, "pipeline", "", helpPipeline)
	flag(cmd, &o.Alias, "alias", registry.Production, helpAlias)
	flag(cmd, &o.Traffic, "traffic", "", "shares of several aliases in percent: production=90,canary=10")
	flag(cmd, &o.Shadow, "shadow", "", "alias whose version answers too, for comparison only")
	flag(cmd, &o.VerifyKey, "verify-key", "", "file with the Ed25519 public key that models must be signed with")
	flag(cmd, &o.Results, "results", "", helpResults+", for the drift report")
	flag(cmd, &o.Logs, "logs", "", helpLogs+", for captured rows")
	flag(cmd, &o.TokenFile, "token-file", "", "file or address of the bearer token that predictions demand")
	flag(cmd, &o.TLSCert, "tls-cert", "", "file with the certificate in PEM; with it only TLS 1.2 and later is spoken")
	flag(cmd, &o.TLSKey, "tls-key", "", "file with the key of the certificate")
	flag(cmd, &o.ClientCA, "client-ca", "", "file with the CA of the client certificates that predictions demand")
	flag(cmd, (*string)(&o.Gather), "gather", string(serve.GatherAuto),
		"compute rows of concurrent requests together: auto, on or off")
	f := cmd.Flags()
	boolFlag(cmd, &o.AllowAnonymous, "allow-anonymous", "listen beyond this machine without a token")
	boolFlag(cmd, &o.AccessLog, "access-log", "log a line per request, without payload")
	f.Int64Var(&o.MaxBody, "max-body", serve.MaxBody, "largest body of a request in bytes")
	f.IntVar(&o.Concurrency, "concurrency", 0, "requests that compute at a time (default twice the processors)")
	f.IntVar(&o.Queue, "queue", 256, "requests that may wait; more get 503")
	f.IntVar(&o.Connections, "connections", 4096, "connections that are taken at a time")
	f.DurationVar(&o.Timeout, "timeout", 10*time.Second, "longest time of a request")
	f.DurationVar(&o.Poll, "poll", 0, "time between two looks at the alias (default 500ms)")
	f.Float64Var(&o.CaptureShare, "capture-share", 1, "share of the rows that are captured, 0 to 1")
	f.IntVar(&o.CaptureFiles, "capture-files", 200, "how many files of captured rows are kept")
	f.DurationVar(&o.DrainDelay, "drain-delay", 0, "how long requests are still taken after SIGTERM")
	return cmd
}

func newBatch() *cobra.Command {
	var o batch.Options
	cmd := &cobra.Command{
		Use: "batch", Short: "Predict every row of the newest feature set, or of a file",
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			needed := []string{"models", "results"}
			if o.Input == "" {
				needed = append(needed, "features")
			}
			err := errors.Join(requireFlags(cmd, needed...), requireModel(o.Model, o.Pipeline))
			if err != nil {
				return err
			}
			o.Out = cmd.OutOrStdout()
			return batch.Run(cmd.Context(), o)
		},
	}
	flag(cmd, &o.Models, "models", "", helpModels)
	flag(cmd, &o.Features, "features", "", helpFeatures)
	flag(cmd, &o.Results, "results", "", helpResults)
	flag(cmd, &o.Model, "model", "", helpModel)
	flag(cmd, &o.Pipeline, "pipeline", "", helpPipeline+", for the key column")
	flag(cmd, &o.Alias, "alias", registry.Production, helpAlias)
	flag(cmd, &o.Input, "input", "", "URI of a .parquet, .csv or .jsonl file, in place of the newest feature set")
	flag(cmd, &o.Key, "key", "", "column that identifies a row (default that of the pipeline)")
	f := cmd.Flags()
	f.IntVar(&o.Workers, "workers", 0, "rows are predicted in parallel by so many (default one for each processor)")
	f.IntVar(&o.PartRows, "part-rows", 0, "least number of rows of a file of predictions (default 1 million)")
	return cmd
}

func newMonitor() *cobra.Command {
	var o monitor.Options
	cmd := &cobra.Command{
		Use: "monitor", Short: "Compare captured rows with the training data and write the drift report",
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := errors.Join(requireFlags(cmd, "models", "logs", "results"), requireModel(o.Model, o.Pipeline))
			if err != nil {
				return err
			}
			o.Out = cmd.OutOrStdout()
			check := func(ctx context.Context) error { return monitor.Run(ctx, o) }
			if api := os.Getenv(lambda.Variable); api != "" { // each event is a check
				return lambda.Run(cmd.Context(), api, lambda.Task(check))
			}
			return check(cmd.Context())
		},
	}
	flag(cmd, &o.Models, "models", "", helpModels)
	flag(cmd, &o.Logs, "logs", "", helpLogs)
	flag(cmd, &o.Results, "results", "", helpResults)
	flag(cmd, &o.Model, "model", "", helpModel)
	flag(cmd, &o.Pipeline, "pipeline", "", helpPipeline+", for the thresholds")
	flag(cmd, &o.Alias, "alias", registry.Production, helpAlias)
	f := cmd.Flags()
	f.BoolVar(&o.AllVersions, "all-versions", false, "also take rows of earlier versions with the same inputs")
	f.DurationVar(&o.Since, "since", 0, "take only rows of so long ago; 0 takes all that are kept")
	f.IntVar(&o.Keep, "keep", 500, "how many reports are kept")
	f.BoolVar(&o.JSON, "json", false, "print the report as JSON")
	f.BoolVar(&o.FailOnDrift, "fail-on-drift", false, "exit with 3 where something drifted")
	return cmd
}

// newLog writes text for a person at a terminal, and JSON otherwise.
func newLog(to io.Writer) *slog.Logger {
	if f, ok := to.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return slog.New(slog.NewTextHandler(to, nil))
		}
	}
	return slog.New(slog.NewJSONHandler(to, nil))
}
