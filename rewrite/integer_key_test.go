package rewrite

import "testing"

func TestIntegerKey(t *testing.T) {
	for text, want := range map[string]string{
		"201": "201", "0": "0", "-7": "-7", " 201": "201", "0201": "201", "201abc": "201", "201.0": "201",
		"201.5": "202", "2.01e2": "201", "+5": "5", "-0": "0", "-007": "-7", "": "0", "abc": "0", "00": "0",
		"018446744073709551615": "18446744073709551615", "1 2": "1", "\t9 ": "9", "-x": "0", "5e": "5", "5.": "5",
	} {
		if got := string(IntegerKey([]byte(text))); got != want {
			t.Errorf("IntegerKey(%q) = %q, want %q", text, got, want)
		}
	}
	key := []byte("1234567890123456789")
	if n := testing.AllocsPerRun(100, func() { IntegerKey(key) }); n != 0 {
		t.Errorf("decimal text costs %v allocations", n)
	}
}
