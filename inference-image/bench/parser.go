package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/inference-image/model"
	"github.com/mlpathway/mlpathway/inference-image/protocol"
	"github.com/mlpathway/mlpathway/internal/lake"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// parserRounds take turns.
const parserRounds = 20

// parser measures our reading of a request beside encoding/json, in turns. encoding/json checks less: names, counts and
// kinds of values are left to whoever uses it.
func parser(ctx context.Context, dir string) (string, error) {
	if _, err := register(ctx, dir, "trees"); err != nil {
		return "", err
	}
	zone, err := lake.Open(ctx, lake.FileURI(dir+"/models"))
	if err != nil {
		return "", err
	}
	defer func() { _ = zone.Close() }()
	m, err := model.LoadAlias(ctx, registry.New(zone), "bench", registry.Production)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("### Reading a request\n\n| rows of 30 features | ours, microseconds | encoding/json, microseconds | " +
		"ratio |\n|---:|---:|---:|---:|\n")
	for _, rows := range load {
		ours, theirs, err := parseTimes(m, bodyOf(rows), rows)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "| %d | %.2f | %.2f | %.1f |\n", rows, ours, theirs, theirs/ours)
	}
	return b.String(), nil
}

// parseTimes gives the shortest times of both in microseconds.
func parseTimes(m *model.Model, body []byte, rows int) (ours, theirs float64, err error) {
	var q protocol.Rows
	one := struct{ Features []float32 }{}
	many := struct{ Features [][]float32 }{}
	into := any(&one)
	if rows > 1 {
		into = &many
	}
	var a, b []float64
	for range parserRounds {
		a = append(a, perCall(20_000/rows, func() { err = errors.Join(err, q.ReadPredict(body, m)) }))
		b = append(b, perCall(20_000/rows, func() { err = errors.Join(err, json.Unmarshal(body, into)) }))
	}
	return slices.Min(a), slices.Min(b), err
}

func perCall(times int, f func()) float64 {
	start := time.Now()
	for range times {
		f()
	}
	return float64(time.Since(start).Nanoseconds()) / 1000 / float64(times)
}

// bodyOf is a request of so many rows.
func bodyOf(rows int) []byte {
	var body strings.Builder
	for i, row := range onnxtest.Vectors(5, 30, rows, 0) {
		if i > 0 {
			body.WriteString(",")
		}
		texts := make([]string, len(row))
		for j, x := range row {
			texts[j] = strconv.FormatFloat(float64(x), 'g', 5, 32)
		}
		body.WriteString("[" + strings.Join(texts, ",") + "]")
	}
	if rows > 1 {
		return []byte(`{"features":[` + body.String() + `]}`)
	}
	return []byte(`{"features":` + body.String() + `}`)
}
