package featureset

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newScratch gives room for numbers in a file without a name, whose pages the system writes out and reads again as
// memory allows. The room on the disk is taken at once, so that a full disk is an error here and not later.
func newScratch(numbers int) (values []float32, release func(), err error) {
	if numbers == 0 {
		return nil, func() {}, nil
	}
	f, err := os.CreateTemp("", "mlpathway-rows-")
	if err != nil {
		return nil, nil, fmt.Errorf("making room for the rows: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := os.Remove(f.Name()); err != nil {
		return nil, nil, fmt.Errorf("making room for the rows: %w", err)
	}
	size := 4 * int64(numbers)
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil {
		return nil, nil, fmt.Errorf("making room for the rows, %d MiB in %s: %w", size>>20, os.TempDir(), err)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("making room for the rows: %w", err)
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&data[0])), numbers), func() { _ = unix.Munmap(data) }, nil
}
