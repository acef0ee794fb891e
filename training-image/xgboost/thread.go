package xgboost

import "runtime"

// thread is one thread of the system on which calls are made one after the other. The library keeps its random numbers,
// its last error and its connections to other ranks by thread.
type thread struct {
	work chan func()
}

func newThread() *thread {
	t := &thread{work: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for f := range t.work {
			f()
		}
	}()
	return t
}

// do makes one call.
func (t *thread) do(f func() error) error {
	done := make(chan error, 1)
	t.work <- func() { done <- f() }
	return <-done
}

func (t *thread) close() { close(t.work) }
