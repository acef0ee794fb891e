package monitor

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

// view is what the page shows, with all geometry computed.
type view struct {
	*Report
	Verdict string
	Span    string
	Psi     psiChart
	History *historyChart // nil before the second report
	Panels  []panel
	Metrics []metricText // of the quality
}

type metricText struct{ Name, Value string }

func writePage(w io.Writer, r *Report, points []point) error {
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	v := view{Report: r, Verdict: verdict(r), Psi: newPsiChart(r), History: newHistoryChart(points, r.Thresholds.PSI)}
	if r.Quality != nil {
		for _, name := range slices.Sorted(maps.Keys(r.Quality.Metrics)) {
			v.Metrics = append(v.Metrics, metricText{name, strconv.FormatFloat(r.Quality.Metrics[name], 'g', 4, 64)})
		}
	}
	if !r.From.IsZero() {
		v.Span = minute(r.From) + " to " + minute(r.To)
	}
	if r.Prediction != nil {
		v.Panels = append(v.Panels, newPanel(r.Prediction, "The prediction"))
	}
	for _, c := range r.Sorted() {
		v.Panels = append(v.Panels, newPanel(&c, c.Name))
	}
	return page.Execute(w, v)
}

func verdict(r *Report) string {
	switch r.Status {
	case Drift:
		if len(r.Drifted) == 1 {
			return "1 drifted"
		}
		return fmt.Sprintf("%d drifted", len(r.Drifted))
	case Insufficient:
		return "too few rows"
	case OK:
		return "no drift"
	default:
		return string(r.Status)
	}
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// number writes a number short enough for an axis.
func number(x float64) string {
	if x == 0 {
		return "0"
	}
	if size := math.Abs(x); size >= 1e6 || size < 1e-3 {
		return strconv.FormatFloat(x, 'e', 1, 64)
	}
	s := strconv.FormatFloat(x, 'g', 4, 64)
	if strings.Contains(s, "e") {
		s = strconv.FormatFloat(x, 'f', 0, 64)
	}
	return s
}

func psiText(c *Comparison) string { return statistic(c.PSI) }

func statistic(x *float64) string {
	if x == nil {
		return "–"
	}
	return strconv.FormatFloat(*x, 'f', 3, 64)
}

func percent(x float64) string { return strconv.FormatFloat(100*x, 'f', 1, 64) + " %" }

// rect is a rectangle of a drawing.
type rect struct{ X, Y, W, H float64 }

// psiChart has one horizontal bar for each feature.
type psiChart struct {
	Height     float64
	ThresholdX float64
	Threshold  string
	Bars       []psiBar
}

type psiBar struct {
	Name, Value, Note string
	TextY             float64
	Bar               rect
	ValueX            float64
	Drifted           bool
}

const (
	psiLeft  = 260.0 // where bars begin
	psiWidth = 520.0 // of the longest bar
	psiStep  = 24.0
)

func newPsiChart(r *Report) psiChart {
	all := r.Sorted()
	if r.Prediction != nil {
		all = append([]Comparison{*r.Prediction}, all...)
	}
	largest := r.Thresholds.PSI * 1.25
	for i := range all {
		largest = max(largest, all[i].psi())
	}
	chart := psiChart{Height: psiStep*float64(len(all)) + 26, ThresholdX: psiLeft + psiWidth*r.Thresholds.PSI/largest,
		Threshold: number(r.Thresholds.PSI)}
	for i := range all {
		c := &all[i]
		y := 22 + psiStep*float64(i)
		width := psiWidth * max(c.psi(), 0) / largest
		bar := psiBar{Name: ellipsis(c.Name, 34), Value: psiText(c), TextY: y + 14, Drifted: c.Status == Drift,
			Bar: rect{psiLeft, y + 3, max(width, 1), psiStep - 8}, ValueX: psiLeft + width + 8}
		if c.Status == Drift && c.psi() <= r.Thresholds.PSI {
			bar.Note = "more missing"
		}
		chart.Bars = append(chart.Bars, bar)
	}
	return chart
}

func ellipsis(s string, length int) string {
	runes := []rune(s)
	if len(runes) <= length {
		return s
	}
	return string(runes[:length-1]) + "…"
}

// panel is the histogram of one feature.
type panel struct {
	Title                                 string
	Status                                Status
	PSI                                   string
	Training, Live                        []rect
	Ticks                                 []tick
	Top                                   string
	MeanTraining, MeanLive, MeanShift     string
	MissingTraining, MissingLive          string
	MissingRaised                         bool
	KS, JS, NewCategories                 string
	Width, Height, Base, AxisLeft, PlotTo float64
}

type tick struct {
	X    float64
	Text string
}

const (
	panelWidth  = 340.0
	panelHeight = 150.0
	plotLeft    = 46.0
	plotTop     = 12.0
	plotBase    = 122.0
)

func newPanel(c *Comparison, title string) panel {
	p := panel{Title: title, Status: c.Status, PSI: psiText(c), Width: panelWidth, Height: panelHeight, Base: plotBase,
		AxisLeft: plotLeft, PlotTo: panelWidth - 6,
		MeanTraining: number(c.MeanTraining), MeanLive: number(c.MeanLive),
		MeanShift:       fmt.Sprintf("%+.2f sd", c.MeanShift),
		MissingTraining: percent(c.MissingTraining), MissingLive: percent(c.MissingLive),
		MissingRaised: c.Status == Drift && c.MissingRise > 0.005, KS: statistic(c.KS), JS: statistic(c.JS)}
	if c.NewCategories > 0 {
		p.NewCategories = percent(c.NewCategories)
	}
	top := 0.0
	for i := range c.Training {
		top = max(top, c.Training[i], c.Live[i])
	}
	if top == 0 {
		return p
	}
	p.Top = strconv.FormatFloat(100*top, 'f', 0, 64) + " %"
	slot := (p.PlotTo - plotLeft) / float64(len(c.Training))
	bar := func(i int, share, inset float64) rect {
		height := (plotBase - plotTop) * share / top
		return rect{plotLeft + slot*(float64(i)+inset), plotBase - height, slot * (1 - 2*inset), height}
	}
	for i := range c.Training {
		p.Training = append(p.Training, bar(i, c.Training[i], 0.06))
		p.Live = append(p.Live, bar(i, c.Live[i], 0.3))
	}
	for _, i := range tickEdges(len(c.Edges)) {
		p.Ticks = append(p.Ticks, tick{plotLeft + slot*float64(i+1), number(c.Edges[i])})
	}
	return p
}

// tickEdges chooses up to five edges for the axis.
func tickEdges(edges int) []int {
	if edges <= 5 {
		all := make([]int, edges)
		for i := range all {
			all[i] = i
		}
		return all
	}
	return []int{0, (edges - 1) / 4, (edges - 1) / 2, 3 * (edges - 1) / 4, edges - 1}
}

// historyChart has the indices of the past reports.
type historyChart struct {
	Largest, Prediction   string // polylines
	LargestDots, PredDots []dot
	ThresholdY            float64
	Threshold, Top        string
	From, To              string
	Swaps                 []tick // where another version came
	Reports               int
}

type dot struct {
	X, Y  float64
	Title string
}

const (
	historyLeft  = 46.0
	historyRight = 856.0
	historyTop   = 14.0
	historyBase  = 170.0
)

func newHistoryChart(points []point, threshold float64) *historyChart {
	if len(points) < 2 {
		return nil
	}
	top := threshold * 1.25
	for _, p := range points {
		top = max(top, p.Largest, p.Prediction)
	}
	y := func(psi float64) float64 { return historyBase - (historyBase-historyTop)*psi/top }
	h := &historyChart{ThresholdY: y(threshold), Threshold: number(threshold), Top: number(top),
		From: minute(points[0].Time), To: minute(points[len(points)-1].Time), Reports: len(points)}
	var largest, prediction strings.Builder
	for i, p := range points {
		x := historyLeft + (historyRight-historyLeft)*float64(i)/float64(len(points)-1)
		title := fmt.Sprintf("%s, %s: %s", minute(p.Time), p.Version, p.Status)
		if p.Largest >= 0 {
			fmt.Fprintf(&largest, "%.1f,%.1f ", x, y(p.Largest))
			h.LargestDots = append(h.LargestDots, dot{x, y(p.Largest), title})
		}
		if p.Prediction >= 0 {
			fmt.Fprintf(&prediction, "%.1f,%.1f ", x, y(p.Prediction))
			h.PredDots = append(h.PredDots, dot{x, y(p.Prediction), title})
		}
		if i > 0 && p.Version != points[i-1].Version {
			h.Swaps = append(h.Swaps, tick{x, p.Version})
		}
	}
	h.Largest, h.Prediction = largest.String(), prediction.String()
	return h
}
