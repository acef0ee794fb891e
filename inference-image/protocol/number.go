package protocol

import "github.com/mlpathway/mlpathway/internal/number"

// shortNumber reads a number in one pass where it can. Otherwise the position stays and the answer is false.
func (p *parser) shortNumber() (x float64, ok bool) {
	x, end, ok := number.Short(p.data, p.at)
	if !ok || end < len(p.data) && !endsNumber(p.data[end]) {
		return 0, false
	}
	p.at = end
	return x, true
}

// endsNumber reports whether a byte may stand behind a number.
func endsNumber(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', ',', ']', '}':
		return true
	default:
		return false
	}
}
