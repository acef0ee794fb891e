package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/training-image/step"
)

// lookZone compares all objects of the zone with what the state file says was there when a run was last asked for.
func (w *watcher) lookZone(ctx context.Context, zone *lake.Zone) (fingerprint, reason string, err error) {
	objects, err := zone.List(ctx, "")
	if err != nil || len(objects) == 0 {
		return "", "", err
	}
	fingerprint = step.Fingerprint(objects, nil)
	seen, err := os.ReadFile(w.State)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fingerprint, "nothing has been run yet", nil
	case err != nil:
		return "", "", err
	case strings.TrimSpace(string(seen)) != fingerprint:
		return fingerprint, "the zone has changed", nil
	default:
		return fingerprint, "", nil
	}
}

// remember notes in the state file, in one step, that a run was asked for.
func (w *watcher) remember(fingerprint string) error {
	if w.State == "" {
		return nil // the run record tells
	}
	if err := os.MkdirAll(filepath.Dir(w.State), 0o700); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	next := w.State + ".next"
	if err := os.WriteFile(next, []byte(fingerprint+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	if err := os.Rename(next, w.State); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	return nil
}
