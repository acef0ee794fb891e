package search

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// The tree-structured Parzen estimator over whole points: what is good together is drawn together. On six
// kinds of functions (a valley inside, in a corner, along a diagonal; smooth or rough) it found less loss than the
// estimator that looks at each parameter alone. Source: Bergstra et al., "Algorithms for Hyper-Parameter
// Optimization" (2011); Falkner et al., "BOHB" (2018).
const (
	startup    = 10   // random trials before the first model
	candidates = 96   // points of which the most promising is taken
	goodShare  = 0.15 // of the trials, and one more, count as good
	most       = 25   // good trials at most
	spread     = 0.15 // width of the range around one trial, as a share of a range; less around many
)

// parzen draws points from around good trials and takes the one where good trials are most frequent beside others.
// Points that were tried are not tried again: the same parameters give the same model.
func (s *Search) parzen(random *rand.Rand, known []Observation) Point {
	sorted := slices.Clone(known)
	slices.SortStableFunc(sorted, func(a, b Observation) int { return cmp.Compare(a.Loss, b.Loss) })
	n := min(int(math.Ceil(goodShare*float64(len(sorted))))+1, most)
	good, other := s.mixture(sorted[:n]), s.mixture(sorted[n:])
	tried := map[string]bool{}
	for _, o := range known {
		tried[s.key(o.Point)] = true
	}
	best, highest := Point(nil), math.Inf(-1)
	for range candidates {
		x := good.draw(random)
		p := s.point(x)
		if tried[s.key(p)] {
			continue
		}
		if score := good.at(x) - other.at(x); score > highest {
			best, highest = p, score
		}
	}
	if best == nil { // all around the good trials is known
		return s.random(random)
	}
	return best
}

// random draws every parameter evenly.
func (s *Search) random(random *rand.Rand) Point {
	p := Point{}
	for _, a := range s.axes {
		p[a.name] = a.text(a.at(random.Float64()))
	}
	return p
}

// key tells points apart.
func (s *Search) key(p Point) string {
	key := ""
	for _, a := range s.axes {
		key += p[a.name] + "\n"
	}
	return key
}

// point turns places into values.
func (s *Search) point(places []float64) Point {
	p := Point{}
	for i, a := range s.axes {
		if len(a.Values) > 0 {
			p[a.name] = a.Values[int(places[i])]
		} else {
			p[a.name] = a.text(a.at(places[i]))
		}
	}
	return p
}

// places is the inverse of point: where the values lie in their ranges, from 0 to 1, or the index of a listed one.
// ok is false for a point of another space.
func (s *Search) places(p Point) (places []float64, ok bool) {
	for _, a := range s.axes {
		x, err := float64(slices.Index(a.Values, p[a.name])), error(nil)
		if len(a.Values) == 0 {
			x, err = a.place(p[a.name])
		}
		if err != nil || x < 0 {
			return nil, false
		}
		places = append(places, min(x, max(1, float64(len(a.Values)-1))))
	}
	return places, true
}

// mixture is a sum of distributions over points: one around each trial, and an even one for what nobody tried.
type mixture struct {
	axes   []axis
	trials [][]float64
	width  float64 // of numbers
	other  float64 // share of a listed value that is not the trial's
}

func (s *Search) mixture(seen []Observation) *mixture {
	m := &mixture{axes: s.axes}
	for _, o := range seen {
		if places, ok := s.places(o.Point); ok {
			m.trials = append(m.trials, places)
		}
	}
	n := float64(len(m.trials))
	m.width = spread * math.Pow(max(1, n), -1/float64(len(s.axes)+4)) // Scott's rule
	m.other = 1 / (n + 1)
	return m
}

// draw takes a point. What would lie beyond an end lies on it: the best value is often the last one that is allowed.
func (m *mixture) draw(random *rand.Rand) []float64 {
	trial := random.IntN(len(m.trials) + 1)
	x := make([]float64, len(m.axes))
	for i, a := range m.axes {
		n := len(a.Values)
		switch even := trial == len(m.trials); {
		case n > 0 && (even || random.Float64() < m.other):
			x[i] = float64(random.IntN(n))
		case n > 0:
			x[i] = m.trials[trial][i]
		case even:
			x[i] = random.Float64()
		default:
			x[i] = min(max(m.trials[trial][i]+m.width*random.NormFloat64(), 0), 1)
		}
	}
	return x
}

// at is the logarithm of the density at a point.
func (m *mixture) at(x []float64) float64 {
	sum := 1.0
	for _, a := range m.axes {
		sum /= max(1, float64(len(a.Values)))
	}
	for _, trial := range m.trials {
		density := 1.0
		for i, a := range m.axes {
			density *= m.around(a, trial[i], x[i])
		}
		sum += density
	}
	return math.Log(sum / float64(len(m.trials)+1))
}

// around is the density of one parameter around a trial's value: of a normal distribution cut off at the ends, or the
// share of a listed value.
func (m *mixture) around(a axis, mean, x float64) float64 {
	if n := len(a.Values); n > 0 {
		share := m.other / float64(n)
		if x == mean {
			share += 1 - m.other
		}
		return share
	}
	inside := normal((1-mean)/m.width) - normal(-mean/m.width) // what lies between 0 and 1
	z := (x - mean) / m.width
	return math.Exp(-z*z/2) / (m.width * math.Sqrt(2*math.Pi) * inside)
}

// normal is the standard normal distribution function.
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
