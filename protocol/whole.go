package protocol

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
)

// exactIntegers is the number below which each integer is a double, and no two
// are the same one.
const exactIntegers = 1 << 53

// Whole returns the decimal text of the integer that parameter i is, if it was
// bound as a floating point number or a decimal that is one: 900e0, 900.00.
// Clients whose language has no other numbers bind all of them so. ok is false
// for fractions, and for a double that other integers may equal too.
func (x *Execute) Whole(i int) (text []byte, ok bool) {
	s := x.params[i]
	if s.start < 0 {
		return nil, false
	}
	v := x.payload[s.start:s.end]
	var f float64
	switch x.Types[2*i] {
	case TypeFloat:
		f = float64(math.Float32frombits(binary.LittleEndian.Uint32(v)))
	case TypeDouble:
		f = math.Float64frombits(binary.LittleEndian.Uint64(v))
	case TypeDecimal, TypeNewDecimal:
		return WholeDecimal(v)
	default:
		return nil, false
	}
	if f != math.Trunc(f) || math.Abs(f) >= exactIntegers {
		return nil, false
	}
	x.text = strconv.AppendInt(x.text[:0], int64(f), 10)
	return x.text, true
}

// WholeDecimal returns the text of the integer that a decimal is, as MySQL prints
// integers. ok is false if it has a fraction, or is no decimal below 2^53.
func WholeDecimal(decimal []byte) (text []byte, ok bool) {
	whole, fraction, _ := bytes.Cut(decimal, []byte("."))
	n, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil || n <= -exactIntegers || n >= exactIntegers || len(bytes.Trim(fraction, "0")) > 0 {
		return nil, false
	}
	return strconv.AppendInt(nil, n, 10), true
}
