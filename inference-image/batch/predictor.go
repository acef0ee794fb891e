package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"

	"github.com/mlpathway/mlpathway/inference-image/model"
)

// Columns of the predictions beside the key, and beside probability_<class> for each class.
const (
	rowColumn        = "row" // the number of the row from 0, where there is no key
	predictionColumn = "prediction"
	probabilityOf    = "probability_"
	modelColumn      = "model"
	versionColumn    = "version"
	timeColumn       = "time"
)

// rowsAtOnce are read, predicted and written together.
const rowsAtOnce = 512

// rowGroupRows bounds the memory of the writer.
const rowGroupRows = 100_000

// predictor turns the rows of a feature set into rows of predictions.
type predictor struct {
	run    *run
	set    *parquet.File
	inputs []int // by column of the set: which input it is, -1 for none
	key    int   // the key's column in the set, -1 for none
	schema *parquet.Schema

	features, output []float32
	sum              float64
	tail             []parquet.Value // model, version and time, the same in each row
}

func newPredictor(r *run, set *parquet.File) (*predictor, error) {
	p := &predictor{run: r, set: set, key: -1, features: make([]float32, r.model.Inputs()),
		output: make([]float32, r.model.Outputs())}
	fields := set.Schema().Fields()
	missing := map[string]bool{}
	for _, input := range r.model.Manifest.Inputs {
		missing[input.Name] = true
	}
	keyColumn := ordered{name: rowColumn, node: parquet.Int(64)}
	for i, field := range fields {
		if !field.Leaf() || field.Repeated() {
			return nil, fmt.Errorf("the column %q of the feature set is nested", field.Name())
		}
		p.inputs = append(p.inputs, -1)
		if at := r.model.Input([]byte(field.Name())); at >= 0 {
			if !numeric(field.Type().Kind()) {
				return nil, fmt.Errorf("the column %q of the feature set holds no numbers", field.Name())
			}
			p.inputs[i] = at
			delete(missing, field.Name())
		}
		if field.Name() == r.key && r.key != "" {
			p.key = i
			keyColumn = ordered{name: field.Name(), node: copyOf(field)}
		}
	}
	for _, input := range r.model.Manifest.Inputs {
		if missing[input.Name] {
			return nil, fmt.Errorf("the feature set has no column %q, which model %s %s needs; "+
				"run the pipeline, so that a version for these features is trained",
				input.Name, r.model.Manifest.Name, r.model.Manifest.Version)
		}
	}
	p.describe(keyColumn)
	return p, nil
}

func numeric(kind parquet.Kind) bool {
	switch kind {
	case parquet.Boolean, parquet.Int32, parquet.Int64, parquet.Float, parquet.Double:
		return true
	default:
		return false
	}
}

// copyOf makes a column of the type of a column of the feature set.
func copyOf(field parquet.Field) parquet.Node {
	node := parquet.Leaf(field.Type())
	if field.Optional() {
		node = parquet.Optional(node)
	}
	return node
}

// describe sets the columns of the predictions.
func (p *predictor) describe(key ordered) {
	m := &p.run.model.Manifest
	taken := map[string]bool{predictionColumn: true, modelColumn: true, versionColumn: true, timeColumn: true}
	for _, class := range m.Classes {
		taken[probabilityOf+class] = true
	}
	for taken[key.name] {
		key.name += "_key"
	}
	p.run.report.Key = key.name
	answer := parquet.Leaf(parquet.DoubleType)
	if !p.run.model.Regression() {
		answer = parquet.String()
	}
	columns := []ordered{key, {predictionColumn, answer}}
	for _, class := range m.Classes {
		columns = append(columns, ordered{probabilityOf + class, parquet.Leaf(parquet.FloatType)})
	}
	columns = append(columns, ordered{modelColumn, parquet.Encoded(parquet.String(), &parquet.RLEDictionary)},
		ordered{versionColumn, parquet.Encoded(parquet.String(), &parquet.RLEDictionary)},
		ordered{timeColumn, parquet.Timestamp(parquet.Microsecond)})
	p.schema = newSchema("predictions", columns)
	at := len(columns) - 3
	p.tail = []parquet.Value{
		parquet.ByteArrayValue([]byte(m.Name)).Level(0, 0, at),
		parquet.ByteArrayValue([]byte(m.Version)).Level(0, 0, at+1),
		parquet.Int64Value(p.run.report.Time.UnixMicro()).Level(0, 0, at+2),
	}
}

// write reads, predicts and writes.
func (p *predictor) write(ctx context.Context, w io.Writer) error {
	out := parquet.NewGenericWriter[any](w, p.schema, parquet.MaxRowsPerRowGroup(rowGroupRows),
		parquet.Compression(&parquet.Snappy), parquet.CreatedBy("mlpathway", "1", ""))
	for _, group := range p.set.RowGroups() {
		if err := p.group(ctx, group, out); err != nil {
			return err
		}
	}
	if p.run.model.Regression() && p.run.report.RowsIn > 0 {
		mean := p.sum / float64(p.run.report.RowsIn)
		p.run.report.Mean = &mean
	}
	if p.run.report.RowsIn != p.set.NumRows() {
		return fmt.Errorf("%w: read %d rows of a feature set of %d", ErrCount, p.run.report.RowsIn, p.set.NumRows())
	}
	return out.Close()
}

func (p *predictor) group(ctx context.Context, group parquet.RowGroup, out *parquet.GenericWriter[any]) error {
	rows := group.Rows()
	defer func() { _ = rows.Close() }()
	in, answers := make([]parquet.Row, rowsAtOnce), make([]parquet.Row, rowsAtOnce)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := rows.ReadRows(in)
		for i := range n {
			answers[i] = p.row(answers[i][:0], in[i])
		}
		if _, err := out.WriteRows(answers[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the feature set: %w", err)
		}
	}
}

// row appends the prediction for a row.
func (p *predictor) row(to parquet.Row, in parquet.Row) parquet.Row {
	m, report := p.run.model, &p.run.report
	key := parquet.Int64Value(report.RowsIn).Level(0, 0, 0)
	for i := range p.features {
		p.features[i] = float32(math.NaN())
	}
	for _, v := range in {
		column := v.Column()
		if at := p.inputs[column]; at >= 0 && !v.IsNull() {
			p.features[at] = float32(number(v))
		}
		if column == p.key {
			key = v.Level(0, v.DefinitionLevel(), 0)
		}
	}
	for i, x := range p.features {
		if x != x && !m.Manifest.Inputs[i].Optional {
			report.MissingRequired++
			break
		}
	}
	if err := m.Predict(p.features, 1, p.output); err != nil {
		panic(err)
	}
	report.RowsIn++
	to = append(to, key)
	if m.Regression() {
		p.sum += float64(p.output[0])
		to = append(to, parquet.DoubleValue(float64(p.output[0])).Level(0, 0, 1))
		return append(to, p.tail...)
	}
	class := m.Manifest.Classes[model.Class(p.output)]
	report.Classes[class]++
	to = append(to, parquet.ByteArrayValue([]byte(class)).Level(0, 0, 1))
	for i, probability := range p.output {
		to = append(to, parquet.FloatValue(probability).Level(0, 0, 2+i))
	}
	return append(to, p.tail...)
}

func number(v parquet.Value) float64 {
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return 1
		}
		return 0
	case parquet.Int32:
		return float64(v.Int32())
	case parquet.Int64:
		return float64(v.Int64())
	case parquet.Float:
		return float64(v.Float())
	case parquet.Double:
		return v.Double()
	default:
		return math.NaN()
	}
}

// ordered is a column of a schema that keeps its columns in their order; parquet.Group alone sorts them by name.
type ordered struct {
	name string
	node parquet.Node
}

type orderedGroup struct {
	parquet.Group
	names []string
}

func newSchema(name string, columns []ordered) *parquet.Schema {
	group := orderedGroup{Group: parquet.Group{}}
	for _, c := range columns {
		group.Group[c.name] = c.node
		group.names = append(group.names, c.name)
	}
	return parquet.NewSchema(name, group)
}

// Fields lists the columns in their order.
func (g orderedGroup) Fields() []parquet.Field {
	byName := map[string]parquet.Field{}
	for _, f := range g.Group.Fields() {
		byName[f.Name()] = f
	}
	fields := make([]parquet.Field, len(g.names))
	for i, name := range g.names {
		fields[i] = byName[name]
	}
	return fields
}
