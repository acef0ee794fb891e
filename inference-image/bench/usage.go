package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage is what the processes of a server have used so far.
type usage struct {
	cpu float64 // seconds of processors
	mib int     // the largest resident memory of each, added up
}

// ticks of the processor time in /proc make a second on Linux.
const ticks = 100

// used looks at a server and its workers, which are one process group.
func used(group int) (u usage) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return u
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(data), ") ") // behind the name of the program
		fields := strings.Fields(rest)
		if len(fields) < 13 || fields[2] != strconv.Itoa(group) {
			continue
		}
		for _, text := range fields[11:13] {
			n, err := strconv.Atoi(text)
			if err == nil {
				u.cpu += float64(n) / ticks
			}
		}
		u.mib += peak(filepath.Dir(path))
	}
	return u
}

// peak is the largest resident memory of a process in MiB.
func peak(dir string) int {
	data, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		var kib int
		if _, err := fmt.Sscanf(line, "VmHWM: %d", &kib); err == nil {
			return kib >> 10
		}
	}
	return 0
}
