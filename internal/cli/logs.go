package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// followInterval is how often a followed log is looked at.
const followInterval = 250 * time.Millisecond

func newLogs(a *app) *cobra.Command {
	var follow bool
	var count int
	command := &cobra.Command{
		Use:   "logs [process...]",
		Short: "Show what the processes of the stack wrote",
		Long: `Shows the last lines of the logs of a local stack, each with the name of its process:

  mlpathway logs                  of all processes, but not the supervisor's own
  mlpathway logs endpoint -n 200  the last 200 lines of one
  mlpathway logs -f               and what comes, until Ctrl-C`,
		RunE: func(c *cobra.Command, names []string) error {
			s, err := a.open()
			if err != nil {
				return err
			}
			if !s.local {
				return a.forward(c.Context(), s, "logs")
			}
			return a.logs(c.Context(), s, names, count, follow)
		},
	}
	command.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes")
	command.Flags().IntVarP(&count, "lines", "n", 20, "how many of the last lines of each process")
	return command
}

func (a *app) logs(ctx context.Context, s *stack, names []string, count int, follow bool) error {
	tails, err := s.tails(names)
	if err != nil {
		return err
	}
	width := 0
	for _, t := range tails {
		width = max(width, len(t.name))
	}
	for first := true; first || follow; first = false {
		for _, t := range tails {
			lines, err := t.read()
			if err != nil {
				return err
			}
			if first {
				lines = lines[max(0, len(lines)-count):]
			}
			a.printLines(t.name, width, lines)
		}
		if !follow {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followInterval):
		}
	}
	return nil
}

// tails are the logs of some processes, or of all but the supervisors.
func (s *stack) tails(names []string) ([]*tail, error) {
	dir := s.state("supervisor", "logs")
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("the stack %s has no logs in %s: bring it up with make up STACK=%s", s.name, dir, s.name)
	}
	var tails []*tail
	var all []string
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".log")
		all = append(all, name)
		if len(names) == 0 && !strings.HasSuffix(name, "supervisor") || slices.Contains(names, name) {
			tails = append(tails, &tail{name: name, path: file})
		}
	}
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("there is no process %q in the stack %s: want %s: %w",
				name, s.name, strings.Join(all, ", "), errUsage)
		}
	}
	return tails, nil
}

func (a *app) printLines(name string, width int, lines []string) {
	for _, line := range lines {
		a.print("%-*s | %s", width, name, message(line))
	}
}

// message takes what a process wrote out of the line in which the supervisor recorded it.
func message(line string) string {
	var record struct {
		Message string `json:"message"`
		Process string `json:"process"`
	}
	if json.Unmarshal([]byte(line), &record) == nil && record.Process != "" {
		return record.Message
	}
	return line
}

// tail reads a log on from where it was. A rotated log begins anew.
type tail struct {
	name, path string
	offset     int64
	known      os.FileInfo
	rest       []byte // a line without its end yet
}

// read gives the whole lines that have come since the last time.
func (t *tail) read() ([]string, error) {
	file, err := os.Open(t.path)
	if os.IsNotExist(err) {
		return nil, nil // between the two steps of a rotation
	}
	if err != nil {
		return nil, fmt.Errorf("reading the log of %s: %w", t.name, err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the log of %s: %w", t.name, err)
	}
	if info.Size() < t.offset || t.known != nil && !os.SameFile(t.known, info) {
		t.offset, t.rest = 0, nil
	}
	t.known = info
	data, err := io.ReadAll(io.NewSectionReader(file, t.offset, info.Size()-t.offset))
	if err != nil {
		return nil, fmt.Errorf("reading the log of %s: %w", t.name, err)
	}
	t.offset += int64(len(data))
	t.rest = append(t.rest, data...)
	end := bytes.LastIndexByte(t.rest, '\n')
	if end < 0 {
		return nil, nil
	}
	lines := strings.Split(string(t.rest[:end]), "\n")
	t.rest = bytes.Clone(t.rest[end+1:])
	return lines, nil
}
