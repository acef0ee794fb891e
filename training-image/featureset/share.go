package featureset

// Share is the part of the rows that one of several ranks trains on: every world-th, beginning with its own number.
func (t *Table) Share(rank, world int) *Table {
	n := (t.Rows() - rank + world - 1) / world
	s := &Table{Inputs: t.Inputs, Values: make([]float32, 0, n*len(t.Inputs)), Labels: make([]float32, 0, n)}
	for i := rank; i < t.Rows(); i += world {
		s.Values = append(s.Values, t.Row(i)...)
		s.Labels = append(s.Labels, t.Labels[i])
		if t.Weights != nil {
			s.Weights = append(s.Weights, t.Weights[i])
		}
	}
	return s
}
