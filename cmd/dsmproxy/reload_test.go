package main

import (
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/conf"
)

// TestNeedsRestart: what a reload refuses is said with what it takes instead; a
// restart does not do where the stores have a setting on record.
func TestNeedsRestart(t *testing.T) {
	text := func(level, more string) string {
		return more + "\n[consistency]\nlevel = \"" + level + "\"\n[[user]]\nname = \"u\"\npassword = \"p\"\n" +
			"[[store]]\nname = \"s1\"\naddr = \"127.0.0.1:1\"\n[[store]]\nname = \"s2\"\naddr = \"127.0.0.1:2\"\n[[store]]\nname = \"s3\"\naddr = \"127.0.0.1:3\"\n" +
			"[[table]]\nname = \"sessions\"\nkey = \"id\"\n"
	}
	parse := func(text string) *conf.Config {
		c, err := conf.Parse("test.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"listen":                 {text("safe", ""), text("safe", `listen = "127.0.0.1:4000"`), "listen; SIGUSR2 starts"},
		"copies at seed":         {text("seed", ""), text("seed", "copies = 3"), "copies; SIGUSR2 starts"},
		"copies at safe":         {text("safe", ""), text("safe", "copies = 3"), "a restart would not do: the stores have copies on record"},
		"from safe to strict":    {text("safe", ""), text("strict", ""), "stop all proxies, run dsmproxy init -change"},
		"from seed to safe":      {text("seed", ""), text("safe", ""), "it takes a stop of all proxies"},
		"what a reload can, too": {text("safe", ""), text("safe", "copies = 3") + "[limits]\nmax_clients = 5\n", "needs a restart: copies;"},
	} {
		old, next := parse(c.from), parse(c.to)
		if err := needsRestart(old, next, old.Changes(next)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
