package protocol

import (
	"encoding/binary"
	"math"
	"testing"
)

func TestExecuteWhole(t *testing.T) {
	double := func(f float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(f)) }
	float := func(f float32) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(f)) }
	str := func(s string) []byte { return AppendLenencBytes(nil, []byte(s)) }
	for _, tc := range []struct {
		name  string
		typ   byte
		value []byte
		text  string // "" for none
	}{
		{"double", typeDouble, double(900), "900"},
		{"negative double", typeDouble, double(-7), "-7"},
		{"negative zero", typeDouble, double(math.Copysign(0, -1)), "0"},
		{"fraction", typeDouble, double(900.5), ""},
		{"last exact", typeDouble, double(1<<53 - 1), "9007199254740991"},
		{"first that is two", typeDouble, double(1 << 53), ""},
		{"first below", typeDouble, double(-1 << 53), ""},
		{"not a number", typeDouble, double(math.NaN()), ""},
		{"infinite", typeDouble, double(math.Inf(-1)), ""},
		{"float", typeFloat, float(42), "42"},
		{"float's fraction", typeFloat, float(0.1), ""},
		{"decimal", typeNewDecimal, str("900.00"), "900"},
		{"decimal of zeros", typeDecimal, str("-007"), "-7"},
		{"decimal's fraction", typeNewDecimal, str("900.10"), ""},
		{"no decimal", typeNewDecimal, str("9e2"), ""},
		{"empty decimal", typeNewDecimal, str(""), ""},
		{"large decimal", typeNewDecimal, str("9007199254740992.0"), ""},
		{"string", 253, str("900"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x, err := ParseExecute(executePacket(7, []byte{0}, []byte{tc.typ, 0}, tc.value), 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			if text, ok := x.Whole(0); ok != (tc.text != "") || string(text) != tc.text {
				t.Errorf("Whole(0) = %q, %v, want %q", text, ok, tc.text)
			}
		})
	}
}
