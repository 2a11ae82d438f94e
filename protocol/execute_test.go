package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
)

// executePacket builds a COM_STMT_EXECUTE.
func executePacket(id uint32, null []byte, types []byte, values ...[]byte) []byte {
	p := []byte{byte(ComStmtExecute)}
	p = binary.LittleEndian.AppendUint32(p, id)
	p = append(p, 1, 1, 0, 0, 0)
	p = append(p, null...)
	if types != nil {
		p = append(append(p, 1), types...)
	} else {
		p = append(p, 0)
	}
	return append(p, bytes.Join(values, nil)...)
}

func le(n, size int) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(n))[:size]
}

func TestExecuteArg(t *testing.T) {
	str := func(s string) []byte { return AppendLenencBytes(nil, s) }
	long := string(randomBytes(70_000))
	for _, tc := range []struct {
		name     string
		typ      byte
		unsigned bool
		value    []byte
		text     string
		ok       bool
	}{
		{"tiny", TypeTiny, false, le(-5, 1), "-5", true},
		{"unsigned tiny", TypeTiny, true, le(-5, 1), "251", true},
		{"short", TypeShort, false, le(-300, 2), "-300", true},
		{"unsigned short", TypeShort, true, le(65535, 2), "65535", true},
		{"year", TypeYear, true, le(2024, 2), "2024", true},
		{"long", TypeLong, false, le(math.MinInt32, 4), "-2147483648", true},
		{"unsigned long", TypeLong, true, le(math.MaxUint32, 4), "4294967295", true},
		{"int24", TypeInt24, false, le(-1, 4), "-1", true},
		{"longlong", TypeLongLong, false, le(math.MinInt64, 8), "-9223372036854775808", true},
		{"unsigned longlong", TypeLongLong, true, le(-1, 8), "18446744073709551615", true},
		{"string", 253, false, str("a\x00b"), "a\x00b", true},
		{"empty string", 254, false, str(""), "", true},
		{"long blob", 252, false, str(long), long, true},
		{"json", 245, false, str("{}"), "{}", true},
		{"integer decimal", TypeNewDecimal, false, str("-12"), "-12", true},
		{"decimal", TypeNewDecimal, false, str("1.0"), "", false},
		{"decimal of zeros", TypeDecimal, false, str("007"), "", false},
		{"negative zero", TypeDecimal, false, str("-0"), "", false},
		{"float", TypeFloat, false, le(0, 4), "", false},
		{"double", TypeDouble, false, le(0, 8), "", false},
		{"zero date", TypeDate, false, []byte{0}, "", false},
		{"datetime", TypeDatetime, false, append([]byte{11}, make([]byte, 11)...), "", false},
		{"time", TypeTime, false, append([]byte{8}, make([]byte, 8)...), "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			types := []byte{tc.typ, 0, 253, 0}
			if tc.unsigned {
				types[1] = unsignedFlag
			}
			// A string behind it shows that its length was understood.
			x, err := ParseExecute(executePacket(7, []byte{0}, types, tc.value, str("end")), 2, nil)
			if err != nil {
				t.Fatal(err)
			}
			text, null, ok := x.Arg(0)
			if null || ok != tc.ok || ok && string(text) != tc.text {
				t.Errorf("Arg(0) = %q, %v, %v, want %q, false, %v", text, null, ok, tc.text, tc.ok)
			}
			if text, _, ok := x.Arg(1); !ok || string(text) != "end" {
				t.Errorf("Arg(1) = %q, %v, want the string behind", text, ok)
			}
		})
	}
}

func TestExecuteNullAndLongData(t *testing.T) {
	types := []byte{253, 0, 253, 0, TypeNull, 0, 252, 0, 253, 0}
	p := executePacket(3, []byte{0b00010}, types, AppendLenencBytes(nil, "k"), AppendLenencBytes(nil, "end"))
	var x Execute
	if err := x.Parse(p, 5, nil, func(i int) bool { return i == 3 }); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		text     string
		null, ok bool
	}{{"k", false, true}, {"", true, true}, {"", true, true}, {"", false, false}, {"end", false, true}} {
		if text, null, ok := x.Arg(i); string(text) != want.text || null != want.null || ok != want.ok {
			t.Errorf("Arg(%d) = %q, %v, %v, want %+v", i, text, null, ok, want)
		}
	}
}

func TestExecuteWithoutTypes(t *testing.T) {
	types := []byte{253, 0, TypeLongLong, unsignedFlag}
	values := append(AppendLenencBytes(nil, "key"), le(-1, 8)...)
	again := executePacket(3, []byte{0}, nil, values)
	_, err := ParseExecute(again, 2, nil)
	var e *Error
	if !errors.As(err, &e) || e.Code != ErrWrongArguments {
		t.Errorf("without any types: %v, want error 1210", err)
	}
	x, err := ParseExecute(again, 2, types)
	if err != nil || x.NewTypes {
		t.Fatalf("ParseExecute: %v, NewTypes = %v", err, x.NewTypes)
	}
	if text, _, _ := x.Arg(1); string(text) != "18446744073709551615" {
		t.Errorf("Arg(1) = %q", text)
	}
	full := AppendExecute(nil, &x, 99, types)
	if want := executePacket(99, []byte{0}, types, values); !bytes.Equal(full, want) {
		t.Errorf("AppendExecute = %x, want %x", full, want)
	}
	y, err := ParseExecute(full, 2, nil)
	if err != nil || !y.NewTypes || y.StmtID != 99 || y.Flags != x.Flags || y.Iterations != x.Iterations {
		t.Errorf("the packet rebuilt: %+v, %v", y, err)
	}
	none, err := ParseExecute(executePacket(3, nil, nil)[:executeHead], 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := AppendExecute(nil, &none, 4, nil); len(got) != executeHead || got[1] != 4 {
		t.Errorf("AppendExecute without parameters = %x", got)
	}
}

func TestExecuteMalformed(t *testing.T) {
	types := []byte{253, 0, TypeLongLong, 0, TypeDatetime, 0}
	whole := executePacket(3, []byte{0}, types, AppendLenencBytes(nil, "key"), le(1, 8), []byte{4, 1, 2, 3, 4})
	if _, err := ParseExecute(whole, 3, nil); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		_, err := ParseExecute(whole[:n], 3, nil)
		var e *Error
		if !errors.As(err, &e) || e.Code != ErrMalformedPacket {
			t.Errorf("the first %d bytes: %v, want error 1835", n, err)
		}
	}
}

func TestExecuteAllocatesNothing(t *testing.T) {
	p := executePacket(3, []byte{0}, []byte{253, 0, 8, 0}, AppendLenencBytes(nil, "key"), le(1<<40, 8))
	var x Execute
	parse := func() {
		if x.Parse(p, 2, nil, nil) != nil {
			t.Fatal("parse")
		}
		x.Arg(0)
		x.Arg(1)
	}
	if n := testing.AllocsPerRun(100, parse); n > 0 {
		t.Errorf("Parse allocates %v times", n)
	}
}

func FuzzParseExecute(f *testing.F) {
	f.Add(executePacket(3, []byte{0}, []byte{253, 0, 8, 0}, AppendLenencBytes(nil, "key"), le(1, 8)), 2, []byte(nil), uint8(0))
	f.Add(executePacket(3, []byte{1}, nil, AppendLenencBytes(nil, "key")), 2, []byte{253, 0, 252, 0}, uint8(2))
	f.Fuzz(func(t *testing.T, payload []byte, params int, bound []byte, long uint8) {
		if params < 0 || params > 1<<16 {
			return
		}
		var x Execute
		if x.Parse(payload, params, bound, func(i int) bool { return i < 8 && long&(1<<i) != 0 }) != nil {
			return
		}
		if x.Params() != params {
			t.Fatalf("Params() = %d, want %d", x.Params(), params)
		}
		for i := range params {
			x.Arg(i)
		}
		if params == 0 {
			return
		}
		var y Execute
		again := AppendExecute(nil, &x, 5, x.Types)
		if err := y.Parse(again, params, nil, func(i int) bool { return i < 8 && long&(1<<i) != 0 }); err != nil {
			t.Fatalf("the packet rebuilt: %v", err)
		}
		for i := range params {
			a, nullA, okA := x.Arg(i)
			a = bytes.Clone(a)
			b, nullB, okB := y.Arg(i)
			if !bytes.Equal(a, b) || nullA != nullB || okA != okB {
				t.Errorf("Arg(%d) = %q, %v, %v; rebuilt %q, %v, %v", i, a, nullA, okA, b, nullB, okB)
			}
		}
	})
}

func TestAppendSubset(t *testing.T) {
	str := func(s string) []byte { return AppendLenencBytes(nil, s) }
	types := []byte{253, 0, 8, 0, 253, 0, 252, 0, 3, unsignedFlag}
	// Parameter 2 is NULL, 3 was sent as long data.
	p := executePacket(3, []byte{1 << 2}, types, str("key"), le(1<<40, 8), le(7, 4))
	isLong := func(i int) bool { return i == 3 }
	var x Execute
	if err := x.Parse(p, 5, nil, isLong); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		params []int
		want   []string
	}{
		{nil, nil},
		{[]int{0}, []string{"key"}},
		{[]int{1, 4}, []string{"1099511627776", "7"}},
		{[]int{2, 3, 4}, []string{"NULL", "LONG", "7"}},
		{[]int{0, 1, 2, 3, 4}, []string{"key", "1099511627776", "NULL", "LONG", "7"}},
	} {
		sub := AppendSubset(nil, &x, 9, types, tc.params)
		var y Execute
		if err := y.Parse(sub, len(tc.params), nil, func(i int) bool { return tc.params[i] == 3 }); err != nil {
			t.Errorf("AppendSubset(%v): %v", tc.params, err)
			continue
		}
		if y.StmtID != 9 || y.Flags != x.Flags || y.Iterations != 1 {
			t.Errorf("AppendSubset(%v) = %+v", tc.params, y)
		}
		var got []string
		for i, param := range tc.params {
			text, null, ok := y.Arg(i)
			switch {
			case null:
				got = append(got, "NULL")
			case !ok && param == 3:
				got = append(got, "LONG")
			default:
				got = append(got, string(text))
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("AppendSubset(%v) has %q, want %q", tc.params, got, tc.want)
		}
	}
}
