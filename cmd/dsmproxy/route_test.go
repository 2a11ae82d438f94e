package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/router/placement"
)

const testConfig = `
copies = 2
placement = "PLACEMENT"
[[user]]
name = "app"
password = "secret"
[[store]]
name = "s1"
addr = "10.0.0.1"
[[store]]
name = "s2"
addr = "10.0.0.2"
[[store]]
name = "s3"
addr = "10.0.0.3"
[[table]]
name = "sessions"
key = "id"
[[table]]
schema = "shop"
name = "carts"
key = "id"
collation = "ci"
[consistency]
level = "seed"
`

// writeConfig writes testConfig with some of its text replaced, in pairs of old
// and new.
func writeConfig(t *testing.T, replace ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dsmproxy.toml")
	text := strings.NewReplacer(append(replace, "PLACEMENT", "php")...).Replace(testConfig)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// call runs a command line.
func call(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestRoute(t *testing.T) {
	config := writeConfig(t)
	for _, test := range []struct {
		name, stdin, want string
		args              []string
	}{
		// The orders are those of PHP 8.2 for 7 and 3 stores.
		{"numbers", "", "abc\t891568578\t3 5 1 6 2 4 0\n", []string{"-placement", "php", "-stores", "7", "abc"}},
		{"numbers as JSON", "", `{"id":"abc","crc32":891568578,"order":[3,5,1,6,2,4,0]}` + "\n", []string{"--placement", "php", "--stores", "7", "--json", "abc"}},
		{"stores without placement", "", "abc\t891568578\t3 5 1 6 2 4 0\n", []string{"-stores=7", "abc"}},
		{"flags after the ID", "", `{"id":"abc","crc32":891568578,"order":[3,5,1,6,2,4,0]}` + "\n", []string{"-stores=7", "abc", "-json"}},
		{"names", "", "abc\t891568578\ts2 s1 s3\n", []string{"-config", config, "-table", "sessions", "abc"}},
		{"names as JSON", "", `{"id":"a<b","crc32":1713045902,"order":["s1","s3","s2"]}` + "\n", []string{"-config", config, "-json", "-table", "sessions", "a<b"}},
		{"not UTF-8", "", `{"id":"0xff00","crc32":3539857293,"order":[0]}` + "\n", []string{"-stores", "1", "-json", "\xff\x00"}},
		{"lines of stdin", "abc\r\n\nabc", "abc\t891568578\t0\n\t0\t0\nabc\t891568578\t0\n", []string{"-stores", "1"}},
		{"an ID like a flag", "", "-x\t1059959070\t0\n", []string{"-stores", "1", "--", "-x"}},
		{"folded", "", "ABC\t891568578\ts2 s1 s3\n", []string{"-config", config, "-table", "shop.carts", "ABC"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := call(test.stdin, append([]string{"route"}, test.args...)...)
			if code != 0 || stdout != test.want || stderr != "" {
				t.Errorf("route %q = %d, %q, %q, want 0, %q", test.args, code, stdout, stderr, test.want)
			}
		})
	}
}

// TestRouteFolds: an ID is folded where the table says so, and not elsewhere.
func TestRouteFolds(t *testing.T) {
	config := writeConfig(t)
	for table, same := range map[string]bool{"carts": true, "sessions": false} {
		_, upper, _ := call("", "route", "-config", config, "-json", "-table", table, "SESSION-One")
		_, lower, _ := call("", "route", "-config", config, "-json", "-table", table, "session-one ")
		var a, b struct{ CRC32 uint32 }
		if err := json.Unmarshal([]byte(upper), &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(lower), &b); err != nil {
			t.Fatal(err)
		}
		if (a.CRC32 == b.CRC32) != same {
			t.Errorf("table %s: the crc32 of two spellings are %d and %d, want the same: %v", table, a.CRC32, b.CRC32, same)
		}
	}
}

// TestRouteAsSpelled: without a running proxy, the order of an ID whose column
// may fold it is that of its spelling, and route and explain say so.
func TestRouteAsSpelled(t *testing.T) {
	config := writeConfig(t, `collation = "ci"`, `collation = "auto"`)
	for _, table := range []struct {
		name string
		auto bool
	}{{"sessions", false}, {"shop.carts", true}} {
		for _, id := range []string{"ABC", "abc"} {
			sql := "SELECT * FROM " + table.name + " WHERE id = '" + id + "'"
			order := strings.Fields(map[string]string{"ABC": "s3 s1 s2", "abc": "s2 s1 s3"}[id])
			note := table.auto && id == "ABC"
			for _, args := range [][]string{{"route", "-config", config, "-table", table.name}, {"explain", "-config", config}} {
				last := id
				if args[0] == "explain" {
					last = sql
				}
				_, out, errs := call("", append(args, last)...)
				if strings.Contains(out+errs, "as spelled") != note || !strings.Contains(out, strings.Join(order, " ")) {
					t.Errorf("%q %s = %q, %q; want the order %q and a note: %v", args, last, out, errs, order, note)
				}
				_, out, errs = call("", append(args, "-json", last)...)
				var answer struct {
					Order []string
					Note  string
				}
				if err := json.Unmarshal([]byte(out), &answer); err != nil || errs != "" {
					t.Fatalf("%q: %v, %s%s", args, err, out, errs)
				}
				if (answer.Note != "") != note || strings.Join(answer.Order, " ") != strings.Join(order, " ") {
					t.Errorf("%q %s = %s, want the order %q and a note: %v", args, last, out, order, note)
				}
			}
		}
	}
}

func TestRouteRefuses(t *testing.T) {
	config := writeConfig(t)
	for _, test := range []struct {
		name string
		code int
		want string
		args []string
	}{
		{"an unknown flag", 2, "-color", []string{"-color"}},
		{"an unknown placement", 2, `"md5" is unknown`, []string{"-placement", "md5", "-stores", "2", "x"}},
		{"no stores", 2, "at least 1", []string{"-placement", "php", "x"}},
		{"too many stores", 2, "more than", []string{"-stores", "99999999", "x"}},
		{"both ways", 2, "without -config", []string{"-config", config, "-stores", "2", "x"}},
		{"no such file", 1, "no such file", []string{"-config", "none.toml", "x"}},
		{"no such table", 1, `no table "users"`, []string{"-config", config, "-table", "users", "x"}},
		{"which table", 1, "-table", []string{"-config", config, "x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := call("", append([]string{"route"}, test.args...)...)
			if code != test.code || stdout != "" || !strings.Contains(stderr, test.want) {
				t.Errorf("route %q = %d, %q, %q, want %d and %q", test.args, code, stdout, stderr, test.code, test.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	good := writeConfig(t)
	code, stdout, stderr := call("", "check", "-config", good)
	if want := "ok: " + good + ": 3 stores, 1 user, 2 tables, copies 2, placement \"php\", level \"seed\"\n"; code != 0 || stdout != want || stderr != "" {
		t.Errorf("check = %d, %q, %q, want 0, %q", code, stdout, stderr, want)
	}
	bad := writeConfig(t, "copies = 2", "copies = 4", "10.0.0.3", "10.0.0.1:3306")
	code, stdout, stderr = call("", "check", "--config", bad)
	for _, want := range []string{bad + ":2: copies: must not exceed the number of stores (3)\n", bad + ":15: store.addr: "} {
		if code != 1 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("check = %d, %q, %q, want 1 and %q", code, stdout, stderr, want)
		}
	}
	if lines := strings.Count(stderr, "\n"); lines != 2 {
		t.Errorf("check prints %d lines, want one for each of 2 problems: %q", lines, stderr)
	}
	if code, _, stderr := call("", "check", good); code != 2 || !strings.Contains(stderr, "-config") {
		t.Errorf("check FILE = %d, %q, want 2 and a hint", code, stderr)
	}
}

// TestPlacementsOfConf holds conf's list of placements, which it can't import,
// to that of router/placement.
func TestPlacementsOfConf(t *testing.T) {
	for _, name := range placement.Names() {
		if _, err := conf.Load(writeConfig(t, "PLACEMENT", name)); err != nil {
			t.Errorf("placement %q: %v", name, err)
		}
	}
	_, err := conf.Load(writeConfig(t, "PLACEMENT", "none"))
	if err == nil {
		t.Fatal(`placement "none" is accepted`)
	}
	for _, name := range placement.Names() {
		if !strings.Contains(err.Error(), `"`+name+`"`) {
			t.Errorf("%v: does not offer %q", err, name)
		}
	}
}

func TestVersion(t *testing.T) {
	code, stdout, stderr := call("", "version")
	if code != 0 || !strings.HasPrefix(stdout, "dsmproxy ") || stderr != "" {
		t.Errorf("version = %d, %q, %q", code, stdout, stderr)
	}
}

// TestHelp: -h and --help print a command's usage on stdout and exit with 0.
func TestHelp(t *testing.T) {
	for _, name := range []string{"check", "route", "version"} {
		for _, flag := range []string{"-h", "--help"} {
			code, stdout, stderr := call("", name, flag)
			if code != 0 || !strings.HasPrefix(stdout, "usage: dsmproxy "+name) || stderr != "" {
				t.Errorf("%s %s = %d, %q, %q", name, flag, code, stdout, stderr)
			}
		}
	}
	if code, _, stderr := call("", "roue"); code != 2 || !strings.Contains(stderr, "unknown command") {
		t.Errorf("an unknown command: %d, %q, want 2", code, stderr)
	}
	if !slices.Contains(placement.Names(), placement.PHP) {
		t.Errorf("the default placement %q is not one of %q", placement.PHP, placement.Names())
	}
}
