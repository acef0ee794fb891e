package xgboost

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/mlpathway/mlpathway/internal/onnx"
)

// Model is the content of a model in XGBoost's JSON format, as far as it matters.
type Model struct {
	Learner struct {
		Parameters struct {
			BaseScore string `json:"base_score"`
			Classes   string `json:"num_class"`
			Features  string `json:"num_feature"`
		} `json:"learner_model_param"`
		Booster struct {
			Model struct {
				Trees []Tree `json:"trees"`
				// Outputs are the margins that the trees add to.
				Outputs []int `json:"tree_info"`
			} `json:"model"`
		} `json:"gradient_booster"`
	} `json:"learner"`
}

// Tree is one tree of the JSON format: one entry for each node in each list. Nodes that were pruned away stand there
// too, and no other node leads to them.
type Tree struct {
	Left        []int32   `json:"left_children"`
	Right       []int32   `json:"right_children"`
	Feature     []int32   `json:"split_indices"`
	Condition   []float32 `json:"split_conditions"` // the threshold of a split, the value of a leaf
	DefaultLeft []flag    `json:"default_left"`
	Gain        []float32 `json:"loss_changes"`
}

// flag is true, false, 1 or 0: versions differ.
type flag bool

// UnmarshalJSON reads either form.
func (f *flag) UnmarshalJSON(data []byte) error {
	*f = string(data) == "true" || string(data) == "1"
	return nil
}

// ParseModel reads a model in the JSON format.
func ParseModel(data []byte) (*Model, error) {
	var m Model
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading XGBoost's model: %w", err)
	}
	model := &m.Learner.Booster.Model
	if len(model.Outputs) != len(model.Trees) {
		return nil, fmt.Errorf("reading XGBoost's model: %d trees and %d outputs", len(model.Trees), len(model.Outputs))
	}
	for i := range model.Trees {
		t := &model.Trees[i]
		n := len(t.Left)
		if n == 0 || len(t.Right) != n || len(t.Feature) != n || len(t.Condition) != n || len(t.DefaultLeft) != n ||
			len(t.Gain) != n {
			return nil, fmt.Errorf("reading XGBoost's model: the lists of tree %d differ in length", i)
		}
	}
	return &m, nil
}

// Drop keeps the first rounds rounds; each has one tree for each output. idle lists the rounds before which an idle
// round stands: it is left out and not counted. It gives the number of idle rounds among those that were kept.
func (m *Model) Drop(idle []int, rounds, outputs int) int {
	model := &m.Learner.Booster.Model
	var trees []Tree
	var to []int
	at, left := 0, 0
	for round := range rounds {
		for left < len(idle) && idle[left] == round {
			at, left = at+outputs, left+1
		}
		end := min(at+outputs, len(model.Trees))
		trees, to = append(trees, model.Trees[at:end]...), append(to, model.Outputs[at:end]...)
		at = end
	}
	model.Trees, model.Outputs = trees, to
	return left
}

// Ensemble converts the model. inputs and classes name what XGBoost only numbers.
func (m *Model) Ensemble(task string, inputs, classes []string) (*onnx.Ensemble, error) {
	e := &onnx.Ensemble{Task: task, Inputs: inputs, Classes: classes}
	outputs := 1
	if task == onnx.Multiclass {
		outputs = len(classes)
	}
	var err error
	if e.Base, err = m.base(task, outputs); err != nil {
		return nil, err
	}
	for i := range m.Learner.Booster.Model.Trees {
		nodes, err := m.Learner.Booster.Model.Trees[i].nodes()
		if err != nil {
			return nil, fmt.Errorf("converting tree %d: %w", i, err)
		}
		e.Trees = append(e.Trees, onnx.Tree{Output: m.Learner.Booster.Model.Outputs[i], Nodes: nodes})
	}
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("converting XGBoost's model: %w", err)
	}
	return e, nil
}

// base turns the base score, which is a probability in a binary model, into margins. Older versions write one number,
// newer ones a list.
func (m *Model) base(task string, outputs int) ([]float32, error) {
	text := strings.Trim(m.Learner.Parameters.BaseScore, "[] ")
	var scores []float32
	for part := range strings.SplitSeq(text, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(part), 32)
		if err != nil {
			return nil, fmt.Errorf("converting XGBoost's model: the base score %q is no number", part)
		}
		scores = append(scores, float32(x))
	}
	if len(scores) != 1 && len(scores) != outputs {
		return nil, fmt.Errorf("converting XGBoost's model: %d base scores for %d outputs", len(scores), outputs)
	}
	base := make([]float32, outputs)
	for i := range base {
		base[i] = scores[i%len(scores)]
		if task == onnx.Binary {
			base[i] = -float32(math.Log(float64(1/base[i] - 1)))
		}
	}
	return base, nil
}

// nodes renumbers the nodes that the root leads to, level by level.
func (t *Tree) nodes() ([]onnx.Node, error) {
	order := []int32{0}
	var nodes []onnx.Node
	for i := 0; i < len(order); i++ {
		from := order[i]
		if from < 0 || int(from) >= len(t.Left) || len(order) > len(t.Left) {
			return nil, fmt.Errorf("node %d is not there", from)
		}
		if t.Left[from] < 0 {
			nodes = append(nodes, onnx.Node{Left: -1, Right: -1, Leaf: t.Condition[from]})
			continue
		}
		left := int32(len(order))
		order = append(order, t.Left[from], t.Right[from])
		nodes = append(nodes, onnx.Node{Feature: t.Feature[from], Threshold: t.Condition[from], Left: left, Right: left + 1,
			MissingLeft: bool(t.DefaultLeft[from])})
	}
	return nodes, nil
}

// Importance is the share of the total gain that each feature brought; features that no tree uses are left out.
func (m *Model) Importance(inputs []string) map[string]float64 {
	gains, total := map[string]float64{}, 0.0
	for i := range m.Learner.Booster.Model.Trees {
		t := &m.Learner.Booster.Model.Trees[i]
		for n, left := range t.Left {
			if feature := int(t.Feature[n]); left >= 0 && feature < len(inputs) {
				gains[inputs[feature]] += float64(t.Gain[n])
				total += float64(t.Gain[n])
			}
		}
	}
	if total > 0 {
		for name := range gains {
			gains[name] /= total
		}
	}
	return gains
}
