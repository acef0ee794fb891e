package features

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// record is a row as a feature group keeps it: its key, when it was made, and its columns as a JSON object.
type record struct{ key, time, features string }

// putter puts one record into a feature group. It is called from several goroutines at a time.
type putter func(ctx context.Context, r record) error

// groups open feature groups, by the scheme of their address. They are added by the build tag cloud.
var groups = map[string]func(ctx context.Context, u *url.URL) (putter, error){}

// ErrGroup means an address of a feature group that the program does not know.
var ErrGroup = errors.New("no feature group has such an address")

// togetherRecords is how many records are under way at a time.
const togetherRecords = 16

// fillGroup puts every row into the feature group of the platform. A step that is tried again puts the same records.
func (f *features) fillGroup(ctx context.Context, r *result) error {
	if f.Group == "" {
		return nil
	}
	if f.Spec.Source.Key == "" {
		f.Say("note: the feature group stays empty, because source.key of pipeline.yaml names no key")
		return nil
	}
	u, err := url.Parse(f.Group)
	if err != nil {
		return fmt.Errorf("filling the feature group: %w", err)
	}
	open, ok := groups[u.Scheme]
	if !ok {
		return fmt.Errorf("filling the feature group: %w: found %q, want one of %s; those of clouds need a program that was "+
			"built with -tags cloud", ErrGroup, f.Group, strings.Join(slices.Sorted(maps.Keys(groups)), ", "))
	}
	put, err := open(ctx, u)
	if err != nil {
		return fmt.Errorf("filling the feature group %s: %w", f.Group, err)
	}
	if err := putAll(ctx, r, put, f.Record.Started.UTC()); err != nil {
		return fmt.Errorf("filling the feature group %s: %w", f.Group, err)
	}
	f.Say("the feature group got %d records", r.rows)
	return nil
}

// putAll puts all rows, several at a time, and ends at the first that fails.
func putAll(ctx context.Context, r *result, put putter, at time.Time) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	rows := make(chan record)
	var workers sync.WaitGroup
	for range togetherRecords {
		workers.Go(func() {
			for row := range rows {
				if err := put(ctx, row); err != nil {
					stop(fmt.Errorf("the row %q: %w", row.key, err))
				}
			}
		})
	}
	now := at.Format("2006-01-02T15:04:05.000Z") // the form that feature groups take
	err := r.each(func(key, features string) error {
		select {
		case rows <- record{key, now, features}:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(rows)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
