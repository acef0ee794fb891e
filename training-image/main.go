// Command training-image turns the files of a lake into registered models. See training-image --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/mlpathway/mlpathway/training-image/command"
	"github.com/mlpathway/mlpathway/training-image/platform"
	"github.com/mlpathway/mlpathway/training-image/xgboost"
)

// version may be set by the linker: -ldflags "-X main.version=1.2.3".
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	p := &command.Program{Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, OpenXGBoost: xgboost.Open,
		Place: platform.Here, Version: codeVersion()}
	code := p.Main(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// codeVersion is the version of a release, or else the commit that the program was built from.
func codeVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}
