package replica

import (
	"bytes"
	"slices"
	"strconv"
)

// A statement that several stores have carried out parts of has the warnings of
// one server:
//
//   - One that names a row ("... at row 2") names it by its place in the part,
//     which is brought to that in the statement.
//   - One that all parts give equally often is about the statement itself, as of
//     a constant that is no number: it counts once. NULL where there may be none
//     is of a record.
//   - Any other is of a record, and comes from each copy that was looked at.

// mergeNotes makes one list of the warnings of parts, in which each record was
// looked at in so many copies, of servers that are MariaDB or MySQL. same is how many of all are in it already.
func mergeNotes(parts [][][][]byte, copies int, mariaDB bool) (merged [][][]byte, same int) {
	var texts []string // without a row, in order of appearance
	counts := make(map[string][]int)
	for i, part := range parts {
		for _, note := range part {
			if _, _, ok := rowOf(note); ok {
				continue
			}
			text := string(bytes.Join(note, []byte{0}))
			if counts[text] == nil {
				counts[text] = make([]int, len(parts))
				texts = append(texts, text)
			}
			counts[text][i]++
		}
	}
	left := make(map[string]int, len(texts))
	for _, text := range texts {
		n := counts[text]
		sum := 0
		for _, c := range n {
			sum += c
		}
		left[text] = (sum + copies - 1) / copies
		switch {
		case bytes.Contains([]byte(text), badNull):
			if !mariaDB {
				left[text] = slices.Max(n) // it warns of a column once
			}
		case !slices.ContainsFunc(n, func(c int) bool { return c != n[0] }):
			left[text] = n[0]
		}
		same += sum - left[text]
	}
	for _, part := range parts {
		for _, note := range part {
			if _, _, ok := rowOf(note); !ok {
				text := string(bytes.Join(note, []byte{0}))
				if left[text] == 0 {
					continue
				}
				left[text]--
			}
			merged = append(merged, note)
		}
	}
	return merged, same
}

// badNull is the number of the warning of NULL in a column that can't be.
var badNull = []byte("\x001048\x00")

// atRow is what comes before a row's number, at the end of a warning.
var atRow = []byte(" at row ")

// rowOf returns the number of the row that a warning names, and what stands
// before it.
func rowOf(note [][]byte) (before []byte, row int, ok bool) {
	if len(note) != 3 {
		return nil, 0, false
	}
	i := bytes.LastIndex(note[2], atRow)
	if i < 0 {
		return nil, 0, false
	}
	before = note[2][:i+len(atRow)]
	row, err := strconv.Atoi(string(note[2][len(before):]))
	return before, row, err == nil
}

// renumber gives the rows that warnings name the numbers that they have in the
// whole statement.
func renumber(notes [][][]byte, whole func(row int) int) {
	for _, note := range notes {
		if before, row, ok := rowOf(note); ok {
			note[2] = strconv.AppendInt(slices.Clip(before), int64(whole(row)), 10)
		}
	}
}

// sortByRow orders warnings by the rows that they name, if all do.
func sortByRow(notes [][][]byte) {
	if slices.ContainsFunc(notes, func(n [][]byte) bool { _, _, ok := rowOf(n); return !ok }) {
		return
	}
	slices.SortStableFunc(notes, func(a, b [][]byte) int {
		_, i, _ := rowOf(a)
		_, j, _ := rowOf(b)
		return i - j
	})
}
