package card

import (
	"fmt"
	"strings"
)

// The size of a drawing and its margins.
const (
	width, height = 560.0, 260.0
	left, bottom  = 60.0, 40.0
	right, top    = 20.0, 20.0
)

// Plot is a drawing of lines over two axes.
type Plot struct {
	// Lines are the points of polylines, as SVG wants them, and Dots single points.
	Lines []string
	Dots  [][2]float64
	// XTicks and YTicks are the least and the largest value of the axes.
	XTicks, YTicks [2]string
}

// scale maps values to places.
type scale struct{ x0, x1, y0, y1 float64 }

func (s *scale) at(x, y float64) (float64, float64) {
	share := func(v, from, to float64) float64 {
		if to == from {
			return 0.5
		}
		return (v - from) / (to - from)
	}
	return left + share(x, s.x0, s.x1)*(width-left-right), height - bottom - share(y, s.y0, s.y1)*(height-top-bottom)
}

// Loss draws the learning curves: of the validation rows, then of the training rows where it was measured.
func (c *Card) Loss() *Plot {
	if len(c.Curve) < 2 {
		return nil
	}
	s := scale{x0: 1, x1: float64(len(c.Curve)), y0: c.Curve[0].Loss, y1: c.Curve[0].Loss}
	for _, p := range c.Curve {
		s.y0, s.y1 = min(s.y0, p.Loss), max(s.y1, p.Loss)
		if p.TrainLoss != 0 {
			s.y0, s.y1 = min(s.y0, p.TrainLoss), max(s.y1, p.TrainLoss)
		}
	}
	var validation, train strings.Builder
	plot := &Plot{XTicks: [2]string{"1", fmt.Sprint(len(c.Curve))},
		YTicks: [2]string{fmt.Sprintf("%.4g", s.y0), fmt.Sprintf("%.4g", s.y1)}}
	for _, p := range c.Curve {
		x, y := s.at(float64(p.Round), p.Loss)
		_, _ = fmt.Fprintf(&validation, "%.1f,%.1f ", x, y)
		if p.TrainLoss != 0 {
			x, y := s.at(float64(p.Round), p.TrainLoss)
			_, _ = fmt.Fprintf(&train, "%.1f,%.1f ", x, y)
		}
		if p.Round == c.Kept {
			plot.Dots = append(plot.Dots, [2]float64{x, y})
		}
	}
	plot.Lines = append(plot.Lines, strings.TrimSpace(validation.String()))
	if train.Len() > 0 {
		plot.Lines = append(plot.Lines, strings.TrimSpace(train.String()))
	}
	return plot
}

// Calibration draws how often it was so against how probable the model said it was; the diagonal is perfect.
func (c *Card) Calibration() *Plot {
	if len(c.Metrics.Calibration) == 0 {
		return nil
	}
	s := scale{x1: 1, y1: 1}
	plot := &Plot{XTicks: [2]string{"0", "1"}, YTicks: [2]string{"0", "1"}}
	line := func(points [][2]float64) {
		var b strings.Builder
		for _, p := range points {
			x, y := s.at(p[0], p[1])
			_, _ = fmt.Fprintf(&b, "%.1f,%.1f ", x, y)
		}
		plot.Lines = append(plot.Lines, strings.TrimSpace(b.String()))
	}
	var points [][2]float64
	for _, b := range c.Metrics.Calibration {
		points = append(points, [2]float64{b.Predicted, b.Observed})
		x, y := s.at(b.Predicted, b.Observed)
		plot.Dots = append(plot.Dots, [2]float64{x, y})
	}
	line(points)
	line([][2]float64{{0, 0}, {1, 1}})
	return plot
}

// Bar is one bar of the importance.
type Bar struct {
	Name, Value string
	Y, Width    float64
}

// Bars draws the importance of the inputs.
func (c *Card) Bars() []Bar {
	const step, longest = 22.0, 300.0
	var bars []Bar
	all := c.Importance()
	for i, s := range all {
		bars = append(bars, Bar{Name: s.Name, Value: fmt.Sprintf("%.1f %%", 100*s.Share), Y: float64(i) * step,
			Width: longest * s.Share / max(all[0].Share, 1e-9)})
	}
	return bars
}

// BarsHeight is the height of the drawing of bars.
func (c *Card) BarsHeight() float64 { return 22*float64(len(c.Importance())) + 8 }

// Cell is one count of the confusion matrix with its share of its row.
type Cell struct {
	Count int
	Shade string
}

// Confusion gives the matrix with colours by the share of each cell in its row.
func (c *Card) Confusion() [][]Cell {
	var out [][]Cell
	for _, row := range c.Metrics.Confusion {
		total := 0
		for _, n := range row {
			total += n
		}
		var cells []Cell
		for _, n := range row {
			share := float64(n) / max(1, float64(total))
			cells = append(cells, Cell{Count: n, Shade: fmt.Sprintf("%.2f", 0.7*share)})
		}
		out = append(out, cells)
	}
	return out
}
