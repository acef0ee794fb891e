package tune

import (
	"bytes"
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Size of a plot and of the margin around it, in pixels.
const (
	plotWidth, plotHeight = 420, 220
	margin                = 48
)

// Page is a page with plots of all trials: the loss by trial with the best so far, and by each parameter. It needs no
// other file and no script.
func Page(title, lossName string, trials []Trial) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>%s</title>\n<style>body{font:14px "+
		"sans-serif;margin:24px}svg{margin:4px}table{border-collapse:collapse}td,th{padding:2px 10px;text-align:right}"+
		"</style>\n<h1>Trials of %[1]s</h1>\n"+
		"<p>Each dot is a trial, a grey one was ended early; the line is the lowest loss so far.</p>\n",
		html.EscapeString(title))
	var all []point
	for _, t := range trials {
		if t.Status != Failed {
			all = append(all, point{float64(t.Number), t.Loss, t.Status == Pruned})
		}
	}
	plot(&b, axes{"trial", "validation " + lossName, false}, all, bestSoFar(trials))
	for _, name := range names(trials) {
		plotParameter(&b, name, lossName, trials)
	}
	table(&b, trials)
	b.WriteString("</html>\n")
	return b.Bytes()
}

type point struct {
	x, y   float64
	pruned bool
}

type axes struct {
	x, y string
	log  bool
}

func bestSoFar(trials []Trial) []point {
	var line []point
	lowest := math.Inf(1)
	for _, t := range trials {
		if t.Status == Done && t.Loss < lowest {
			lowest = t.Loss
		}
		if !math.IsInf(lowest, 0) {
			line = append(line, point{x: float64(t.Number), y: lowest})
		}
	}
	return line
}

func names(trials []Trial) []string {
	if len(trials) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(trials[0].Parameters))
}

// plotParameter shows the loss by the values of one parameter; listed values that are no numbers stand side by side.
func plotParameter(b *bytes.Buffer, name, lossName string, trials []Trial) {
	var all []point
	var listed []string
	positive := true
	for _, t := range trials {
		if t.Status == Failed {
			continue
		}
		x, err := strconv.ParseFloat(t.Parameters[name], 64)
		if err != nil {
			if !slices.Contains(listed, t.Parameters[name]) {
				listed = append(listed, t.Parameters[name])
			}
			x = float64(slices.Index(listed, t.Parameters[name]))
		}
		positive = positive && x > 0
		all = append(all, point{x, t.Loss, t.Status == Pruned})
	}
	if len(all) == 0 {
		return
	}
	low, high := bounds(all, func(p point) float64 { return p.x })
	plot(b, axes{name, "validation " + lossName, positive && high > 20*low}, all, nil)
}

func bounds(points []point, of func(point) float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, p := range points {
		low, high = math.Min(low, of(p)), math.Max(high, of(p))
	}
	return low, high
}

// plot draws points, and a line where there is one.
func plot(b *bytes.Buffer, a axes, points, line []point) {
	if len(points) == 0 {
		return
	}
	lowX, highX := bounds(points, func(p point) float64 { return p.x })
	lowY, highY := bounds(points, func(p point) float64 { return p.y })
	x := scale(lowX, highX, margin, plotWidth-10, a.log)
	y := scale(lowY, highY, plotHeight-margin, 10, false)
	fmt.Fprintf(b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" role=\"img\" "+
		"aria-label=\"%s by %s\">\n", plotWidth, plotHeight, html.EscapeString(a.y), html.EscapeString(a.x))
	fmt.Fprintf(b, "<path d=\"M%d 10V%dH%d\" fill=\"none\" stroke=\"#888\"/>\n", margin-6, plotHeight-margin+6,
		plotWidth-4)
	for _, mark := range []struct {
		x, y   float64
		anchor string
		text   string
	}{
		{margin, plotHeight - margin + 22, "start", number(lowX)},
		{plotWidth - 10, plotHeight - margin + 22, "end", number(highX)},
		{plotWidth / 2, plotHeight - 8, "middle", a.x + "; " + a.y}, {margin - 8, plotHeight - margin, "end", number(lowY)},
		{margin - 8, 18, "end", number(highY)},
	} {
		fmt.Fprintf(b, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\" font-size=\"11\">%s</text>\n", mark.x, mark.y,
			mark.anchor, html.EscapeString(mark.text))
	}
	for _, p := range points {
		color := "#1f77b4"
		if p.pruned {
			color = "#bbbbbb"
		}
		fmt.Fprintf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x(p.x), y(p.y), color)
	}
	if len(line) > 0 {
		b.WriteString("<polyline fill=\"none\" stroke=\"#d62728\" points=\"")
		for _, p := range line {
			fmt.Fprintf(b, "%.1f,%.1f ", x(p.x), y(p.y))
		}
		b.WriteString("\"/>\n")
	}
	b.WriteString("</svg>\n")
}

// scale maps low..high to from..to.
func scale(low, high, from, to float64, log bool) func(float64) float64 {
	if log {
		low, high = math.Log(low), math.Log(high)
	}
	if high == low {
		return func(float64) float64 { return (from + to) / 2 }
	}
	return func(v float64) float64 {
		if log {
			v = math.Log(v)
		}
		return from + (v-low)/(high-low)*(to-from)
	}
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }

func table(b *bytes.Buffer, trials []Trial) {
	b.WriteString("<table><tr><th>trial</th><th>status</th><th>loss</th><th>rounds</th><th>seconds</th>")
	all := names(trials)
	for _, name := range all {
		fmt.Fprintf(b, "<th>%s</th>", html.EscapeString(name))
	}
	b.WriteString("</tr>\n")
	for _, t := range trials {
		fmt.Fprintf(b, "<tr><td>%d</td><td>%s</td><td>%.5f</td><td>%d</td><td>%.1f</td>", t.Number, t.Status, t.Loss,
			t.Rounds,
			t.Seconds)
		for _, name := range all {
			fmt.Fprintf(b, "<td>%s</td>", html.EscapeString(t.Parameters[name]))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table>\n")
}
