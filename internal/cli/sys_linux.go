package cli

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// detached puts a child into a session of its own, so that a Ctrl-C reaches it only through this process, and lets
// the kernel interrupt it when this process is killed.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGINT}
}

// parentVariable asks a command to end with the program that started it.
const parentVariable = "MLPATHWAY_END_WITH_PARENT"

// endWithParent lets a command that make started end when make is killed. A command that a person starts in the
// background goes on.
func endWithParent() error {
	if os.Getenv(parentVariable) == "" {
		return nil
	}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // the setting belongs to the thread and would go with it
		_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0)
		if errno != 0 {
			failed <- fmt.Errorf("asking the kernel for the end with the parent: %w", errno)
			return
		}
		failed <- nil
		select {}
	}()
	return <-failed
}
