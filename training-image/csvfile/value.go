package csvfile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mlpathway/mlpathway/internal/number"
	"github.com/mlpathway/mlpathway/internal/pipeline"
	"github.com/mlpathway/mlpathway/training-image/cell"
)

// Parse reads the text of one field as a value of a column; a timestamp becomes a whole number of microseconds since
// 1970. reason says what is wrong and is empty for a good value.
func Parse(c *pipeline.Column, text string) (value cell.Value, reason string) {
	if c.Type == pipeline.Float {
		if x, end, ok := number.Short(text, 0); ok && end == len(text) {
			return cell.OfFloat(x + 0), outside(c, x) // + 0 makes -0 a 0
		}
	}
	if missing(c, text) {
		if c.Optional {
			return cell.Value{}, ""
		}
		return cell.Value{}, "missing value in a column that is not optional"
	}
	switch c.Type {
	case pipeline.Text:
		return cell.OfText(text), ""
	case pipeline.Category:
		return parseCategory(c, text)
	default:
		return parsePlain(c, strings.TrimSpace(text))
	}
}

// missing tells whether a field holds no value. A text or a category may well be called NA, so only an empty field is
// a missing text, and a category's own values come first.
func missing(c *pipeline.Column, text string) bool {
	if c.Type == pipeline.Category && slices.Contains(c.Values, text) {
		return false
	}
	if c.Type == pipeline.Text {
		return text == ""
	}
	if text != "" && (text[0] >= '0' && text[0] <= '9' || text[0] == '-') {
		return false // a number, which most fields are
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "na", "nan", "null":
		return true
	default:
		return false
	}
}

func parseCategory(c *pipeline.Column, text string) (cell.Value, string) {
	if slices.Contains(c.Values, text) {
		return cell.OfText(text), ""
	}
	if trimmed := strings.TrimSpace(text); slices.Contains(c.Values, trimmed) {
		return cell.OfText(trimmed), ""
	}
	return cell.Value{}, "not one of " + strings.Join(c.Values, ", ")
}

func parsePlain(c *pipeline.Column, text string) (cell.Value, string) {
	switch c.Type {
	case pipeline.Float:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return cell.Value{}, "not a number"
		}
		return cell.OfFloat(x + 0), outside(c, x)
	case pipeline.Integer:
		i, ok := parseInteger(text)
		if !ok {
			return cell.Value{}, "not a whole number"
		}
		return cell.OfInteger(i), outside(c, float64(i))
	case pipeline.Boolean:
		switch strings.ToLower(text) {
		case "true", "t", "yes", "y", "1":
			return cell.OfBoolean(true), ""
		case "false", "f", "no", "n", "0":
			return cell.OfBoolean(false), ""
		}
		return cell.Value{}, "not true or false"
	default: // a timestamp
		at, err := pipeline.ParseTimestamp(text)
		if err != nil {
			return cell.Value{}, "not a time such as 2026-11-22 or 2026-11-22T12:00:00Z"
		}
		return cell.OfInteger(at.UnixMicro()), ""
	}
}

// parseInteger also takes 12.0, as spreadsheets and data frames write a whole number when values are missing.
func parseInteger(text string) (int64, bool) {
	i, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		return i, true
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		return 0, false
	}
	return int64(x), true
}

func outside(c *pipeline.Column, x float64) string {
	switch {
	case c.Min != nil && x < *c.Min:
		return fmt.Sprintf("below the least allowed value %v", *c.Min)
	case c.Max != nil && x > *c.Max:
		return fmt.Sprintf("above the greatest allowed value %v", *c.Max)
	default:
		return ""
	}
}
