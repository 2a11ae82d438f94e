package merge

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// frames frames packets.
func frames(packets ...[]byte) []byte {
	r := Rows{Seq: 1}
	for _, p := range packets {
		r.Packet(p)
	}
	return r.Out
}

// textRow is a row of strings; "NULL" is NULL.
func textRow(values ...string) (row []byte) {
	for _, v := range values {
		if v == "NULL" {
			row = append(row, 0xfb)
		} else {
			row = protocol.AppendLenencBytes(row, v)
		}
	}
	return row
}

func binaryRow(values ...string) []byte {
	row := make([]byte, 1+bitmapSize(len(values)))
	for i, v := range values {
		if v == "NULL" {
			row[1+(i+2)/8] |= 1 << ((i + 2) % 8)
		} else {
			row = protocol.AppendLenencBytes(row, v)
		}
	}
	return row
}

// result is a whole result set of columns k, c1, c2...
func result(deprecateEOF bool, columns int, rows ...[]byte) []byte {
	packets := [][]byte{protocol.AppendLenenc(nil, uint64(columns))}
	for i := range columns {
		packets = append(packets, protocol.AppendColumn(nil, &protocol.Column{Name: fmt.Sprint("c", i), Type: 253}))
	}
	if !deprecateEOF {
		packets = append(packets, protocol.AppendEOF(nil, 2, 0))
	}
	packets = append(packets, rows...)
	if deprecateEOF {
		packets = append(packets, protocol.AppendOK(nil, 0xfe, protocol.OK{}, 2))
	} else {
		packets = append(packets, protocol.AppendEOF(nil, 2, 0))
	}
	return frames(packets...)
}

// values follows a result set and returns its rows.
func values(t *testing.T, b []byte, a Answer) string {
	t.Helper()
	var f protocol.Framer
	f.Reset(protocol.AnswerResult, a.DeprecateEOF, 1)
	if n, done, err := f.Feed(bytes.Clone(b)); n != len(b) || !done || err != nil {
		t.Errorf("the result is no answer: %d of %d bytes, %v, %v", n, len(b), done, err)
	}
	var rows []string
	a.Row = func(row []byte) error {
		v, err := a.Strings(nil, row, a.Columns())
		text := make([]string, len(v))
		for i := range v {
			if text[i] = string(v[i]); v[i] == nil {
				text[i] = "NULL"
			}
		}
		rows = append(rows, strings.Join(text, "|"))
		return err
	}
	a.Begin()
	if _, err := a.Write(b); err != nil {
		t.Error(err)
	}
	return strings.Join(rows, " ")
}

func TestRows(t *testing.T) {
	long := strings.Repeat("x", protocol.MaxFrame+10)
	wide := []string{"a", "1", "NULL", "3", "4", "5", "NULL", "7", "NULL", "9"}
	for _, c := range []struct {
		name          string
		offset, limit int64
		first, second [][]string
		want          string
	}{
		{"leftovers", 0, -1, [][]string{{"a", "1"}, {"b", "2"}}, [][]string{{"a", "3"}, {"b", "4"}}, "1 4"},
		{"null", 0, -1, [][]string{{"NULL", "1"}, {"a", "NULL"}}, [][]string{{"b", ""}}, "NULL "},
		{"empty", 0, -1, nil, nil, ""},
		{"limit", 0, 1, [][]string{{"a", "1"}}, [][]string{{"b", "2"}}, "1"},
		{"offset", 1, 1, [][]string{{"a", "1"}}, [][]string{{"b", "2"}, {"b", "3"}}, "2"},
		{"limit 0", 0, 0, [][]string{{"a", "1"}}, nil, ""},
		{"wide", 0, -1, [][]string{wide}, [][]string{append([]string{"b"}, wide[1:]...)}, strings.Repeat(" "+strings.Join(wide[1:], "|"), 2)[1:]},
		{"long", 0, -1, [][]string{{"a", long}}, [][]string{{"b", "2"}}, long + " 2"},
	} {
		for _, binary := range []bool{false, true} {
			for _, deprecateEOF := range []bool{false, true} {
				make1 := textRow
				if binary {
					make1 = binaryRow
				}
				r := &Rows{Answer: Answer{DeprecateEOF: deprecateEOF, Binary: binary}, Offset: c.offset, Limit: c.limit, Seq: 1}
				columns := 2
				for i, store := range [][][]string{c.first, c.second} {
					r.Begin()
					if r.Done() {
						break
					}
					r.Counts = func(key []byte) bool { return string(key) == "ab"[i:i+1] }
					var rows [][]byte
					for _, v := range store {
						columns = len(v)
						rows = append(rows, make1(v...))
					}
					b := result(deprecateEOF, columns, rows...)
					piece := 7
					if len(b) > 1<<20 {
						piece = 1 << 19
					}
					for len(b) > 0 {
						n := min(piece, len(b))
						if _, err := r.Write(b[:n]); err != nil {
							if !errors.Is(err, ErrEnough) {
								t.Errorf("%s: %v", c.name, err)
							}
							break
						}
						b = b[n:]
					}
				}
				r.End(2, 0)
				if got := values(t, r.Out, Answer{DeprecateEOF: deprecateEOF, Binary: binary}); got != c.want {
					t.Errorf("%s (binary %v, DEPRECATE_EOF %v) = %.80q, want %.80q", c.name, binary, deprecateEOF, got, c.want)
				}
			}
		}
	}
}

func TestRowsOfDifferentTables(t *testing.T) {
	r := &Rows{Limit: -1, Counts: func([]byte) bool { return true }}
	r.Begin()
	if _, err := r.Write(result(false, 2, textRow("a", "1"))); err != nil {
		t.Fatal(err)
	}
	r.Begin()
	if _, err := r.Write(result(false, 3, textRow("a", "1", "2"))); err == nil {
		t.Error("answers of 2 and of 3 columns are merged")
	}
}

func FuzzRows(f *testing.F) {
	f.Add(result(true, 2, textRow("a", "1")), true, false)
	f.Add(result(false, 9, binaryRow("a", "1", "2", "3", "NULL", "5", "6", "7", "8")), false, true)
	f.Fuzz(func(t *testing.T, b []byte, deprecateEOF, binary bool) {
		r := &Rows{Answer: Answer{DeprecateEOF: deprecateEOF, Binary: binary}, Limit: 3,
			Counts: func(key []byte) bool { return len(key) > 0 }}
		for range 2 {
			r.Begin()
			if _, err := r.Write(b); err != nil {
				return
			}
		}
		r.End(2, 0)
	})
}
