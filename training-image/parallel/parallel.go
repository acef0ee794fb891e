// Package parallel does independent pieces of work on all processors.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Do calls work for 0 to n-1, several at a time, and gives the error of the first number that has one.
func Do(n int, work func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				errs[i] = work(i)
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Blocks calls work for pieces of n rows, of so many rows at most each.
func Blocks(n, size int, work func(block, from, to int) error) error {
	return Do((n+size-1)/size, func(i int) error { return work(i, i*size, min(n, (i+1)*size)) })
}
