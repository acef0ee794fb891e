package batch

import (
	"context"
	"encoding/json"
	"io"
	"runtime/debug"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/internal/parquetschema"
)

// Columns of the predictions beside the key, and beside probability_<class> for each class.
const (
	rowColumn        = "row" // the number of the row from 0, where there is no key
	predictionColumn = "prediction"
	probabilityOf    = "probability_"
	modelColumn      = "model"
	versionColumn    = "version"
	timeColumn       = "time"
)

// rowGroupRows bounds the memory of the writer.
const rowGroupRows = 100_000

// stateKey is the entry in the footer of a part that holds the state of the run behind it.
const stateKey = "mlpathway.state"

// predict reads, predicts and writes part after part. One goroutine reads, some predict, and this one writes in order;
// there are two chunks for each worker and two more, so that memory does not grow with the input.
func (r *run) predict(ctx context.Context) error {
	source, keyNode, err := r.input.open(ctx, r.model, r.key, r.state.Position)
	if err != nil {
		return err
	}
	defer source.close()
	w, err := newPartWriter(r, keyNode)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	chunks := 2*r.o.Workers + 2
	w.free = make(chan *chunk, chunks)
	for range chunks {
		w.free <- &chunk{}
	}
	queue := make(chan chan *chunk, chunks)
	read := make(chan struct{})
	go func() {
		defer close(read)
		r.dispatch(ctx, source, w.free, queue)
	}()
	defer func() { // the reader is gone before the source is closed
		cancel()
		for range queue {
		}
		<-read
	}()
	next, more := <-queue
	for first := len(r.report.Parts) == 0; first || more; first = false {
		part := r.part(len(r.report.Parts))
		if len(r.report.Parts) == 0 {
			if err := r.begin(ctx); err != nil {
				return err
			}
		}
		err := r.results.WriteFrom(ctx, part, func(to io.Writer) (err error) {
			next, more, err = w.part(ctx, to, queue, next, more)
			return err
		})
		if err != nil {
			return err
		}
		r.report.Parts = append(r.report.Parts, part)
	}
	r.report.Key = w.key
	return ctx.Err()
}

// dispatch gives each chunk to a worker of its own, and the places of their results to the writer in order.
func (r *run) dispatch(ctx context.Context, source source, free <-chan *chunk, queue chan<- chan *chunk) {
	defer close(queue)
	workers := make(chan struct{}, r.o.Workers)
	for {
		var c *chunk
		select {
		case c = <-free:
			c.reset()
		case <-ctx.Done():
			return
		}
		place := make(chan *chunk, 1)
		c.err = source.next(c)
		if isEnd(c.err) {
			return
		}
		if c.err != nil {
			place <- c
			queue <- place
			return
		}
		workers <- struct{}{}
		go func() {
			defer func() { <-workers }()
			c.err = r.compute(source, c)
			place <- c
		}()
		queue <- place
	}
}

func (r *run) compute(source source, c *chunk) error {
	if err := source.decode(c); err != nil {
		return err
	}
	need := c.n * r.model.Outputs()
	c.out = slices.Grow(c.out, need)[:need]
	return r.model.Predict(c.values, c.n, c.out)
}

// partWriter writes predictions as Parquet.
type partWriter struct {
	run    *run
	key    string // the name of the first column
	schema *parquet.Schema
	tail   []parquet.Value // model, version and time, the same in each row
	labels [][]byte
	free   chan *chunk // takes what has been written

	rows   []parquet.Row // the memory of write
	values []parquet.Value
}

// newPartWriter sets the columns of the predictions.
func newPartWriter(r *run, keyNode parquet.Node) (*partWriter, error) {
	m := &r.model.Manifest
	w := &partWriter{run: r, key: r.key}
	if keyNode == nil {
		w.key, keyNode = rowColumn, parquet.Int(64)
	}
	taken := map[string]bool{predictionColumn: true, modelColumn: true, versionColumn: true, timeColumn: true}
	for _, class := range m.Classes {
		taken[probabilityOf+class] = true
		w.labels = append(w.labels, []byte(class))
	}
	for taken[w.key] {
		w.key += "_key"
	}
	answer := parquet.Leaf(parquet.DoubleType)
	if !r.model.Regression() {
		answer = parquet.String()
	}
	columns := []parquetschema.Column{{Name: w.key, Node: keyNode}, {Name: predictionColumn, Node: answer}}
	add := func(name string, node parquet.Node) {
		columns = append(columns, parquetschema.Column{Name: name, Node: node})
	}
	for _, class := range m.Classes {
		add(probabilityOf+class, parquet.Leaf(parquet.FloatType))
	}
	add(modelColumn, parquet.Encoded(parquet.String(), &parquet.RLEDictionary))
	add(versionColumn, parquet.Encoded(parquet.String(), &parquet.RLEDictionary))
	add(timeColumn, parquet.Timestamp(parquet.Microsecond))
	var err error
	if w.schema, err = parquetschema.New("predictions", columns); err != nil {
		return nil, err
	}
	at := len(columns) - 3
	w.tail = []parquet.Value{
		parquet.ByteArrayValue([]byte(m.Name)).Level(0, 0, at),
		parquet.ByteArrayValue([]byte(m.Version)).Level(0, 0, at+1),
		parquet.Int64Value(r.report.Time.UnixMicro()).Level(0, 0, at+2),
	}
	return w, nil
}

// part writes chunks until the part is full or the input ends, and returns the place that comes next.
func (w *partWriter) part(
	ctx context.Context, to io.Writer, queue <-chan chan *chunk, next chan *chunk, more bool,
) (chan *chunk, bool, error) {
	// A writer that was reset writes a footer without the names of columns (parquet-go 0.32), so that each part has its
	// own, and what the last one leaves behind goes first.
	debug.FreeOSMemory()
	out := parquet.NewGenericWriter[any](to, w.schema, parquet.MaxRowsPerRowGroup(rowGroupRows),
		parquet.Compression(&parquet.Snappy), parquet.CreatedBy("mlpathway", "1", ""))
	s := &w.run.state
	for rows := 0; more && rows < w.run.o.PartRows; next, more = <-queue {
		if err := ctx.Err(); err != nil {
			return next, more, err
		}
		c := <-next
		if c.err != nil {
			return next, more, c.err
		}
		if err := w.write(out, c); err != nil {
			return next, more, err
		}
		rows += c.n
		s.Position, s.MissingRequired = c.end, s.MissingRequired+c.missing
		w.free <- c
	}
	text, err := json.Marshal(s)
	if err != nil {
		return next, more, err
	}
	out.SetKeyValueMetadata(stateKey, string(text))
	return next, more, out.Close()
}

func (w *partWriter) write(out *parquet.GenericWriter[any], c *chunk) error {
	m, s := w.run.model, &w.run.state
	outputs := m.Outputs()
	// The values do not move while rows point to them.
	w.values = slices.Grow(w.values[:0], c.n*(2+outputs+len(w.tail)))
	w.rows = slices.Grow(w.rows[:0], c.n)
	rows, values := w.rows, w.values
	for i := range c.n {
		start := len(values)
		key := parquet.Int64Value(s.Rows)
		if len(c.keys) > 0 {
			key = c.keys[i]
		}
		values = append(values, key.Level(0, key.DefinitionLevel(), 0))
		answer := c.out[i*outputs : (i+1)*outputs]
		if m.Regression() {
			s.Sum += float64(answer[0])
			values = append(values, parquet.DoubleValue(float64(answer[0])).Level(0, 0, 1))
		} else {
			class := model.Class(answer)
			s.Classes[m.Manifest.Classes[class]]++
			values = append(values, parquet.ByteArrayValue(w.labels[class]).Level(0, 0, 1))
			for j, probability := range answer {
				values = append(values, parquet.FloatValue(probability).Level(0, 0, 2+j))
			}
		}
		values = append(values, w.tail...)
		rows = append(rows, values[start:len(values):len(values)])
		s.Rows++
	}
	_, err := out.WriteRows(rows)
	return err
}
