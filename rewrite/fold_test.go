package rewrite

import "testing"

func TestFoldKey(t *testing.T) {
	for _, c := range []struct{ name, key, want string }{
		{"lower case", "abc09_-", "abc09_-"},
		{"upper case", "AbC", "abc"},
		{"trailing blanks", "abc  ", "abc"},
		{"only blanks", "  ", ""},
		{"other blanks", " a b\t", " a b\t"},
		{"accents", "\u00c9\u00e8\u00dc\u00f1\u00d8\u0141\u1ea4", "eeunola"},
		{"combining accent", "e\u0301", "e"},
		{"ligatures", "\u00c6\u0153\u00df\u1e9e", "aeoessss"},
		{"dotless i", "\u0131\u0130", "ii"},
		{"kelvin and angstrom", "\u212a\u212b", "ka"},
		{"full width", "\uff21\uff42\uff0e", "ab."},
		{"greek", "\u03a3\u03c3\u03c2", "\u03c3\u03c3\u03c3"},
		{"cyrillic", "\u0416", "\u0436"},
		{"no letters", "\u00d7\u00f7\u20ac", "\u00d7\u00f7\u20ac"},
		{"not utf-8", "A\xff\xc3B", "a\xff\xc3b"},
		{"nul", "A\x00", "a\x00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := FoldKey([]byte("x"), []byte(c.key)); string(got) != "x"+c.want {
				t.Errorf("FoldKey(%q) = %q, want %q", c.key, got, c.want)
			}
		})
	}
}

func FuzzFoldKey(f *testing.F) {
	f.Add([]byte("AbC \u00e9\xff"))
	f.Fuzz(func(t *testing.T, key []byte) {
		once := FoldKey(nil, key)
		// Beyond ASCII, folding may bring together what wasn't.
		if again := FoldKey(nil, once); string(again) != string(once) && isASCII(key) {
			t.Errorf("FoldKey(%q) = %q, folded again %q", key, once, again)
		}
		if blanks := FoldKey(nil, append(key, "  "...)); string(blanks) != string(once) {
			t.Errorf("FoldKey(%q) = %q, with blanks %q", key, once, blanks)
		}
	})
}
