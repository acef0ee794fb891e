package engine

import (
	"fmt"
	"os"
	"strings"

	"github.com/shirou/gopsutil/v4/process"
)

// Processes lists the processes whose command line or environment names a directory, each as its id and command line.
func Processes(dir string) []string {
	all, err := process.Processes()
	if err != nil {
		return []string{err.Error()}
	}
	var ours []string
	for _, p := range all {
		line, _ := p.Cmdline()
		environ, _ := p.Environ()
		if int(p.Pid) == os.Getpid() || !strings.Contains(line+strings.Join(environ, "\n"), dir+"/") {
			continue
		}
		if status, err := p.Status(); err == nil && len(status) > 0 && status[0] == process.Zombie {
			continue
		}
		ours = append(ours, fmt.Sprintf("%d %s", p.Pid, line))
	}
	return ours
}
