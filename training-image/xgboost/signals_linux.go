package xgboost

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// blockSignals keeps signals away from this thread: the library takes a system call that a signal interrupts for a
// broken connection, and Go sends its threads signals all the time. Other threads take them.
func blockSignals() error {
	var set unix.Sigset_t
	for _, s := range []syscall.Signal{unix.SIGURG, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGCHLD, unix.SIGPIPE,
		unix.SIGPROF, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGCONT, unix.SIGALRM} {
		bit := uint(s) - 1
		width := uint(8 * wordSize)
		set.Val[bit/width] |= 1 << (bit % width)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil); err != nil {
		return fmt.Errorf("keeping signals away from a thread: %w", err)
	}
	return nil
}

// wordSize is the number of bytes of a word.
const wordSize = 4 << (^uintptr(0) >> 63)
