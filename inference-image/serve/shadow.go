package serve

import (
	"context"
	"math"

	"github.com/mlpathway/mlpathway/inference-image/model"
)

// shadowed are rows that another version answered, for the shadow to answer as well.
type shadowed struct {
	by   *served
	rows []float32
	out  []float32
	n    int
}

// shadowQueue is how many requests may wait for the shadow; more are left out.
const shadowQueue = 256

// shadowRows are looked at of one request.
const shadowRows = 256

// mirror hands the rows of an answered request to the shadow. It never waits.
func (s *server) mirror(d *deployment, m *served, x *scratch) {
	if d.shadow == nil || d.shadow.current.Load() == nil {
		return
	}
	n := min(x.rows.N, shadowRows)
	c := shadowed{by: m, n: n, rows: append([]float32(nil), x.rows.Values[:n*m.Inputs()]...),
		out: append([]float32(nil), x.out[:n*m.Outputs()]...)}
	select {
	case d.queue <- c:
	default:
		s.metrics.shadowDropped.Add(float64(n))
	}
}

// runShadow answers with the shadow what others answered, and counts where it says something else.
func (s *server) runShadow(ctx context.Context, d *deployment) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-d.queue:
			s.compare(d.shadow.current.Load(), &c)
		}
	}
}

func (s *server) compare(shadow *served, c *shadowed) {
	if shadow.Inputs() != c.by.Inputs() || shadow.Outputs() != c.by.Outputs() {
		s.metrics.shadowDropped.Add(float64(c.n))
		return
	}
	outputs := shadow.Outputs()
	out := make([]float32, c.n*outputs)
	if err := shadow.Predict(c.rows, c.n, out); err != nil {
		s.metrics.shadowDropped.Add(float64(c.n))
		s.log.Error("computing a shadow's prediction", "version", shadow.Manifest.Version, "error", err)
		return
	}
	name, version := shadow.Manifest.Name, shadow.Manifest.Version
	difference := s.metrics.shadowDifference.WithLabelValues(name, version)
	for i := range c.n {
		was, is := c.out[i*outputs:(i+1)*outputs], out[i*outputs:(i+1)*outputs]
		agrees := "true"
		if !shadow.Regression() && model.Class(was) != model.Class(is) {
			agrees = "false"
		}
		largest := 0.0
		for j := range is {
			largest = max(largest, math.Abs(float64(is[j])-float64(was[j])))
		}
		difference.Observe(largest)
		s.metrics.shadowRows.WithLabelValues(name, version, agrees).Inc()
	}
}
