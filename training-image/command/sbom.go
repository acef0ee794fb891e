package command

import (
	"errors"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/mlpathway/mlpathway/training-image/sbom"
)

// dpkgStatus lists the packages of a Debian system.
const dpkgStatus = "/var/lib/dpkg/status"

func (p *Program) sbomCommand() *cobra.Command {
	return &cobra.Command{Use: "sbom", Short: "List what this program and the system around it are made of",
		Long: "Writes a bill of materials as CycloneDX JSON: the Go modules of this program, and the packages of a Debian " +
			"system where it runs in one.", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return failure{errors.New("this program was built without module information")}
			}
			parts := sbom.Modules(info)
			if status, err := os.ReadFile(dpkgStatus); err == nil {
				parts = append(parts, sbom.Packages(status)...)
			}
			if err := sbom.Write(p.Stdout, "training-image", p.Version, parts); err != nil {
				return failure{err}
			}
			return nil
		}}
}
