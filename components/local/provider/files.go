package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Modes of everything that the provider makes: only the owner of the stack may look inside.
const (
	directoryMode = 0o700
	fileMode      = 0o600
)

// writeAtomically replaces a file with data: a reader sees the old file or the new one, and after an error the old one.
func writeAtomically(path string, data []byte) (err error) {
	if info, statErr := os.Lstat(path); statErr == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("writing %s: a %s is in the way: move it elsewhere and run again", path, kindOf(info))
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), temporaryPattern(path))
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, advise(err))
	}
	defer func() {
		if err != nil {
			_ = temporary.Close()
			_ = os.Remove(temporary.Name())
			err = fmt.Errorf("writing %s: %w", path, advise(err))
		}
	}()
	if _, err = temporary.Write(data); err != nil {
		return err
	}
	// A disk that is full may say so only when the data reaches it.
	if err = temporary.Sync(); err != nil {
		return err
	}
	if err = temporary.Chmod(fileMode); err != nil {
		return err
	}
	if err = temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// temporaryPattern matches the names of the temporary files of one file.
func temporaryPattern(path string) string { return "." + filepath.Base(path) + ".*.tmp" }

// makeDirectory makes a directory and its parents; one that exists already is fine.
func makeDirectory(path string) error {
	if err := os.MkdirAll(path, directoryMode); err != nil {
		if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("a file is in the way of the directory %s: move it elsewhere and run again: %w", path, err)
		}
		return fmt.Errorf("making the directory %s: %w", path, advise(err))
	}
	return nil
}

// removeFile removes a file, and what a killed write left beside it; one that is gone already is fine.
func removeFile(path string) error {
	entries, _ := os.ReadDir(filepath.Dir(path)) // without the directory there is nothing to remove
	for _, entry := range entries {
		if leftover, _ := filepath.Match(temporaryPattern(path), entry.Name()); leftover {
			_ = os.Remove(filepath.Join(filepath.Dir(path), entry.Name()))
		}
	}
	if err := os.Remove(path); err != nil && !isMissing(err) {
		return fmt.Errorf("removing %s: %w", path, advise(err))
	}
	return nil
}

// removeIfEmpty removes a directory that holds nothing and leaves any other alone.
func removeIfEmpty(path string) error {
	err := os.Remove(path)
	if err == nil || isMissing(err) || errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return fmt.Errorf("removing the directory %s: %w", path, advise(err))
}

// isMissing tells whether an error means that a path does not exist, also because a parent is a file.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// advise adds to an error of the file system what a person can do about it.
func advise(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: the disk is full: free some space and run again", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: let your user write there, or choose another directory, and run again", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: choose a directory on a disk that can be written", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: run `pulumi refresh` and then `pulumi up`, which makes missing directories again", err)
	}
	return err
}

func kindOf(info fs.FileInfo) string {
	switch {
	case info.IsDir():
		return "directory"
	case info.Mode()&fs.ModeSymlink != 0:
		return "symbolic link"
	case info.Mode().IsRegular():
		return "file"
	}
	return "special file"
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}
