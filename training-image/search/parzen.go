package search

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// The tree-structured Parzen estimator.
// Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011), and the defaults of its widely used
// implementations.
const (
	startup    = 10 // random trials before the first model
	candidates = 48 // points of which the most promising is taken
	most       = 25 // good trials at most
)

// parzen draws points from where good trials lie and takes the one where good trials are most frequent beside others.
func (s *Search) parzen(random *rand.Rand, known []Observation) Point {
	sorted := slices.Clone(known)
	slices.SortStableFunc(sorted, func(a, b Observation) int { return cmp.Compare(a.Loss, b.Loss) })
	n := min(int(math.Ceil(0.15*float64(len(sorted))))+1, most)
	good, bad := sorted[:n], sorted[n:]
	p := Point{}
	for _, a := range s.axes {
		p[a.name] = a.best(random, good, bad)
	}
	return p
}

// best draws values of one parameter and takes the most promising one.
func (a axis) best(random *rand.Rand, good, bad []Observation) string {
	likely, other := a.density(good), a.density(bad)
	best, text := math.Inf(-1), ""
	for range candidates {
		x := likely.draw(random)
		if score := math.Log(likely.at(x)) - math.Log(other.at(x)); score > best {
			best, text = score, a.text(a.value(x))
		}
	}
	return text
}

// value turns a place from 0 to 1, or the index of a listed value, into a value.
func (a axis) value(x float64) float64 {
	if len(a.Values) > 0 {
		return x
	}
	return a.at(x)
}

// density is an estimated distribution.
type density interface {
	draw(random *rand.Rand) float64
	at(x float64) float64
}

func (a axis) density(seen []Observation) density {
	if len(a.Values) > 0 {
		d := make(frequencies, len(a.Values))
		for i := range d {
			d[i] = 1
		}
		for _, o := range seen {
			if i := slices.Index(a.Values, o.Point[a.name]); i >= 0 {
				d[i]++
			}
		}
		return d
	}
	var places []float64
	for _, o := range seen {
		if x, err := a.place(o.Point[a.name]); err == nil {
			places = append(places, x)
		}
	}
	return newMixture(places)
}

// frequencies count listed values.
type frequencies []float64

func (f frequencies) sum() float64 {
	sum := 0.0
	for _, n := range f {
		sum += n
	}
	return sum
}

func (f frequencies) draw(random *rand.Rand) float64 {
	x := random.Float64() * f.sum()
	for i, n := range f {
		if x -= n; x < 0 {
			return float64(i)
		}
	}
	return float64(len(f) - 1)
}

func (f frequencies) at(x float64) float64 { return f[int(x)] / f.sum() }

// mixture is a sum of normal distributions between 0 and 1: one for each trial, and a wide one for what nobody tried.
type mixture struct {
	means, widths []float64
}

func newMixture(places []float64) *mixture {
	m := &mixture{means: append(slices.Clone(places), 0.5)}
	slices.Sort(m.means)
	n := len(m.means)
	narrowest := 1 / math.Min(100, float64(n+1))
	for i, x := range m.means {
		left, right := x, 1-x
		if i > 0 {
			left = x - m.means[i-1]
		}
		if i < n-1 {
			right = m.means[i+1] - x
		}
		width := math.Min(math.Max(math.Max(left, right), narrowest), 1)
		m.widths = append(m.widths, width)
	}
	at, _ := slices.BinarySearch(m.means, 0.5)
	m.widths[at] = 1
	return m
}

func (m *mixture) draw(random *rand.Rand) float64 {
	i := random.IntN(len(m.means))
	for range 100 {
		if x := m.means[i] + m.widths[i]*random.NormFloat64(); x >= 0 && x <= 1 {
			return x
		}
	}
	return math.Min(math.Max(m.means[i], 0), 1)
}

func (m *mixture) at(x float64) float64 {
	sum := 0.0
	for i, mean := range m.means {
		w := m.widths[i]
		inside := normal((1-mean)/w) - normal(-mean/w) // what lies between 0 and 1
		z := (x - mean) / w
		sum += math.Exp(-z*z/2) / (w * math.Sqrt(2*math.Pi) * inside)
	}
	return sum / float64(len(m.means))
}

// normal is the standard normal distribution function.
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
