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
	mantissa, end := digitsFrom(data, at, 0)
	digits, fraction := end-at, 0
	if digits == 0 || digits > 1 && data[at] == '0' {
		return 0, false
	}
	if end < len(data) && data[end] == '.' {
		at = end + 1
		mantissa, end = digitsFrom(data, at, mantissa)
		if fraction = end - at; fraction == 0 {
			return 0, false
		}
	}
	if digits+fraction > shortDigits || end < len(data) && !endsNumber(data[end]) {
		return 0, false
	}
	x = float64(mantissa) / powersOfTen[fraction]
	if negative {
		x = -x
	}
	p.at = end
	return x, true
}

// digitsFrom appends digits to a number and returns where they end; too many of them wrap around.
func digitsFrom(data []byte, at int, number uint64) (appended uint64, end int) {
	for ; at < len(data) && data[at]-'0' <= 9; at++ {
		number = number*10 + uint64(data[at]-'0')
	}
	return number, at
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
