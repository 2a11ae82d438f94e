package replica

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// A KeyFold makes one key of those that a collation calls equal, so that they
// have the same stores: 'K1' and 'k1', 'é' and 'e'. What is lower-case ASCII
// letters and digits stays as it is.
//
// It goes character by character, by what WEIGHT_STRING() gives for each at a
// store, which is asked once: for ASCII at first, for others when a key has
// them. A character with the weights of ASCII ones becomes those, another one
// its weights, behind a byte that no ASCII character has:
//
//	utf8mb4_unicode_ci: 'É' -> 0E8B = that of 'e' -> "e"; 'ж' -> 1005 -> "\xff\x10\x05"
//
// What is equal by several characters together (in Danish, 'aa' and 'å') is
// found for ASCII ones alone. To fold together what is not equal does no harm
// but to an even spread, so accents are left out where a collation tells them
// apart but not capitals, and of the charsets of East Asia, whose collations
// call none of their letters equal to an ASCII one, those letters. But where it
// does, at the levels safe and strict, see keyexact.go.
type KeyFold struct {
	charset, collation string
	width              int // of one weight in bytes
	pads               bool
	ascii              [utf8.RuneSelf]string
	same               [256]bool       // ASCII that stays as it is
	letters            map[string]byte // the ASCII character that has a weight

	ask   func(sql string) ([][][]byte, error)
	mu    sync.Mutex // held to replace runes
	runes atomic.Pointer[map[rune]string]
	// fenced: keys are folded to one text if and only if they are equal, and exact:
	// those beyond ASCII can be.
	fenced, exact bool
	firsts        atomic.Pointer[map[string]string] // see firstTexts
}

const (
	// maxFoldRunes bounds the characters that are known of one collation.
	maxFoldRunes = 1 << 16
	// maxAsked is how many characters are asked for at a time.
	maxAsked = 256
)

// keyFolds are those of all collations that were needed.
type keyFolds struct {
	mu    sync.Mutex // held to replace known
	known atomic.Pointer[map[string]*KeyFold]
}

// get returns that of a column; nil if its collation tells capitals apart.
func (k *keyFolds) get(c column, query querier, fenced bool) (*KeyFold, error) {
	if !c.foldsCase() {
		return nil, nil
	}
	if m := k.known.Load(); m != nil {
		if f := (*m)[c.collation]; f != nil {
			return f, nil
		}
	}
	f, err := newKeyFold(c, func(sql string) ([][][]byte, error) { return query(context.Background(), sql) })
	if err != nil {
		return nil, err
	}
	f.fenced, f.exact = fenced, f.charset != "" && c.exactly()
	k.mu.Lock()
	defer k.mu.Unlock()
	next := map[string]*KeyFold{}
	if m := k.known.Load(); m != nil {
		maps.Copy(next, *m)
	}
	next[c.collation] = f
	k.known.Store(&next)
	return f, nil
}

// foldsCase reports whether the column's collation calls letters equal that
// differ in case or accents.
func (c column) foldsCase() bool {
	if c.charset == "" || c.charset == "binary" || c.wideCharset() || strings.HasSuffix(c.collation, "_bin") {
		return false
	}
	return !strings.Contains(c.collation, "_cs") || strings.Contains(c.collation, "_ai_")
}

// wideCharset: its ASCII is not one byte.
func (c column) wideCharset() bool {
	switch c.charset {
	case "ucs2", "utf16", "utf16le", "utf32":
		return true
	}
	return false
}

func newKeyFold(c column, ask func(string) ([][][]byte, error)) (*KeyFold, error) {
	f := &KeyFold{charset: c.charset, width: 1, pads: c.pads(), letters: map[string]byte{}, ask: ask}
	// Of several levels the first is all that counts.
	f.collation = strings.NewReplacer("_as_ci", "_ai_ci", "_ai_cs", "_ai_ci").Replace(c.collation)
	if f.unicode() {
		f.width = 2
	}
	var all []string
	for b := range utf8.RuneSelf {
		all = append(all, string(rune(b)))
	}
	weights, err := f.weights(all)
	switch {
	case err != nil && storeFailed(err):
		return nil, err
	case err != nil: // a store that can't tell weights
		weights = all
		for b := 'A'; b <= 'Z'; b++ {
			weights[b] = all[b+'a'-'A']
		}
		f.width, f.charset = 1, ""
	}
	for b := utf8.RuneSelf - 1; b >= 0; b-- {
		w := weights[b]
		if first, ok := f.letters[w]; len(w) == f.width && (!ok || !isLower(first) || isLower(byte(b))) {
			f.letters[w] = byte(b)
		}
	}
	for b := range f.ascii {
		f.ascii[b] = f.spell(weights[b])
		f.same[b] = f.ascii[b] == string(rune(b))
	}
	none := map[rune]string{}
	f.runes.Store(&none)
	return f, nil
}

func isLower(b byte) bool { return b >= 'a' && b <= 'z' }

func (f *KeyFold) unicode() bool { return strings.HasPrefix(f.charset, "utf8") }

// weights asks for the weights of characters.
func (f *KeyFold) weights(characters []string) (list []string, err error) {
	for len(characters) > 0 {
		n := min(len(characters), maxAsked)
		var sql strings.Builder
		for i, c := range characters[:n] {
			sql.WriteString([]string{"SELECT ", ","}[min(i, 1)])
			fmt.Fprintf(&sql, "HEX(WEIGHT_STRING(_%s x'%x' COLLATE %s))", f.charset, c, f.collation)
		}
		rows, err := f.ask(sql.String())
		if err != nil {
			return nil, err
		}
		for i := range n {
			w, err := hex.DecodeString(string(rows[0][i]))
			if err != nil {
				return nil, err
			}
			list = append(list, string(w))
		}
		characters = characters[n:]
	}
	return list, nil
}

// spell is what a character with the given weights is folded to.
func (f *KeyFold) spell(weights string) string {
	var b strings.Builder
	for len(weights) > 0 {
		n := min(len(weights), f.width)
		if c, ok := f.letters[weights[:n]]; ok {
			b.WriteByte(c)
		} else {
			b.WriteByte(0xff)
			b.WriteString(weights[:n])
		}
		weights = weights[n:]
	}
	return b.String()
}

// Keeps reports whether key is folded to itself.
func (f *KeyFold) Keeps(key []byte) bool {
	for _, c := range key {
		if !f.same[c] {
			return false
		}
	}
	return !f.pads || len(key) == 0 || key[len(key)-1] != ' '
}

// Append appends what key is folded to, in the bytes of its column's charset.
func (f *KeyFold) Append(dst, key []byte) ([]byte, error) {
	if f.pads {
		for len(key) > 0 && key[len(key)-1] == ' ' {
			key = key[:len(key)-1]
		}
	}
	if f.fenced && !isASCII(key) {
		if !f.exact {
			return dst, ErrNotExact
		}
		return f.appendExact(dst, key)
	}
	for i := 0; i < len(key); {
		if c := key[i]; c < utf8.RuneSelf {
			dst = append(dst, f.ascii[c]...)
			i++
			continue
		}
		r, n := rune(key[i]), 1
		switch {
		case f.charset == "":
			dst = append(dst, key[i])
			i++
			continue
		case f.unicode():
			if r, n = utf8.DecodeRune(key[i:]); r == utf8.RuneError && n == 1 {
				dst = append(dst, key[i]) // no store has it
				i++
				continue
			}
		case severalBytes(f.charset):
			return append(dst, 0xff), nil
		}
		to, ok := (*f.runes.Load())[r]
		if !ok {
			var err error
			if to, err = f.learn(r, key[i:]); err != nil {
				return dst, err
			}
		}
		dst = append(dst, to...)
		i += n
	}
	return dst, nil
}

// learn asks for the characters of text that are not known; r is one.
func (f *KeyFold) learn(r rune, text []byte) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := *f.runes.Load()
	next := map[rune]string{}
	if len(known) < maxFoldRunes {
		maps.Copy(next, known)
	}
	var unknown []rune
	var spelled []string
	note := func(r rune, text string) {
		if _, ok := next[r]; !ok {
			next[r] = ""
			unknown, spelled = append(unknown, r), append(spelled, text)
		}
	}
	if f.unicode() {
		for _, r := range string(text) {
			if r >= utf8.RuneSelf && r != utf8.RuneError {
				note(r, string(r))
			}
		}
		note(r, string(r))
	} else {
		for b := rune(utf8.RuneSelf); b < 256; b++ {
			note(b, string([]byte{byte(b)}))
		}
	}
	weights, err := f.weights(spelled)
	if err != nil {
		return "", err
	}
	for i, w := range weights {
		next[unknown[i]] = f.spell(w)
	}
	f.runes.Store(&next)
	return next[r], nil
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// severalBytes: its letters beyond ASCII are of more than one byte.
func severalBytes(charset string) bool {
	switch charset {
	case "big5", "cp932", "eucjpms", "euckr", "gb18030", "gb2312", "gbk", "sjis", "ujis":
		return true
	}
	return false
}
