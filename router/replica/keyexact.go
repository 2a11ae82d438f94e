package replica

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/router/ledger"
)

// At the levels safe and strict two keys must be folded to the same text where,
// and only where, their column calls them equal, and the column must find the
// record by that text: it is what a version belongs to. For ASCII, character by
// character is enough. For other keys the whole one's weights are asked for,
// which are the same for equal keys and for no others, and of them a text is
// made, of the first characters that have such weights:
//
//	utf8mb4_general_ci: 'Ж1' and 'ж1' -> 0416 0031 -> "Ж1"
//
// A table of them is asked of a store once for a collation, when the first such
// key is met. A key that no such text is made of is none that a record has:
// whoever would write it is refused.

// What Append says of keys that are folded to nothing.
var (
	// ErrNoText: no record has the key.
	ErrNoText = fmt.Errorf("no text stands for all that equals it: %w", ledger.ErrNoKey)
	// ErrNotExact: it is not known what equals it.
	ErrNotExact = fmt.Errorf("a key with letters beyond ASCII of a column whose collation is not known well enough: %w", ledger.ErrNoKey)
)

// maxExactKey bounds what a key is folded to in bytes: a ledger has room for
// that.
const maxExactKey = 1000

// exactly reports whether a column's weights say all of what is equal there, and
// ASCII has them character by character.
func (c column) exactly() bool {
	rest, of := strings.CutPrefix(c.collation, c.charset+"_")
	if !of || severalBytes(c.charset) {
		return false
	}
	switch strings.Replace(rest, "_nopad", "", 1) {
	case "general_ci", "general_mysql500_ci", "unicode_ci", "unicode_520_ci", "uca1400_ai_ci", "0900_ai_ci":
		return true
	case "swedish_ci", "german1_ci", "danish_ci", "german2_ci", "spanish_ci", "turkish_ci", "bulgarian_ci", "ukrainian_ci", "croatian_ci":
		return !strings.HasPrefix(c.charset, "utf8")
	}
	return false
}

// appendExact appends what a key is folded to that is not ASCII.
func (f *KeyFold) appendExact(dst, key []byte) ([]byte, error) {
	rows, err := f.ask(fmt.Sprintf("SELECT HEX(WEIGHT_STRING(_%s x'%x' COLLATE %s))", f.charset, key, f.collation))
	if err != nil {
		if storeFailed(err) {
			return dst, err
		}
		return dst, ErrNoText // no text in that charset
	}
	w, err := hex.DecodeString(string(rows[0][0]))
	if err != nil || rows[0][0] == nil {
		return dst, ErrNoText
	}
	firsts, err := f.firstTexts()
	if err != nil {
		return dst, err
	}
	begin := len(dst)
	for len(w) > 0 {
		n := f.unit(firsts, w)
		if n == 0 || len(dst)-begin > maxExactKey {
			return dst[:begin], ErrNoText
		}
		dst = append(dst, firsts[string(w[:n])]...)
		w = w[n:]
	}
	rows, err = f.ask(fmt.Sprintf("SELECT _%s x'%x' COLLATE %s = _%s x'%x'", f.charset, dst[begin:], f.collation, f.charset, key))
	switch {
	case err != nil:
		return dst[:begin], err
	case string(rows[0][0]) != "1":
		return dst[:begin], ErrNoText
	}
	return dst, nil
}

// maxUnit is how many weights a character has at most that stand for nothing one
// by one.
const maxUnit = 8

// unit is how many bytes of w are those of the next character; 0 for none.
func (f *KeyFold) unit(firsts map[string]string, w []byte) int {
	for n := f.width; n <= min(len(w), f.width*maxUnit); n += f.width {
		if _, ok := firsts[string(w[:n])]; ok {
			return n
		}
	}
	return 0
}

// firstTexts returns, for the weights of each character, the first one that has
// them; of those that an ASCII one has, what that is folded to.
func (f *KeyFold) firstTexts() (map[string]string, error) {
	if m := f.firsts.Load(); m != nil {
		return *m, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.firsts.Load(); m != nil {
		return *m, nil
	}
	m, err := f.askFirsts()
	if err != nil {
		return nil, err
	}
	for w, c := range f.letters {
		m[w] = string(rune(c))
	}
	f.firsts.Store(&m)
	return m, nil
}

func (f *KeyFold) askFirsts() (map[string]string, error) {
	const digit = "(SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL " +
		"SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9 UNION ALL SELECT 10 UNION ALL SELECT 11 UNION ALL " +
		"SELECT 12 UNION ALL SELECT 13 UNION ALL SELECT 14 UNION ALL SELECT 15) "
	from := digit + "a JOIN " + digit + "b"
	number, character := "a.n*16+b.n", "UNHEX(LPAD(HEX(a.n*16+b.n),2,'0'))"
	valid := "1=1"
	if f.unicode() {
		from += " JOIN " + digit + "c JOIN " + digit + "d"
		number = "((a.n*16+b.n)*16+c.n)*16+d.n"
		character = "CONVERT(UNHEX(LPAD(HEX(" + number + "),8,'0')) USING utf32)"
		valid = "a.n<>13 OR b.n<8" // surrogates
	}
	rows, err := f.ask("SELECT HEX(w),MIN(n) FROM (SELECT WEIGHT_STRING(CONVERT(" + character + " USING " + f.charset + ") COLLATE " + f.collation + ") AS w," +
		number + " AS n FROM " + from + " WHERE " + valid + ") AS x WHERE w IS NOT NULL GROUP BY HEX(w)")
	if err != nil {
		return nil, err
	}
	m := make(map[string]string, len(rows))
	for _, r := range rows {
		w, err := hex.DecodeString(string(r[0]))
		n, bad := strconv.ParseInt(string(r[1]), 10, 32)
		if err != nil || bad != nil || len(w) == 0 {
			continue
		}
		if f.unicode() {
			m[string(w)] = string(rune(n))
		} else {
			m[string(w)] = string([]byte{byte(n)})
		}
	}
	return m, nil
}
