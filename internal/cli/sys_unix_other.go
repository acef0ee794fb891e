//go:build unix && !linux

package cli

import "syscall"

// detached puts a child into a session of its own, so that a Ctrl-C reaches it only through this process.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// endWithParent does nothing: only Linux tells a process about the end of its parent.
func endWithParent() error { return nil }
