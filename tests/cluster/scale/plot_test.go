package scale_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Sizes of the plot, in pixels.
const (
	width, height = 640, 360
	left, right   = 70, 70
	top, bottom   = 30, 50
)

// series is one line of the plot.
type series struct {
	name, color string
	value       func(row) float64
	memory      bool // by the axis on the right
}

var lines = []series{
	{"placed, s", "#1f77b4", func(r row) float64 { return r.placed }, false},
	{"running, s", "#2ca02c", func(r row) float64 { return r.running }, false},
	{"memory, MiB", "#d62728", row.memory, true},
}

// plot draws seconds (left) and memory (right) over the number of nodes.
func plot(rows []row) []byte {
	var most, seconds, memory float64
	for _, r := range rows {
		most = math.Max(most, float64(r.nodes))
		for _, l := range lines {
			if l.memory {
				memory = math.Max(memory, l.value(r))
			} else {
				seconds = math.Max(seconds, l.value(r))
			}
		}
	}
	most, seconds, memory = nice(most), nice(seconds), nice(memory)
	x := func(nodes float64) float64 { return left + (width-left-right)*nodes/most }
	y := func(share float64) float64 { return height - bottom - (height-top-bottom)*share }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+
		"\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", width, height)
	for i := range 6 {
		share := float64(i) / 5
		fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`+"\n", left, y(share), width-right,
			y(share))
		text(&b, left-8, y(share)+4, "end", fmt.Sprintf("%g", share*seconds))
		text(&b, width-right+8, y(share)+4, "start", fmt.Sprintf("%g", share*memory))
		text(&b, x(share*most), height-bottom+18, "middle", fmt.Sprintf("%g", share*most))
	}
	text(&b, width/2, height-12, "middle", "nodes with 8 GPUs, 5 pods each")
	for i, l := range lines {
		scale := seconds
		if l.memory {
			scale = memory
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="`, l.color)
		for _, r := range rows {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(float64(r.nodes)), y(l.value(r)/scale))
		}
		fmt.Fprintln(&b, `"/>`)
		for _, r := range rows {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(float64(r.nodes)), y(l.value(r)/scale),
				l.color)
		}
		fmt.Fprintf(&b, `<rect x="%d" y="10" width="10" height="10" fill="%s"/>`+"\n", left+i*130, l.color)
		text(&b, float64(left+i*130+15), 19, "start", l.name)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func text(b *bytes.Buffer, x, y float64, anchor, words string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, words)
}

// nice rounds up to a number that five parts of an axis divide well.
func nice(v float64) float64 {
	if v <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 8} {
		if v <= step*unit {
			return step * unit
		}
	}
	return 10 * unit
}

func TestGrowth(t *testing.T) {
	t.Parallel()
	small := row{nodes: 100, placed: 2, running: 4, server: 300, etcd: 50, scheduler: 100, manager: 50}
	large := row{nodes: 1000, placed: 30, running: 60, server: 900, etcd: 150, scheduler: 100, manager: 100}
	assert.Equal(t, "From 100 to 1000 nodes, 10.0 times as many, pods are placed after 15.0 times and run after 15.0 "+
		"times the time, and the memory of the four programs is 2.5 times as large.", growth([]row{small, large}))
}

func TestNice(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]float64{0: 1, 1: 1, 7: 8, 99: 100, 101: 150, 1000: 1000, 1812: 2000} {
		assert.InDelta(t, want, nice(v), 1e-9, "%g", v)
	}
}
