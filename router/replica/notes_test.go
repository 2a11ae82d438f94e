package replica

import (
	"fmt"
	"testing"
)

func TestMergeNotes(t *testing.T) {
	note := func(text string) [][]byte { return [][]byte{[]byte("Warning"), []byte("1"), []byte(text)} }
	list := func(texts ...string) (l [][][]byte) {
		for _, s := range texts {
			l = append(l, note(s))
		}
		return l
	}
	for _, c := range []struct {
		name   string
		copies int
		parts  [][][][]byte
		want   string
		same   int
	}{
		{"of a constant", 1, [][][][]byte{list("x"), list("x"), list("x")}, "x ", 2},
		{"of a constant that stands there twice", 2, [][][][]byte{list("x", "x"), list("x", "x")}, "x x ", 2},
		{"of records", 1, [][][][]byte{list("x", "y"), nil, list("x")}, "x y x ", 0},
		{"of records with copies", 2, [][][][]byte{list("x", "y"), list("y"), list("x")}, "x y ", 2},
		{"with rows", 1, [][][][]byte{list("x at row 1"), list("x at row 2")}, "x at row 1 x at row 2 ", 0},
		{"none", 2, [][][][]byte{nil, nil}, "", 0},
	} {
		merged, same := mergeNotes(c.parts, c.copies, true)
		got := ""
		for _, n := range merged {
			got += string(n[2]) + " "
		}
		if got != c.want || same != c.same {
			t.Errorf("%s: %q and %d, want %q and %d", c.name, got, same, c.want, c.same)
		}
	}
	notes := list("a at row 1", "b", "c at row 12")
	renumber(notes, func(row int) int { return row + 5 })
	if got := fmt.Sprintf("%s %s %s", notes[0][2], notes[1][2], notes[2][2]); got != "a at row 6 b c at row 17" {
		t.Errorf("renumbered: %s", got)
	}
}
