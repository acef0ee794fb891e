package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// errBusy means that somebody else holds the lock.
var errBusy = errors.New("the lock is held")

// holder is what the holder of a stack's lock writes into it.
type holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
	// Marks are in the environments of the processes that the command starts, as MLPATHWAY_COMMAND: its own mark, and
	// those of earlier commands that could not be cleaned up after.
	Marks []string `json:"marks"`
	// Ending says that the command was interrupted and will be gone in a moment.
	Ending bool `json:"ending,omitempty"`
}

// endingWait is how long a command waits for one that was interrupted.
const endingWait = 60 * time.Second

// lock is a held lock. The kernel releases it when the process ends, however it ends.
type lock struct {
	file   *os.File
	signed *holder
	// left is what the last holder wrote, where it did not come to its end.
	left *holder
}

// lockAttempts bounds the race with somebody who removes the directory of the locks.
const lockAttempts = 20

// acquire takes the lock at path, or fails with errBusy and what its holder wrote.
func acquire(path string, shared bool) (*lock, *holder, error) {
	for range lockAttempts {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, nil, fmt.Errorf("locking: %w", err)
		}
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the directory has just been removed
		}
		if err != nil {
			return nil, nil, fmt.Errorf("locking: %w", err)
		}
		if err := lockFile(file, shared); err != nil {
			held := readHolder(file)
			_ = file.Close()
			if errors.Is(err, errBusy) {
				return nil, held, errBusy
			}
			return nil, nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if isStill(file, path) {
			return &lock{file: file, left: readHolder(file)}, nil, nil
		}
		_ = file.Close() // locked a file that is no longer there
	}
	return nil, nil, fmt.Errorf("locking %s: it is removed again and again: run again", path)
}

// isStill tells whether an open file is the one that its path leads to.
func isStill(file *os.File, path string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	found, err := os.Stat(path)
	return err == nil && os.SameFile(opened, found)
}

func readHolder(file *os.File) *holder {
	data, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<16))
	if err != nil || len(data) == 0 {
		return nil
	}
	var h holder
	if json.Unmarshal(data, &h) != nil {
		return nil
	}
	return &h
}

// sign writes who holds the lock.
func (l *lock) sign(h *holder) error {
	data, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("signing the lock: %w", err)
	}
	l.signed = h
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("signing the lock: %w", err)
	}
	if _, err := l.file.WriteAt(data, 0); err != nil {
		return fmt.Errorf("signing the lock: %w", err)
	}
	return nil
}

// ending tells those who come that it will not take long.
func (l *lock) ending() {
	h := *l.signed
	h.Ending = true
	_ = l.sign(&h) // a courtesy
}

// release gives the lock back. clean says that there is nothing to clean up after this holder.
func (l *lock) release(clean bool) {
	if clean {
		_ = l.file.Truncate(0)
	}
	unlockFile(l.file)
	_ = l.file.Close()
}

// lock takes the lock of a stack for a command, and shares the one of the working copy.
func (s *stack) lock(command, mark string) (shared, own *lock, err error) {
	shared, _, err = acquire(s.own("locks", ".all"), true)
	if err != nil {
		return nil, nil, fmt.Errorf("waiting for the removal of %s: %w: run again", s.own(), err)
	}
	own, held, err := acquire(s.own("locks", s.name), false)
	for begun := time.Now(); errors.Is(err, errBusy) && held != nil && held.Ending && time.Since(begun) < endingWait; {
		time.Sleep(pollInterval)
		own, held, err = acquire(s.own("locks", s.name), false)
	}
	if errors.Is(err, errBusy) {
		shared.release(false)
		return nil, nil, s.busy(held)
	}
	if err != nil {
		shared.release(false)
		return nil, nil, err
	}
	h := &holder{PID: os.Getpid(), Command: command, Since: time.Now().Round(time.Second), Marks: []string{mark}}
	if own.left != nil {
		h.Marks = append(h.Marks, own.left.Marks...)
	}
	if err := own.sign(h); err != nil {
		own.release(false)
		shared.release(false)
		return nil, nil, err
	}
	return shared, own, nil
}

func (s *stack) busy(held *holder) error {
	if held == nil {
		return fmt.Errorf("another command works on the stack %s: wait for its end and run again", s.name)
	}
	return fmt.Errorf("another command works on the stack %s: %q, process %d, since %s (%s ago). Nothing was changed.\n"+
		"  wait for its end and run again, or end it first: kill -INT %d",
		s.name, held.Command, held.PID, held.Since.Format(time.TimeOnly),
		time.Since(held.Since).Round(time.Second), held.PID)
}
