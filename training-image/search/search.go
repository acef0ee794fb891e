// Package search proposes values of parameters: all of a grid, random ones, or those that a model of the trials so far
// holds for the most promising (the tree-structured Parzen estimator).
//
// A proposal depends on the seed, the number of the trial and the trials before it, and on nothing else, so that a
// search can be stopped, spread over processes and gone on with.
package search

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/mlpathway/mlpathway/internal/pipeline"
)

// Point holds a value for each parameter, as it is written in pipeline.yaml.
type Point map[string]string

// Observation is a trial that has ended. The lower the loss, the better.
type Observation struct {
	Point Point
	Loss  float64
}

// Search proposes points.
type Search struct {
	strategy pipeline.Strategy
	seed     uint64
	axes     []axis
}

// axis is one parameter with its range, in the order of the names.
type axis struct {
	name string
	pipeline.Range
	whole bool
}

// New makes the search of a pipeline.
func New(t *pipeline.Tuning) *Search {
	s := &Search{strategy: t.Strategy, seed: uint64(t.Seed)}
	for _, name := range slices.Sorted(maps.Keys(t.Space)) {
		s.axes = append(s.axes, axis{name, t.Space[name], pipeline.Whole(name)})
	}
	return s
}

// Size is the number of points of the grid.
func (s *Search) Size() int {
	n := 1
	for _, a := range s.axes {
		n *= len(a.steps())
	}
	return n
}

// Propose gives the point of a trial, counted from 0. known are trials before it.
func (s *Search) Propose(trial int, known []Observation) Point {
	random := rand.New(rand.NewPCG(s.seed, uint64(trial)))
	switch {
	case s.strategy == pipeline.GridSearch:
		return s.grid(trial)
	case s.strategy == pipeline.BayesianSearch && len(known) >= startup:
		return s.parzen(random, known)
	}
	return s.random(random)
}

// grid counts through the points, the last parameter fastest.
func (s *Search) grid(trial int) Point {
	p := Point{}
	for _, a := range slices.Backward(s.axes) {
		steps := a.steps()
		p[a.name] = steps[trial%len(steps)]
		trial /= len(steps)
	}
	return p
}

// steps are the values of a parameter in a grid.
func (a axis) steps() []string {
	if len(a.Values) > 0 {
		return a.Values
	}
	var all []string
	for i := range a.Steps {
		text := a.text(a.at((float64(i)) / float64(max(1, a.Steps-1))))
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// at gives the value at a share of the range: a number, or the index of a listed value.
func (a axis) at(share float64) float64 {
	if n := len(a.Values); n > 0 {
		return math.Min(math.Floor(share*float64(n)), float64(n-1))
	}
	low, high := a.bounds()
	x := low + share*(high-low)
	if a.Log {
		x = math.Exp(x)
	}
	if a.whole {
		x = math.Round(x)
	}
	return math.Min(math.Max(x, *a.Min), *a.Max)
}

// bounds of the scale on which values are drawn. Whole numbers get half a step more on both sides, so that the ends are
// as likely as the others.
func (a axis) bounds() (low, high float64) {
	low, high = *a.Min, *a.Max
	if a.whole {
		low, high = low-0.499, high+0.499
	}
	if a.Log {
		return math.Log(low), math.Log(high)
	}
	return low, high
}

// place is the inverse of at: where a value lies in the range, from 0 to 1.
func (a axis) place(text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is no number", a.name, text)
	}
	low, high := a.bounds()
	if a.Log {
		x = math.Log(x)
	}
	return (x - low) / (high - low), nil
}

// text writes a value as it stands in pipeline.yaml.
func (a axis) text(x float64) string {
	if len(a.Values) > 0 {
		return a.Values[int(x)]
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}
