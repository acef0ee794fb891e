package protocol

// shortDigits are so many that a 64-bit float holds any number of them exactly, and any power of ten up to their count:
// their quotient is then rounded once, and is the number that strconv gives.
const shortDigits = 15

var powersOfTen = [shortDigits + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
	1e15}

// shortNumber reads a number of the JSON grammar in one pass where it has few digits and no exponent, as nearly all
// have. Otherwise the position stays and the answer is false.
func (p *parser) shortNumber() (x float64, ok bool) {
	data, at := p.data, p.at
	negative := at < len(data) && data[at] == '-'
	if negative {
		at++
	}
	first, mantissa := at, uint64(0)
	for ; at < len(data) && data[at]-'0' <= 9; at++ {
		mantissa = mantissa*10 + uint64(data[at]-'0')
	}
	digits, fraction := at-first, 0
	if digits == 0 || digits > 1 && data[first] == '0' {
		return 0, false
	}
	if at < len(data) && data[at] == '.' {
		at++
		first = at
		for ; at < len(data) && data[at]-'0' <= 9; at++ {
			mantissa = mantissa*10 + uint64(data[at]-'0')
		}
		if fraction = at - first; fraction == 0 {
			return 0, false
		}
	}
	if digits+fraction > shortDigits || at < len(data) && !endsNumber(data[at]) {
		return 0, false
	}
	x = float64(mantissa) / powersOfTen[fraction]
	if negative {
		x = -x
	}
	p.at = at
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
