package conf

import (
	"strings"
	"testing"
)

// TestLoadAdmin wants the running proxy to be found whatever is wrong elsewhere
// in the file.
func TestLoadAdmin(t *testing.T) {
	const rest = "\n[[user]]\nname = \"app\"\n[[store]]\nname = \"s1\"\naddr = 7\n[nonsense]\nx = 1\n"
	for _, w := range []struct{ text, listen, wrong string }{
		{"copies = 9\n[admin]\nlisten = \"127.0.0.1:9\"\npassword = \"p\"" + rest, "127.0.0.1:9", ""},
		{"copies = 9" + rest, DefaultAdmin, ""},
		{"[admin]\nlisten = \"0.0.0.0:9\"" + rest, "", "admin.listen"},
		{"[admin]\nlisten = \"127.0.0.1:9\"\nbogus = 1" + rest, "", "admin.bogus"},
		{"[admin\nlisten = \"127.0.0.1:9\"" + rest, "", "c.toml:"},
		{"x = = 1\n[admin]\nlisten = \"127.0.0.1:9\"\n[pool]\ny = = 2" + rest, "127.0.0.1:9", ""},
		{"x = = 1" + rest, DefaultAdmin, ""},
		{"[admin]\nlisten = \"127.0.0.1:9\"\nz = = 3" + rest, "", "c.toml:3"},
		{"x = = 1\nadmin.listen = \"127.0.0.1:9\"" + rest, "", "c.toml:1"},
	} {
		a, err := LoadAdmin(writeFile(t, t.TempDir(), "c.toml", w.text))
		switch {
		case w.wrong == "" && (err != nil || a.Listen != w.listen):
			t.Errorf("%s\n= %q, %v, want %q", w.text, a.Listen, err, w.listen)
		case w.wrong != "" && (err == nil || !strings.Contains(err.Error(), w.wrong)):
			t.Errorf("%s\n= %v, want an error about %s", w.text, err, w.wrong)
		case err != nil && strings.Contains(err.Error(), "nonsense"):
			t.Errorf("%s\n= %v: that does not matter here", w.text, err)
		}
	}
}
