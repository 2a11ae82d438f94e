package conf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const settingsFile = `
[[user]]
name = "app"
password = "geheim"
[[store]]
name = "s1"
addr = "10.0.0.1"
user = "proxy"
password = "verborgen"
[[store]]
name = "s2"
addr = "10.0.0.2"
[[table]]
name = "sessions"
key = "id"
[admin]
password = "unsichtbar"
`

func parsed(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("test.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSettingsHidePasswords(t *testing.T) {
	text := fmt.Sprint(parsed(t, settingsFile).Settings())
	for _, want := range []string{"{limits.max_clients 10000", `{store.s2.addr "10.0.0.2:3306"`, `{table.sessions.key "id"`, `{limits.idle_timeout "8h"`, `{compression ["zlib", "zstd"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("the settings lack %s: %s", want, text)
		}
	}
	for _, s := range parsed(t, settingsFile).Settings() {
		for _, secret := range []string{"geheim", "verborgen", "unsichtbar"} {
			if strings.Contains(s.Value, secret) {
				t.Errorf("%s shows %s", s.Key, s.Value)
			}
		}
	}
}

func TestChanges(t *testing.T) {
	before := parsed(t, settingsFile)
	if c := before.Changes(parsed(t, settingsFile)); len(c) != 0 {
		t.Errorf("a configuration differs from itself in %v", c)
	}
	for _, c := range []struct {
		from, to string
		want     []string
		live     bool
	}{
		{`"geheim"`, `"secret"`, []string{"user.app.password: (hidden) -> (hidden)"}, true},
		{"[admin]", "[limits]\nmax_clients = 5\n[admin]", []string{"limits.max_clients: 10000 -> 5"}, true},
		{`key = "id"`, `key = "sid"`, []string{`table.sessions.key: "id" -> "sid"`}, true},
		{`"10.0.0.2"`, `"10.0.0.3"`, []string{`store.s2.addr: "10.0.0.2:3306" -> "10.0.0.3:3306"`}, true},
		{"[admin]", "[pool]\nmax_conns = 5\n[admin]", []string{"pool.max_conns: 200 -> 5"}, true},
		{"[admin]", "[health]\nprobe_interval = \"2s\"\n[admin]", []string{`health.probe_interval: "250ms" -> "2s"`}, true},
		{"[admin]", "[log]\nformat = \"json\"\n[admin]", []string{`log.format: "text" -> "json"`}, false},
	} {
		changes := before.Changes(parsed(t, strings.Replace(settingsFile, c.from, c.to, 1)))
		var got []string
		for _, ch := range changes {
			got = append(got, ch.String())
			if ch.Live() != c.live {
				t.Errorf("%s: Live() = %v, want %v", ch, ch.Live(), c.live)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s for %s changes %q, want %q", c.to, c.from, got, c.want)
		}
	}
}

func TestChangesOfLists(t *testing.T) {
	before := parsed(t, settingsFile)
	after := parsed(t, settingsFile+"[[user]]\nname = \"more\"\npassword = \"\"\n")
	if got := fmt.Sprint(before.Changes(after)[0]); got != `user.more.name: added, "more"` {
		t.Errorf("a new user is %q", got)
	}
	if got := fmt.Sprint(after.Changes(before)[0]); got != `user.more.name: removed, was "more"` {
		t.Errorf("a user that has gone is %q", got)
	}
	after = parsed(t, settingsFile)
	slices.Reverse(after.Stores)
	changes := before.Changes(after)
	if len(changes) != 1 || changes[0].String() != "store: s1 s2 -> s2 s1" || changes[0].Live() {
		t.Errorf("stores in another order are %v", changes)
	}
}

// TestChangePlain: a log gets values without the quotes that TOML has.
func TestChangePlain(t *testing.T) {
	for value, want := range map[string]string{
		`"8h"`: "8h", `""`: "", "5": "5", "(hidden)": "(hidden)", "": "", "s1 s2": "s1 s2",
		`"a \"b\""`: `a "b"`, `["zlib", "zstd"]`: "zlib, zstd", "[]": "", `["a, b"]`: "a, b",
	} {
		if got, _ := (Change{From: value}).Plain(); got != want {
			t.Errorf("Plain of %s = %q, want %q", value, got, want)
		}
	}
}
