// Package checkpoint keeps the state of a training outside the process, so that another one goes on from there.
package checkpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// Store is the place of one training's checkpoint. The newest one replaces the one before, atomically.
type Store struct {
	zone *lake.Zone
	key  string
}

// Open opens the place of a training at an address: the URI of a zone, or an absolute directory, which is made.
func Open(ctx context.Context, address, key string) (*Store, error) {
	zone, err := lake.OpenAt(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("opening the checkpoints: %w", err)
	}
	return &Store{zone: zone, key: key}, nil
}

// Close releases the place.
func (s *Store) Close() error { return s.zone.Close() }

// header is the first line of a checkpoint; the state follows.
type header struct {
	// Request identifies what is trained: a state is of no use for another request.
	Request string `json:"request"`
	// Round after which it was taken.
	Round int `json:"round"`
	// SHA256 of the state.
	SHA256 string `json:"sha256"`
}

// Save replaces the checkpoint.
func (s *Store) Save(ctx context.Context, request string, round int, state []byte) error {
	data, err := json.Marshal(header{Request: request, Round: round, SHA256: registry.Sum(state)})
	if err != nil {
		return err
	}
	data = append(append(data, '\n'), state...)
	if err := s.zone.Write(ctx, s.key, data); err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	return nil
}

// Load reads the checkpoint of a request. round is 0 where there is none for it; note says why one that is there is of
// no use.
func (s *Store) Load(ctx context.Context, request string) (round int, state []byte, note string, err error) {
	data, err := s.zone.Read(ctx, s.key)
	if errors.Is(err, lake.ErrNotFound) {
		return 0, nil, "", nil
	}
	if err != nil {
		return 0, nil, "", fmt.Errorf("reading the checkpoint: %w", err)
	}
	line, state, _ := bytes.Cut(data, []byte("\n"))
	var h header
	whole := json.Unmarshal(line, &h) == nil && h.SHA256 == registry.Sum(state)
	switch {
	case !whole:
		return 0, nil, "it is damaged", nil
	case h.Request != request:
		return 0, nil, "data, parameters, libraries or the number of ranks have changed since", nil
	}
	return h.Round, state, "", nil
}

// Remove deletes the checkpoint; a missing one is no error.
func (s *Store) Remove(ctx context.Context) error { return s.zone.Delete(ctx, s.key) }
