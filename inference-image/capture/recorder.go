package capture

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
)

// Options of a recorder.
type Options struct {
	// Logs is the zone that the files go to.
	Logs *lake.Zone
	// Share of the rows that are kept, 0 to 1.
	Share float64
	// Files is how many files are kept; older ones are deleted.
	Files int
	// Interval is the longest time that a row waits for its file. Default 2 s.
	Interval time.Duration
	// Log takes what goes wrong. Default slog.Default.
	Log *slog.Logger
	// OnKept and OnDropped count rows; optional.
	OnKept    func(rows int)
	OnDropped func(rows int)
}

// The bounds of a batch.
const (
	flushRows = 1000      // a batch of so many rows is written at once
	maxRows   = 8 * 1024  // rows that may wait while the disk is slow; more are dropped
	maxValues = 2_000_000 // numbers that may wait, 8 MB
)

// Recorder takes rows and writes them in batches. It is safe for concurrent use.
type Recorder struct {
	o    Options
	full chan struct{} // tells Run that a batch is full

	mu      sync.Mutex
	waiting batch

	// What follows belongs to Run alone.
	writing batch
	buffer  []byte
	files   []string
	number  int
	failing bool
}

type batch struct {
	rows   []entry
	values []float32 // of all rows: features, then output
}

type entry struct {
	at         time.Time
	version    string
	prediction []byte
	features   int
	output     int
	id         string
	row        int
	list       bool
	unknown    string
}

// New makes a recorder; Run must be called for it to write.
func New(o Options) *Recorder {
	if o.Interval <= 0 {
		o.Interval = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	nothing := func(int) {}
	if o.OnKept == nil {
		o.OnKept = nothing
	}
	if o.OnDropped == nil {
		o.OnDropped = nothing
	}
	return &Recorder{o: o, full: make(chan struct{}, 1)}
}

// Row is what Record takes. The slices are copied, save Prediction, which must not change.
type Row struct {
	At      time.Time
	Version string
	// Prediction is the JSON of the predicted class; nil for a regression.
	Prediction       []byte
	Features, Output []float32
	// ID that the caller gave the request; empty where it gave none. Row is the number of the row in a List.
	ID   string
	Row  int
	List bool
}

// Record takes a row, or drops it where too many wait for the disk.
func (r *Recorder) Record(row Row) {
	r.put(entry{at: row.At, version: row.Version, prediction: row.Prediction, features: len(row.Features),
		output: len(row.Output), id: row.ID, row: row.Row, list: row.List}, row.Features, row.Output)
}

// RecordUnknown takes a row that was refused for an unknown category of an input.
func (r *Recorder) RecordUnknown(at time.Time, version, input string) {
	r.put(entry{at: at, version: version, unknown: input}, nil, nil)
}

func (r *Recorder) put(e entry, features, output []float32) {
	if r.o.Share < 1 && rand.Float64() >= r.o.Share {
		return
	}
	r.mu.Lock()
	b := &r.waiting
	if len(b.rows) >= maxRows || len(b.values) >= maxValues {
		r.mu.Unlock()
		r.o.OnDropped(1)
		return
	}
	b.rows = append(b.rows, e)
	b.values = append(append(b.values, features...), output...)
	full := len(b.rows) >= flushRows
	r.mu.Unlock()
	if full {
		select {
		case r.full <- struct{}{}:
		default:
		}
	}
}

// Run writes batches until ctx ends, and then what is left.
func (r *Recorder) Run(ctx context.Context) {
	// Writes must not be cut off by the end of ctx: the last batch is written after it.
	write := context.WithoutCancel(ctx)
	r.listFiles(write)
	tick := time.NewTicker(r.o.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.flush(write)
			return
		case <-tick.C:
		case <-r.full:
		}
		r.flush(write)
	}
}

func (r *Recorder) listFiles(ctx context.Context) {
	objects, err := r.o.Logs.List(ctx, Prefix)
	if err != nil {
		r.o.Log.Warn("listing the captured rows", "error", err)
		return
	}
	for _, o := range objects {
		if strings.HasSuffix(o.Key, ".jsonl") {
			r.files = append(r.files, o.Key)
		}
	}
}

func (r *Recorder) flush(ctx context.Context) {
	r.mu.Lock()
	r.waiting, r.writing = r.writing, r.waiting
	r.mu.Unlock()
	b := &r.writing
	rows := len(b.rows)
	if rows == 0 {
		return
	}
	r.buffer = b.encode(r.buffer[:0])
	b.rows, b.values = b.rows[:0], b.values[:0]
	r.number++
	key := fmt.Sprintf("%s%s-%06d.jsonl", Prefix, time.Now().UTC().Format("20060102T150405.000000000Z"), r.number)
	if err := r.o.Logs.Write(ctx, key, r.buffer); err != nil {
		r.o.OnDropped(rows)
		if !r.failing { // once, and not every two seconds
			r.o.Log.Error("captured rows are lost; make room in the logs zone", "rows", rows, "error", err)
		}
		r.failing = true
		return
	}
	r.failing = false
	r.o.OnKept(rows)
	r.files = append(r.files, key)
	r.rotate(ctx)
}

func (r *Recorder) rotate(ctx context.Context) {
	for len(r.files) > max(r.o.Files, 1) {
		if err := r.o.Logs.Delete(ctx, r.files[0]); err != nil {
			r.o.Log.Warn("deleting old captured rows", "error", err)
			return
		}
		r.files = r.files[1:]
	}
}

func (b *batch) encode(to []byte) []byte {
	values := b.values
	for i := range b.rows {
		e := &b.rows[i]
		features, output := values[:e.features], values[e.features:e.features+e.output]
		values = values[e.features+e.output:]
		to = e.append(to, features, output)
	}
	return to
}
