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
		{"double", TypeDouble, double(900), "900"},
		{"negative double", TypeDouble, double(-7), "-7"},
		{"negative zero", TypeDouble, double(math.Copysign(0, -1)), "0"},
		{"fraction", TypeDouble, double(900.5), ""},
		{"last exact", TypeDouble, double(1<<53 - 1), "9007199254740991"},
		{"first that is two", TypeDouble, double(1 << 53), ""},
		{"first below", TypeDouble, double(-1 << 53), ""},
		{"not a number", TypeDouble, double(math.NaN()), ""},
		{"infinite", TypeDouble, double(math.Inf(-1)), ""},
		{"float", TypeFloat, float(42), "42"},
		{"float's fraction", TypeFloat, float(0.1), ""},
		{"decimal", TypeNewDecimal, str("900.00"), "900"},
		{"decimal of zeros", TypeDecimal, str("-007"), "-7"},
		{"decimal's fraction", TypeNewDecimal, str("900.10"), ""},
		{"no decimal", TypeNewDecimal, str("9e2"), ""},
		{"empty decimal", TypeNewDecimal, str(""), ""},
		{"large decimal", TypeNewDecimal, str("9007199254740992.0"), ""},
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
