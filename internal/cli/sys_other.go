//go:build !unix

package cli

import (
	"errors"
	"os"
	"syscall"
)

// lockFile fails: local stacks need Linux or macOS.
func lockFile(*os.File, bool) error {
	return errors.New("stacks can be changed on Linux and macOS only")
}

func unlockFile(*os.File) {}

func send(int, syscall.Signal) {}

func alive(int) bool { return false }

func detached() *syscall.SysProcAttr { return nil }

func endWithParent() error { return nil }
