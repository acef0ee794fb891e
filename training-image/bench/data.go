package main

import (
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// set is rows to compare on: the same for both sides, as they lie in files of 32-bit numbers.
type set struct {
	name, title, task string
	classes           []string
	columns           []string
	train, test       rows
}

type rows struct{ x, y []float32 }

// meta describes the files of a set.
type meta struct {
	Task    string   `json:"task"`
	Classes []string `json:"classes"`
	Columns []string `json:"columns"`
}

// sets are the generated rows and the three real data sets.
func (o *options) sets() []*set {
	all := []*set{generated(o.rows, o.rows/4)}
	for _, real := range []struct{ file, title, label, task, key string }{
		{"../../examples/tumour/breast_cancer.csv", "breast cancer, 569 x 30", "diagnosis", "binary", "sample_id"},
		{"../command/testdata/digits.csv", "digits, 1,797 x 64", "digit", "multiclass", ""},
		{"../command/testdata/diabetes.csv", "diabetes, 442 x 10", "progression", "regression", ""},
	} {
		s, err := realSet(filepath.Join(o.sources, real.file), real.title, real.label, real.task, real.key)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench: left out:", err)
			continue
		}
		all = append(all, s)
	}
	return all
}

// generated makes rows of 30 columns, five of them with heavy tails, and two classes: products and sums of ten columns
// say which, and one row in a hundred is wrong.
func generated(train, test int) *set {
	s := &set{name: "generated", title: fmt.Sprintf("generated, %d x 30", train), task: "binary",
		classes: []string{"no", "yes"}}
	s.columns = names(30)
	g := newGenerator()
	s.train, s.test = g.rows(train), g.rows(test)
	return s
}

// names are those of so many columns.
func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("x%d", i)
	}
	return all
}

type generator struct{ random *rand.Rand }

func newGenerator() *generator { return &generator{rand.New(rand.NewPCG(20, 26))} }

func (g *generator) row(x []float32) (label float32) {
	for i := range x {
		v := g.random.NormFloat64()
		if i >= 25 {
			v = math.Copysign(math.Exp(math.Abs(v)*1.5), v)
		}
		x[i] = float32(v)
	}
	f := func(i int) float64 { return float64(x[i]) }
	score := f(0)*f(1) + f(2) - f(3) + math.Sin(2*f(4)) + f(5)*f(5) - 1 + 0.5*f(6)*f(7) +
		0.3*math.Log(math.Abs(f(25)))*f(8)
	if score > 0 != (g.random.Float64() < 0.01) {
		return 1
	}
	return 0
}

func (g *generator) rows(n int) rows {
	r := rows{x: make([]float32, n*30), y: make([]float32, n)}
	for i := range n {
		r.y[i] = g.row(r.x[i*30 : (i+1)*30])
	}
	return r
}

// realSet reads a CSV file and puts every third row aside.
func realSet(path, title, label, task, key string) (*set, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	s := &set{name: label, title: title, task: task}
	at := slices.Index(table[0], label)
	for _, name := range table[0] {
		if name != label && name != key {
			s.columns = append(s.columns, name)
		}
	}
	for _, row := range table[1:] {
		if class := row[at]; task != "regression" && !slices.Contains(s.classes, class) {
			s.classes = append(s.classes, class)
		}
	}
	slices.Sort(s.classes)
	order := rand.New(rand.NewPCG(1, 1)).Perm(len(table) - 1)
	skip := slices.Index(table[0], key)
	for n, i := range order {
		into := &s.train
		if n%3 == 0 {
			into = &s.test
		}
		if err := s.add(into, table[i+1], at, skip); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add appends a row of a table. The label stands at one place, a key at another or, with -1, nowhere.
func (s *set) add(into *rows, row []string, label, key int) error {
	for j, text := range row {
		x, err := strconv.ParseFloat(text, 64)
		switch {
		case j == key:
		case j != label && err != nil:
			return err
		case j != label:
			into.x = append(into.x, float32(x))
		case s.task == "regression":
			into.y = append(into.y, float32(x))
		default:
			into.y = append(into.y, float32(slices.Index(s.classes, text)))
		}
	}
	return nil
}

func (s *set) write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, values := range map[string][]float32{"train.x": s.train.x, "train.y": s.train.y, "test.x": s.test.x,
		"test.y": s.test.y} {
		data := make([]byte, 0, 4*len(values))
		for _, v := range values {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	data, err := json.Marshal(meta{Task: s.task, Classes: s.classes, Columns: s.columns})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "meta.json"), data, 0o600)
}

func readFloats(path string) ([]float32, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values := make([]float32, len(data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return values, nil
}
