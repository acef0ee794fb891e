//go:build unix

package cli

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes an advisory lock without waiting for it; errBusy where somebody else has it.
func lockFile(file *os.File, shared bool) error {
	how := syscall.LOCK_EX
	if shared {
		how = syscall.LOCK_SH
	}
	err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errBusy
	}
	return err
}

// unlockFile gives a lock back at once. Closing the file alone would leave it to a child that is just being started.
func unlockFile(file *os.File) { _ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) }

// send signals a process. One that has ended meanwhile is fine.
func send(pid int, signal syscall.Signal) { _ = syscall.Kill(pid, signal) }

// alive tells whether there is a process with this id.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
