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

const (
	piped = 256 // items that are handed over together
	ahead = 4   // such hands that may wait
)

// Pipe calls produce beside consume, which gets what produce emits, in its order. emit tells whether to go on. The
// error of consume ends both; that of produce counts when all that was emitted has been consumed.
func Pipe[T any](produce func(emit func(T) bool) error, consume func(T) error) error {
	hands, stop, end := make(chan []T, ahead), make(chan struct{}), make(chan error, 1)
	go func() {
		hand := make([]T, 0, piped)
		pass := func() bool {
			select {
			case hands <- hand:
				hand = make([]T, 0, piped)
				return true
			case <-stop:
				return false
			}
		}
		err := produce(func(item T) bool {
			hand = append(hand, item)
			return len(hand) < piped || pass()
		})
		pass()
		close(hands)
		end <- err
	}()
	var err error
	for hand := range hands {
		for i := 0; i < len(hand) && err == nil; i++ {
			if err = consume(hand[i]); err != nil {
				close(stop)
			}
		}
	}
	if produced := <-end; err == nil {
		err = produced
	}
	return err
}
