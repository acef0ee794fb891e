// Package number reads decimal numbers that people and programs write, most of which are short.
package number

// shortDigits are so many that a 64-bit float holds any number of them exactly, and any power of ten up to their count:
// their quotient is then rounded once, and is the number that strconv gives.
const shortDigits = 15

var powersOfTen = [shortDigits + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
	1e15}

// Short reads a number of the JSON grammar from a position on in one pass, where it has few digits and no exponent, as
// nearly all have; end is where it ends. What follows it is the caller's matter. For any other number ok is false.
func Short[T string | []byte](text T, at int) (x float64, end int, ok bool) {
	negative := at < len(text) && text[at] == '-'
	if negative {
		at++
	}
	mantissa, end := digitsFrom(text, at, 0)
	digits, fraction := end-at, 0
	if digits == 0 || digits > 1 && text[at] == '0' {
		return 0, 0, false
	}
	if end < len(text) && text[end] == '.' {
		at = end + 1
		mantissa, end = digitsFrom(text, at, mantissa)
		if fraction = end - at; fraction == 0 {
			return 0, 0, false
		}
	}
	if digits+fraction > shortDigits {
		return 0, 0, false
	}
	x = float64(mantissa) / powersOfTen[fraction]
	if negative {
		x = -x
	}
	return x, end, true
}

// digitsFrom appends digits to a number and returns where they end; too many of them wrap around.
func digitsFrom[T string | []byte](text T, at int, number uint64) (appended uint64, end int) {
	for ; at < len(text) && text[at]-'0' <= 9; at++ {
		number = number*10 + uint64(text[at]-'0')
	}
	return number, at
}
