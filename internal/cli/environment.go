package cli

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// markVariable is in the environment of every process that a command starts, with a value of its own for each
// command. The supervisor and its processes do not get it: they are meant to live on.
const markVariable = "MLPATHWAY_COMMAND"

// environment is what Pulumi runs with for a stack.
//
// A local stack gets one of its own: state, settings and secrets in the working copy and nothing of the person's
// PULUMI_ variables. No update check, no download of plugins or modules: everything it needs has been built. Every
// other stack gets the person's environment as it is.
func (s *stack) environment(environ []string) []string {
	if !s.local {
		return environ
	}
	kept := make([]string, 0, len(environ)+len(localVariables))
	flags := ""
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		switch {
		case strings.HasPrefix(name, "PULUMI_"), name == "GOPROXY":
		case name == "GOFLAGS":
			flags = value + " "
		default:
			kept = append(kept, variable)
		}
	}
	return append(append(kept, localVariables...),
		"GOFLAGS="+flags+buildFlags,
		"PULUMI_BACKEND_URL=file://"+filepath.ToSlash(s.own("backend"))+backendFlags,
		"PULUMI_HOME="+s.own("home"),
		"PULUMI_CONFIG_PASSPHRASE_FILE="+s.own("passphrase"),
	)
}

// backendFlags leave out the file of attributes beside each file of the state: it is of no use there, and it is not
// written atomically, so that a killed Pulumi could leave a state that nobody can read.
const backendFlags = "?metadata=skip"

// buildFlags compile the program of a local stack and nothing of a cloud; the others are those of the Makefile, so that
// what it has compiled is not compiled again.
const buildFlags = "-tags=local -trimpath -buildvcs=false -gcflags=all=-dwarf=false"

var localVariables = []string{
	// The program was built a moment ago: no module is missing, and language hosts must not fetch those of the
	// targets that are not in this build.
	"GOPROXY=off",
	// go run keeps the linked program in Go's cache, where go build would link it again every time.
	"PULUMI_GO_USE_RUN=1",
	"PULUMI_SKIP_UPDATE_CHECK=1",
	"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=1",
	"PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS=1",
	// A lost settings file is mended from the state.
	"PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER=1",
}

// prepare makes the directories and the passphrase of the local stacks. The passphrase protects the secrets in the
// state; it is made once, and nobody needs to know it.
func (s *stack) prepare() error {
	for _, dir := range []string{s.own("backend"), s.own("home"), s.settings()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("preparing the stack %s: %w", s.name, err)
		}
	}
	if err := writeOnce(s.own("passphrase"), newSecret); err != nil {
		return fmt.Errorf("preparing the stack %s: %w", s.name, err)
	}
	return nil
}

// writeOnce makes a private file with a content of its own, unless there is one. Of two that try at once one wins,
// and nobody ever sees a part.
func writeOnce(path string, content func() string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.WriteString(content())
	if err := errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func newSecret() string {
	secret := make([]byte, 24)
	_, _ = rand.Read(secret) // never fails; see its documentation
	return hex.EncodeToString(secret)
}

// newEnv prints the environment of a local stack, for those who want to type pulumi themselves.
func newEnv(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the environment in which pulumi itself works on the stack",
		Long: `Prints export lines for a shell. With them every pulumi command works on the stack:

  eval "$(bin/mlpathway env)"
  pulumi preview -s local
  pulumi stack export -s local

pulumi adds a line "encryptionsalt" to the stack file on its way; "mlpathway up" does without.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.open()
			if err != nil {
				return err
			}
			if !s.local {
				_, err := fmt.Fprintf(a.out, "# %s is not a local stack: your own environment is used as it is\n", s.name)
				return err
			}
			if err := s.prepare(); err != nil {
				return err
			}
			for _, variable := range s.environment(nil) {
				name, value, _ := strings.Cut(variable, "=")
				if name == "GOPROXY" {
					continue // the rest of the person's work in this shell needs it
				}
				if _, err := fmt.Fprintf(a.out, "export %s=%s\n", name, quote(value)); err != nil {
					return err
				}
			}
			if pulumi, err := s.findPulumi(a.environ); err == nil {
				_, err = fmt.Fprintf(a.out, "export PATH=%s:\"$PATH\"\n", quote(filepath.Dir(pulumi)))
				return err
			}
			return nil
		},
	}
}

// quote makes one word of a text for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
