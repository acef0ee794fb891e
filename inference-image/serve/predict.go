package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/mlpathway/mlpathway/inference-image/capture"
	"github.com/mlpathway/mlpathway/inference-image/protocol"
)

// form is one way to ask: how rows are read out of the body, and how the answer is written.
type form struct {
	read        func(x *scratch, m *served) error
	write       func(x *scratch, m *served) error
	contentType []string
}

var (
	jsonType  = []string{"application/json"}
	linesType = []string{"application/jsonlines"}
	csvType   = []string{"text/csv; charset=utf-8"}
	bytesType = []string{"application/octet-stream"}
)

// predictForm is that of POST /predict.
var predictForm = form{
	read:        func(x *scratch, m *served) error { return x.rows.ReadPredict(x.body, m.Model) },
	write:       writePredict,
	contentType: jsonType,
}

func writePredict(x *scratch, m *served) error {
	x.answer = m.answers.Predict(x.answer[:0], &x.rows, x.out)
	return nil
}

// fixed makes a choice of form that is always the same.
func fixed(f *form) func(*http.Request) (*form, error) {
	return func(*http.Request) (*form, error) { return f, nil }
}

// answering makes the handler of a route that predicts. The version is taken once, so that an answer belongs wholly
// to one.
func (s *server) answering(d *deployment, choose func(*http.Request) (*form, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		s.metrics.inFlight.Inc()
		defer s.metrics.inFlight.Dec()
		m := d.choose()
		if m == nil {
			s.refuse(w, d, nil, s.noModel(d), start)
			return
		}
		s.answer(w, r, d, m, choose, start)
	}
}

func (s *server) noModel(d *deployment) *failure {
	return &failure{http.StatusServiceUnavailable, "no_model",
		fmt.Errorf("no model yet: nothing has been promoted to %s of %s", d.arms[0].alias, d.name)}
}

// answer answers a request with a version.
func (s *server) answer(
	w http.ResponseWriter, r *http.Request, d *deployment, m *served, choose func(*http.Request) (*form, error),
	start time.Time,
) {
	f, err := choose(r)
	if err != nil {
		s.refuse(w, d, m, &failure{http.StatusUnsupportedMediaType, "media_type", err}, start)
		return
	}
	x := scratches.Get().(*scratch)
	defer x.release()
	x.id = requestID(r)
	if bad := x.read(w, r, s.o.MaxBody); bad != nil {
		s.refuse(w, d, m, bad, start)
		return
	}
	span := s.tracer.start(r, d.name, m.Manifest.Version)
	bad := s.predict(r.Context(), d, m, x, f.read, start)
	if bad == nil {
		if err := f.write(x, m); err != nil {
			bad = &failure{http.StatusBadRequest, "bad_request", err}
		}
	}
	span.end(x.rows.N, bad)
	if bad != nil {
		s.refuse(w, d, m, bad, start)
		return
	}
	header := w.Header()
	header["Content-Type"] = f.contentType
	header["X-Model-Version"] = m.version
	if x.header > 0 && x.header < len(x.answer) {
		header["Content-Type"] = bytesType
		header.Set("Inference-Header-Content-Length", strconv.Itoa(x.header))
	}
	if len(x.answer) >= sniffed {
		header["Content-Length"] = []string{strconv.Itoa(len(x.answer))}
	}
	_, _ = w.Write(x.answer) // the caller may have gone; there is nobody to tell
	s.done(d, m, x, start)
}

// sniffed is the size up to which net/http finds the Content-Length of an answer itself.
const sniffed = 2048

// requestID is the name that the caller gave the request, as far as it is one to be kept.
func requestID(r *http.Request) string {
	values := r.Header["X-Request-Id"]
	if len(values) == 0 {
		return ""
	}
	return plainID(values[0])
}

// plainID keeps a name of up to 128 letters, digits and - _ . : alone.
func plainID(id string) string {
	if len(id) > 128 {
		return ""
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == ':':
		default:
			return ""
		}
	}
	return id
}

// predict reads the rows and computes their predictions into the scratch.
func (s *server) predict(
	ctx context.Context, d *deployment, m *served, x *scratch, read func(*scratch, *served) error, start time.Time,
) *failure {
	if err := read(x, m); err != nil {
		kind := "bad_request"
		var e *protocol.Error
		if errors.As(err, &e) && e.Unknown {
			kind = "unknown_category"
			s.metrics.unknown.WithLabelValues(d.name, e.Column).Inc()
			if s.recorder != nil {
				s.recorder.RecordUnknown(start, m.Manifest.Version, e.Column)
			}
		}
		return &failure{http.StatusBadRequest, kind, err}
	}
	need := x.rows.N * m.Outputs()
	if cap(x.out) < need {
		x.out = make([]float32, need)
	}
	x.out = x.out[:need]
	return s.compute(ctx, m, x, start)
}

// rowsAtOnce are computed between two looks at whether the caller is still there.
const rowsAtOnce = 1024

var errDeadline = errors.New("the answer took longer than the server allows; send fewer rows, or try again")

// compute waits for a place and computes.
func (s *server) compute(ctx context.Context, m *served, x *scratch, start time.Time) *failure {
	if m.batcher != nil && x.rows.N < maxGathered {
		return failed(m.batcher.predict(ctx, x))
	}
	if !s.gate.try() {
		if bad := s.queued(ctx, start); bad != nil {
			return bad
		}
	}
	defer s.gate.leave()
	m.batchSize.Observe(float64(x.rows.N))
	inputs, outputs := m.Inputs(), m.Outputs()
	for from := 0; from < x.rows.N; from += rowsAtOnce {
		to := min(from+rowsAtOnce, x.rows.N)
		if from > 0 && (ctx.Err() != nil || time.Since(start) > s.o.Timeout) {
			return failed(cause(ctx))
		}
		err := m.Predict(x.rows.Values[from*inputs:to*inputs], to-from, x.out[from*outputs:to*outputs])
		if err != nil {
			return failed(err)
		}
	}
	return nil
}

// cause says why a computation that was cut off ended.
func cause(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return errDeadline
}

// queued waits for a place to compute until the deadline.
func (s *server) queued(ctx context.Context, start time.Time) *failure {
	s.metrics.queued.Inc()
	defer s.metrics.queued.Dec()
	ctx, cancel := context.WithDeadlineCause(ctx, start.Add(s.o.Timeout), errDeadline)
	defer cancel()
	return failed(s.gate.wait(ctx))
}

// failed turns an error of the computation into what the caller is told; nil for none.
func failed(err error) *failure {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errFull):
		return &failure{http.StatusServiceUnavailable, "queue_full", err}
	case errors.Is(err, errDeadline), errors.Is(err, context.DeadlineExceeded):
		return &failure{http.StatusGatewayTimeout, "deadline", errDeadline}
	case errors.Is(err, context.Canceled):
		return &failure{statusGone, "cancelled", errors.New("the caller went away")}
	default:
		return &failure{http.StatusInternalServerError, "engine", err}
	}
}

// statusGone is what logs and metrics say where the caller went away before the answer; nobody gets it.
const statusGone = 499

// refuse tells the caller what was wrong.
func (s *server) refuse(w http.ResponseWriter, d *deployment, m *served, f *failure, start time.Time) {
	s.count(d, m, f, start)
	if f.code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeFailure(w, f)
}

// count counts a request that was not answered.
func (s *server) count(d *deployment, m *served, f *failure, start time.Time) {
	version := "none"
	if m != nil {
		version = m.Manifest.Version
	}
	s.metrics.refused(d.name, version, f, start)
	if f.kind == "engine" {
		s.log.Error("computing a prediction", "model", d.name, "version", version, "error", f.err)
	}
}

func writeFailure(w http.ResponseWriter, f *failure) {
	var e *protocol.Error
	if !errors.As(f.err, &e) {
		e = &protocol.Error{Message: f.err.Error(), Row: -1}
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(f.code)
	_, _ = w.Write(e.Append(nil)) // the caller may have gone
}

// done records an answered request.
func (s *server) done(d *deployment, m *served, x *scratch, start time.Time) {
	s.capture(m, x, start)
	s.mirror(d, m, x)
	m.ok.Inc()
	m.predicted.Add(float64(x.rows.N))
	m.seconds.Observe(time.Since(start).Seconds())
}

func (s *server) capture(m *served, x *scratch, at time.Time) {
	if s.recorder == nil {
		return
	}
	inputs, outputs := m.Inputs(), m.Outputs()
	for i := range x.rows.N {
		out := x.out[i*outputs : (i+1)*outputs]
		s.recorder.Record(capture.Row{At: at, Version: m.Manifest.Version, Prediction: m.answers.Prediction(out),
			Features: x.rows.Row(i, inputs), Output: out, ID: x.id, Row: i,
			List: x.rows.List})
	}
}
