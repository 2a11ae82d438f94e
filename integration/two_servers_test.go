package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
)

// TestTwoServersOneName: the configurations of two proxies differ in the address
// of one store, and it is two servers: both say so, in the log, by the metric and
// by the status, of that store alone. The others each proxy reaches under an
// address of its own as well. It ends when one proxy is corrected.
func TestTwoServersOneName(t *testing.T) {
	f := startFleet(t, fleetOptions{level: "safe", stores: 3, proxies: 2, copies: 2})
	other := suite.Servers.Start(t, 1, "--innodb-flush-log-at-trx-commit=1", "--max-connections=600")[0]
	db := open(t, other.Addr())
	mustExec(t, db, "CREATE DATABASE IF NOT EXISTS app")
	wrong, err := faultlink.New(other.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wrong.Close() })
	right := f.proxies[1].config
	const metric = `dsmproxy_store_other_server{store="s1"} `
	metrics := func(p *front) string {
		_, text := (&cluster{Proxy: p.Proxy}).get(t, "/metrics")
		return text
	}
	for _, p := range f.proxies {
		if !strings.Contains(metrics(p), metric+"0") {
			t.Fatalf("%s: not %s0 before anything is wrong", p.name, metric)
		}
	}

	reads := func(config string) { // proxy 1 is restarted with it
		f.proxies[1].Kill()
		f.proxies[1].config = config
		f.serve(f.proxies[1])
	}
	text, err := os.ReadFile(right)
	if err != nil {
		t.Fatal(err)
	}
	misled := filepath.Join(t.TempDir(), "misled.toml")
	changed := strings.ReplaceAll(string(text), f.proxies[1].links[1].Addr(), wrong.Addr())
	if err := os.WriteFile(misled, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	reads(misled)
	addrs := []string{f.proxies[0].links[1].Addr(), wrong.Addr()}
	for i, p := range f.proxies {
		eventually(t, 3*time.Minute, p.name+" to find it", func() bool { return strings.Contains(metrics(p), metric+"1") })
		line := ""
		eventually(t, time.Minute, p.name+" to log it", func() bool {
			line = p.Log.Find("another proxy reaches another server as this store")
			return line != ""
		})
		if want := fmt.Sprintf("store=s1 addr=%s other_proxy=", addrs[i]); !strings.Contains(line, want) {
			t.Errorf("%s does not log %q: %s", p.name, want, line)
		}
		for _, s := range []string{"s0", "s2"} {
			if want := fmt.Sprintf(`dsmproxy_store_other_server{store=%q} 0`, s); !strings.Contains(metrics(p), want) {
				t.Errorf("%s: no %s", p.name, want)
			}
		}
		if out, ok := (&cluster{config: p.config}).run(t, "status"); !ok || !strings.Contains(out, "another proxy reaches another server under this name") {
			t.Errorf("dsmproxy status at %s: %s", p.name, out)
		}
	}

	reads(right)
	for _, p := range f.proxies {
		eventually(t, 3*time.Minute, p.name+" to see its end", func() bool { return strings.Contains(metrics(p), metric+"0") })
	}
	eventually(t, time.Minute, "the log to tell the end", func() bool {
		return f.proxies[0].Log.Find("no proxy is seen to reach another server as this store any more") != ""
	})
	if n := strings.Count(f.proxies[0].Log.String(), "another proxy reaches another server as this store"); n != 1 {
		t.Errorf("it is told %d times", n)
	}
	f.awaitService()
}
