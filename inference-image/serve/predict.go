package serve

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/mlpathway/mlpathway/inference-image/capture"
)

// MaxBody is the largest body of a request in bytes.
const MaxBody = 8 << 20

// keptBuffer is the largest buffer that is kept for the next request.
const keptBuffer = 1 << 20

// scratch is the memory of one request.
type scratch struct {
	body    []byte
	answer  []byte
	out     []float32 // the outputs of all rows
	request request
}

var scratches = sync.Pool{New: func() any { return &scratch{body: make([]byte, 0, 4096)} }}

func (x *scratch) release() {
	if cap(x.body) <= keptBuffer && cap(x.answer) <= keptBuffer && cap(x.request.values)*4 <= keptBuffer &&
		cap(x.out)*4 <= keptBuffer {
		scratches.Put(x)
	}
}

// predict answers POST /predict. The model is taken once, so that an answer belongs wholly to one version.
func (s *server) predict(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	m := s.current.Load()
	if m == nil {
		s.metrics.refused(s.o.Model, "none", http.StatusServiceUnavailable, start)
		w.Header().Set("Retry-After", "1")
		writeError(w, http.StatusServiceUnavailable,
			fmt.Sprintf("no model yet: nothing has been promoted to %s of %s", s.o.Alias, s.o.Model))
		return
	}
	x := scratches.Get().(*scratch)
	defer x.release()
	if code, err := x.read(w, r); err != nil {
		s.refuse(w, m, code, err, start)
		return
	}
	if err := x.request.parse(x.body, m.Model); err != nil {
		s.refuse(w, m, http.StatusBadRequest, err, start)
		return
	}
	x.compute(m)
	header := w.Header()
	header["Content-Type"] = jsonType
	header["Content-Length"] = []string{strconv.Itoa(len(x.answer))}
	_, _ = w.Write(x.answer) // the caller may have gone; there is nobody to tell
	s.capture(m, x, start)
	m.ok.Inc()
	m.predicted.Add(float64(x.request.rows))
	m.seconds.Observe(time.Since(start).Seconds())
}

var jsonType = []string{"application/json"}

func (s *server) refuse(w http.ResponseWriter, m *served, code int, err error, start time.Time) {
	s.metrics.refused(m.Manifest.Name, m.Manifest.Version, code, start)
	writeError(w, code, err.Error())
}

// read takes the body into the scratch.
func (x *scratch) read(w http.ResponseWriter, r *http.Request) (code int, err error) {
	tooLarge := fmt.Sprintf("the body is larger than %d MiB; send fewer rows at a time", MaxBody>>20)
	if r.ContentLength > MaxBody {
		w.Header().Set("Connection", "close") // the body is not read to its end
		return http.StatusRequestEntityTooLarge, errors.New(tooLarge)
	}
	body := http.MaxBytesReader(w, r.Body, MaxBody)
	x.body = x.body[:0]
	for {
		if len(x.body) == cap(x.body) {
			x.body = append(x.body, 0)[:len(x.body)]
		}
		n, err := body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		var limit *http.MaxBytesError
		switch {
		case errors.Is(err, io.EOF):
			return 0, nil
		case errors.As(err, &limit):
			return http.StatusRequestEntityTooLarge, errors.New(tooLarge)
		case err != nil:
			return http.StatusBadRequest, errors.New("the body could not be read to its end")
		}
	}
}

// compute predicts the rows of the request and writes the answer.
func (x *scratch) compute(m *served) {
	q, inputs, outputs := &x.request, m.Inputs(), m.Outputs()
	need := q.rows * outputs
	if cap(x.out) < need {
		x.out = make([]float32, need)
	}
	x.out = x.out[:need]
	x.answer = x.answer[:0]
	if q.list {
		x.answer = append(x.answer, `{"predictions":[`...)
	}
	for i := range q.rows {
		out := x.out[i*outputs : (i+1)*outputs]
		m.Predict(q.values[i*inputs:(i+1)*inputs], out)
		if i > 0 {
			x.answer = append(x.answer, ',')
		}
		x.answer = m.appendAnswer(x.answer, out)
		if q.list {
			x.answer = append(x.answer, '}')
		}
	}
	if q.list {
		x.answer = append(x.answer, ']')
	}
	x.answer = append(x.answer, m.tail...)
}

func (s *server) capture(m *served, x *scratch, at time.Time) {
	if s.recorder == nil {
		return
	}
	inputs, outputs := m.Inputs(), m.Outputs()
	for i := range x.request.rows {
		out := x.out[i*outputs : (i+1)*outputs]
		s.recorder.Record(capture.Row{At: at, Version: m.Manifest.Version, Prediction: m.prediction(out),
			Features: x.request.values[i*inputs : (i+1)*inputs], Output: out})
	}
}
