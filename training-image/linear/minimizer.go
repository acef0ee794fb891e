package linear

import "math"

// minimizer is limited-memory BFGS with a line search that halves the step. All of it is part of a fit's state.
type minimizer struct {
	Point    []float64 `json:"point"`
	Value    float64   `json:"value"`
	Gradient []float64 `json:"gradient"`
	// Steps and Changes are the last moves of the point and of the gradient, the oldest first.
	Steps   [][]float64 `json:"steps"`
	Changes [][]float64 `json:"changes"`
	// Done tells that the minimum has been found.
	Done bool `json:"done"`
}

const (
	memory         = 10   // moves that are kept
	flat           = 1e-5 // a gradient below this is that of the minimum
	least          = 1e-9 // a relative gain below this is none
	wolfe          = 1e-4 // share of the promised gain that a step must bring
	mostHalvings   = 30
	leastCurvature = 1e-12
)

// step makes one iteration. value computes the function and its gradient.
func (m *minimizer) step(value func(point, gradient []float64) float64) {
	if m.Gradient == nil {
		m.Gradient = make([]float64, len(m.Point))
		m.Value = value(m.Point, m.Gradient)
	}
	direction := m.direction()
	slope := dot(direction, m.Gradient)
	size := 1.0
	if len(m.Steps) == 0 {
		size = min(1, 1/math.Sqrt(max(dot(m.Gradient, m.Gradient), 1e-300)))
	}
	point, gradient := make([]float64, len(m.Point)), make([]float64, len(m.Point))
	for range mostHalvings {
		for i := range point {
			point[i] = m.Point[i] + size*direction[i]
		}
		next := value(point, gradient)
		if next <= m.Value+wolfe*size*slope {
			m.accept(point, gradient, next)
			return
		}
		size /= 2
	}
	m.Done = true // no step brings anything more: the numbers are too coarse
}

func (m *minimizer) accept(point, gradient []float64, value float64) {
	move, change := make([]float64, len(point)), make([]float64, len(point))
	largest := 0.0
	for i := range point {
		move[i], change[i] = point[i]-m.Point[i], gradient[i]-m.Gradient[i]
		largest = max(largest, math.Abs(gradient[i]))
	}
	if dot(move, change) > leastCurvature*dot(change, change) {
		m.Steps, m.Changes = append(m.Steps, move), append(m.Changes, change)
		if len(m.Steps) > memory {
			m.Steps, m.Changes = m.Steps[1:], m.Changes[1:]
		}
	}
	m.Done = largest < flat || m.Value-value < least*max(1, math.Abs(m.Value))
	m.Point, m.Gradient, m.Value = point, gradient, value
}

// direction is the gradient multiplied with the approximated inverse of the second derivative, downwards.
func (m *minimizer) direction() []float64 {
	d := make([]float64, len(m.Gradient))
	for i, g := range m.Gradient {
		d[i] = -g
	}
	n := len(m.Steps)
	shares := make([]float64, n)
	for i := n - 1; i >= 0; i-- {
		shares[i] = dot(m.Steps[i], d) / dot(m.Steps[i], m.Changes[i])
		addTo(d, m.Changes[i], -shares[i])
	}
	if n > 0 {
		scale := dot(m.Steps[n-1], m.Changes[n-1]) / dot(m.Changes[n-1], m.Changes[n-1])
		for i := range d {
			d[i] *= scale
		}
	}
	for i := range n {
		back := dot(m.Changes[i], d) / dot(m.Steps[i], m.Changes[i])
		addTo(d, m.Steps[i], shares[i]-back)
	}
	return d
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

// addTo adds a multiple of b to a.
func addTo(a, b []float64, times float64) {
	for i, x := range b {
		a[i] += times * x
	}
}
