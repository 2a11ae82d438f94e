package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/conf"
)

func TestParseDSN(t *testing.T) {
	for _, c := range []struct {
		text string
		want dsn
	}{
		{"app:secret@10.0.0.1:3306/shop", dsn{"app", "secret", "10.0.0.1:3306", "shop"}},
		{"app:secret@db/shop", dsn{"app", "secret", "db:3306", "shop"}},
		{"app:p@ss:w/rd@db/shop", dsn{"app", "p@ss:w/rd", "db:3306", "shop"}},
		{"app@db", dsn{"app", "", "db:3306", ""}},
		{"app:secret@/shop", dsn{"app", "secret", "", "shop"}},
		{"app:secret@tcp(db:3307)/shop?parseTime=true", dsn{"app", "secret", "db:3307", "shop"}},
		{"app:secret@unix(/run/mysqld/mysqld.sock)/shop", dsn{"app", "secret", "unix:/run/mysqld/mysqld.sock", "shop"}},
		{"mysql://app:s%40c@db:3306/shop?x=1", dsn{"app", "s@c", "db:3306", "shop"}},
		{"app:secret@[::1]/shop", dsn{"app", "secret", "[::1]:3306", "shop"}},
	} {
		if got, err := parseDSN(c.text); err != nil || got != c.want {
			t.Errorf("parseDSN(%q) = %+v, %v, want %+v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"", "shop", "db:3306/shop", ":secret@db/shop", "app:secret@db:/shop", "app:secret@db/a/b", "mysql://db/shop"} {
		if got, err := parseDSN(text); err == nil {
			t.Errorf("parseDSN(%q) = %+v, want an error", text, got)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("parseDSN(%q): the error tells the password: %v", text, err)
		}
	}
}

// tricky is a password with what a configuration must quote.
const tricky = `a"b\c@d:e/f#g`

func TestInitConfig(t *testing.T) {
	t.Parallel()
	list := startServers(t, 2,
		`CREATE USER shop@'%' IDENTIFIED BY 'a"b\\c@d:e/f#g'`,
		"CREATE DATABASE laravel", "CREATE DATABASE django", "CREATE DATABASE own", "CREATE DATABASE none", "CREATE DATABASE jetty", "CREATE DATABASE auth", "GRANT ALL ON *.* TO shop@'%'",
		"CREATE TABLE laravel.users (id bigint PRIMARY KEY AUTO_INCREMENT, name varchar(255), email varchar(255) UNIQUE, password varchar(255))",
		"CREATE TABLE laravel.cache (`key` varchar(255) PRIMARY KEY, value mediumtext, expiration int)",
		"CREATE TABLE laravel.sessions (id varchar(255) PRIMARY KEY, user_id bigint, ip_address varchar(45), user_agent text, payload longtext NOT NULL, last_activity int) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
		"CREATE TABLE django.django_session (session_key varchar(40) COLLATE utf8mb4_bin PRIMARY KEY, session_data longtext NOT NULL, expire_date datetime(6) NOT NULL) DEFAULT CHARSET=utf8mb4",
		"CREATE TABLE django.auth_user (id int AUTO_INCREMENT PRIMARY KEY, username varchar(150) UNIQUE, password varchar(128), last_login datetime(6))",
		"CREATE TABLE own.visits (n bigint AUTO_INCREMENT PRIMARY KEY, token binary(16) NOT NULL UNIQUE, stuff blob, last_seen datetime)",
		"CREATE TABLE none.users (id int AUTO_INCREMENT PRIMARY KEY, name varchar(20))",
		"CREATE TABLE none.lock_keys (key_id varchar(64) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, key_token varchar(44) NOT NULL, key_expiration int unsigned NOT NULL) DEFAULT CHARSET=utf8mb4",
		"CREATE TABLE none.l10n_cache (lc_lang varchar(32) NOT NULL, lc_key varchar(255) NOT NULL, lc_value mediumblob, PRIMARY KEY (lc_lang, lc_key))",
		"CREATE TABLE auth.session (id varchar(36) NOT NULL PRIMARY KEY, token varchar(255) COLLATE utf8mb4_bin NOT NULL UNIQUE, expiresAt timestamp(3) NOT NULL, ipAddress text, userId varchar(36) NOT NULL) DEFAULT CHARSET=utf8mb4",
		"CREATE TABLE none.sessionstore (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, session_data longblob, expires_on timestamp)",
		"CREATE TABLE jetty.JettySessions (sessionId varchar(120) COLLATE utf8mb4_bin, contextPath varchar(60), virtualHost varchar(60), lastNode varchar(60), accessTime bigint, map blob, PRIMARY KEY (sessionId, contextPath, virtualHost)) DEFAULT CHARSET=utf8mb4",
	)
	first, second := list[0].Addr(), list[1].Addr()
	initConfig := func(schema string, args ...string) (int, string, string) {
		return call("", append([]string{"init-config", "-dsn", "shop:" + tricky + "@" + first + "/" + schema}, args...)...)
	}
	for _, c := range []struct {
		schema string
		want   conf.Table
		others []string
	}{
		{"laravel", conf.Table{Schema: "laravel", Name: "sessions", Key: "id"}, []string{"# name = \"cache\"", "laravel, ", "\ncollation = \"auto\"",
			"further tables: users.\n", "\n# other_tables = \"s1\"\n"}},
		{"django", conf.Table{Schema: "django", Name: "django_session", Key: "session_key", Preset: "django"}, nil},
		{"jetty", conf.Table{Schema: "jetty", Name: "JettySessions", Key: "sessionId", Preset: "jetty"}, []string{"a session may have several rows"}},
		{"own", conf.Table{Schema: "own", Name: "visits", Key: "token", Surrogate: "n"}, nil},
	} {
		t.Run(c.schema, func(t *testing.T) {
			code, out, stderr := initConfig(c.schema, first, "b="+second)
			if code != 0 || stderr != "" {
				t.Fatalf("init-config = %d, %s", code, stderr)
			}
			got, err := conf.Parse("dsmproxy.toml", []byte(out))
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if u := got.Users; len(u) != 1 || u[0].Name != "shop" || u[0].Password != tricky {
				t.Errorf("users: %+v", u)
			}
			if s := got.Stores; len(s) != 2 || s[0].Name != "s1" || s[0].Addr != first || s[1].Name != "b" || s[1].Addr != second {
				t.Errorf("stores: %+v", s)
			}
			if got.Copies != 2 || got.Placement != "rendezvous" || got.Listen != "127.0.0.1:3307" {
				t.Errorf("copies %d, placement %s, listen %s", got.Copies, got.Placement, got.Listen)
			}
			if c.want.Collation = "exact"; c.schema == "laravel" || got.Consistency.Fenced() {
				c.want.Collation = "auto"
			}
			if len(got.Tables) != 1 || fmt.Sprint(got.Tables[0]) != fmt.Sprint(c.want) {
				t.Errorf("tables: %+v, want %+v\n%s", got.Tables, c.want, out)
			}
			for _, other := range c.others {
				if !strings.Contains(out, other) {
					t.Errorf("no %q in\n%s", other, out)
				}
			}
			// What it writes, check takes: here, and with the stores.
			file := filepath.Join(t.TempDir(), "dsmproxy.toml")
			if code, _, stderr := initConfig(c.schema, "-o", file, first, second); code != 0 || !strings.Contains(stderr, "check -online") {
				t.Fatalf("-o: %d, %s", code, stderr)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the file: %v, %v", info, err)
			}
			for _, args := range [][]string{{"check"}, {"check", "-online"}} {
				if code, out, stderr := call("", append(args, "-config", file)...); code != 0 {
					t.Errorf("%v = %d\n%s%s", args, code, out, stderr)
				}
			}
			if code, _, _ := initConfig(c.schema, "-o", file, first); code != 1 {
				t.Errorf("a file that is there: %d, want 1", code)
			}
		})
	}

	t.Run("one store", func(t *testing.T) {
		_, out, _ := initConfig("django")
		if got, err := conf.Parse("x", []byte(out)); err != nil || got.Copies != 1 || len(got.Stores) != 1 || got.Stores[0].Addr != first {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("DSN without a host, on standard input", func(t *testing.T) {
		code, out, stderr := call("shop:"+tricky+"@/django\n", "init-config", "-dsn", "-", second)
		if code != 0 || !strings.Contains(out, second) {
			t.Errorf("%d\n%s%s", code, out, stderr)
		}
	})
	t.Run("a table that is named", func(t *testing.T) {
		_, out, _ := initConfig("laravel", "-table", "cache", first)
		if got, err := conf.Parse("x", []byte(out)); err != nil || len(got.Tables) != 1 || got.Tables[0].Name != "cache" || got.Tables[0].Key != "key" {
			t.Errorf("%v\n%s", err, out)
		}
	})

	t.Run("rows with a name of their own beside the session's", func(t *testing.T) {
		_, out, _ := initConfig("auth", first)
		if got, err := conf.Parse("x", []byte(out)); err != nil || len(got.Tables) != 1 || got.Tables[0].Key != "token" {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("named tables of other things", func(t *testing.T) {
		for name, key := range map[string]string{"lock_keys": "key_id", "sessionstore": "id"} {
			_, out, _ := initConfig("none", "-table", name, first)
			if got, err := conf.Parse("x", []byte(out)); err != nil || len(got.Tables) != 1 || got.Tables[0].Key != key || got.Tables[0].Surrogate != "" {
				t.Errorf("%v\n%s", err, out)
			}
		}
	})

	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no session table", []string{"-dsn", "shop:" + tricky + "@" + first + "/none"}, 1, "has no table that looks like one of sessions"},
		{"no such table", []string{"-dsn", "shop:" + tricky + "@" + first + "/django", "-table", "sessions"}, 1, `has no table "sessions"`},
		{"no such database", []string{"-dsn", "shop:" + tricky + "@" + first + "/nowhere"}, 1, `has no database "nowhere"`},
		{"wrong password", []string{"-dsn", "shop:wrong@" + first + "/django"}, 1, "Access denied"},
		{"dead server", []string{"-dsn", "shop:x@" + dead.Addr().String() + "/django"}, 1, "is the server running"},
		{"no DSN", nil, 2, "give the DSN"},
		{"bad DSN", []string{"-dsn", "shop"}, 2, "is not user:password@host:port/database"},
		{"bad store", []string{"-dsn", "shop:x@" + first + "/django", "a:b:c:d/e"}, 2, "is not host:port"},
		{"one store twice", []string{"-dsn", "shop:" + tricky + "@" + first + "/django", first, first}, 1, "both copies of a record would be on one server"},
	} {
		code, _, stderr := call("", append([]string{"init-config"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.want) || strings.Contains(stderr, tricky) {
			t.Errorf("%s: %d, %s, want %d and %q", c.name, code, stderr, c.code, c.want)
		}
	}
}
