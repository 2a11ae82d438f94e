package inspect

import (
	"strings"
	"testing"
	"time"
)

// TestTables: each way in which tables can be wrong.
func TestTables(t *testing.T) {
	list := start(t, 2)
	reset := func() {
		for _, s := range list {
			do(t, s, "DROP DATABASE app", "DROP DATABASE IF EXISTS other", "CREATE DATABASE app", sessionsTable)
		}
	}
	for _, c := range []struct {
		name   string
		first  []string // at s1
		second []string // at s2
		change func(*Config)
		want   []string
	}{
		{name: "missing", second: []string{"DROP TABLE app.sessions"}, want: []string{"wrong: s2: has no table app.sessions"}},
		{name: "missing everywhere", change: func(c *Config) { c.Tables[0].Name = "none" }, want: []string{"wrong: app.none: is at no store"}},
		{name: "a view", first: []string{"RENAME TABLE app.sessions TO app.s", "CREATE VIEW app.sessions AS SELECT * FROM app.s"},
			second: []string{"RENAME TABLE app.sessions TO app.s", "CREATE VIEW app.sessions AS SELECT * FROM app.s"},
			want:   []string{"wrong: s1: app.sessions: is a view", "wrong: s2: app.sessions: is a view"}},
		{name: "another column", second: []string{"ALTER TABLE app.sessions ADD user_id int"}, want: []string{"wrong: s2: app.sessions: differs from s1: columns (id, data, expires, user_id), not (id, data, expires)"}},
		{name: "another order", second: []string{"ALTER TABLE app.sessions MODIFY data mediumblob NOT NULL AFTER expires"}, want: []string{"wrong: s2: app.sessions: differs from s1: the order of its columns"}},
		{name: "another type", second: []string{"ALTER TABLE app.sessions MODIFY data blob NOT NULL"}, want: []string{"wrong: s2: app.sessions: differs from s1: column data is blob not null, not mediumblob not null"}},
		{name: "another index", second: []string{"ALTER TABLE app.sessions DROP KEY expires"}, want: []string{"note: s2: app.sessions: differs from s1: it has no index on (expires)"}},
		{name: "another engine", second: []string{"ALTER TABLE app.sessions ENGINE=MyISAM"},
			want: []string{"wrong: s2: app.sessions: differs from s1: engine MyISAM, not InnoDB", "note: s2: app.sessions: has the engine MyISAM"}},
		{name: "no key", change: func(c *Config) { c.Tables[0].Key = "sid" }, want: []string{`wrong: s1: app.sessions: has no column "sid"`, `wrong: s2: app.sessions: has no column "sid"`}},
		{name: "a key that is numbered", first: []string{"DROP TABLE app.sessions", "CREATE TABLE app.sessions (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, data blob)"},
			second: []string{"DROP TABLE app.sessions", "CREATE TABLE app.sessions (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, data blob)"},
			want:   []string{"note: s1: app.sessions: numbers its key column id itself", "note: s2: app.sessions: numbers its key column id itself"}},
		{name: "no unique key", change: func(c *Config) { c.Tables[0].Key = "expires" }, want: []string{"wrong: s1: app.sessions: has no primary or unique key on expires", "wrong: s2: app.sessions: has no primary or unique key on expires"}},
		{name: "several rows for one ID", first: []string{"ALTER TABLE app.sessions DROP PRIMARY KEY, ADD PRIMARY KEY (id, expires)"},
			second: []string{"ALTER TABLE app.sessions DROP PRIMARY KEY, ADD PRIMARY KEY (id, expires)"},
			want:   []string{"note: s1: app.sessions: has a unique index on (id, expires), so one session ID may have several rows", "note: s2: app.sessions: has a unique index on (id, expires)"}},
		{name: "several rows for one ID that no index finds", first: []string{"ALTER TABLE app.sessions DROP PRIMARY KEY, ADD PRIMARY KEY (expires, id)"},
			second: []string{"ALTER TABLE app.sessions DROP PRIMARY KEY, ADD PRIMARY KEY (expires, id)"},
			want:   []string{"wrong: s1: app.sessions: has no index that begins with id", "wrong: s2: app.sessions: has no index that begins with id"}},
		{name: "a collation that ignores case", first: []string{"ALTER TABLE app.sessions MODIFY id varchar(128) COLLATE utf8mb4_unicode_ci NOT NULL"},
			second: []string{"ALTER TABLE app.sessions MODIFY id varchar(128) COLLATE utf8mb4_unicode_ci NOT NULL"},
			want:   []string{"note: s1: app.sessions: the key's collation utf8mb4_unicode_ci calls \"abc\" and \"ABC\" equal, but", "note: s2: app.sessions: the key's collation utf8mb4_unicode_ci calls \"abc\" and \"ABC\" equal, but"}},
		{name: "a collation that ignores case, as the configuration does", first: []string{"ALTER TABLE app.sessions MODIFY id varchar(128) COLLATE utf8mb4_unicode_ci NOT NULL"},
			second: []string{"ALTER TABLE app.sessions MODIFY id varchar(128) COLLATE utf8mb4_unicode_ci NOT NULL"},
			change: func(c *Config) { c.Tables[0].Collated = true },
			want:   []string{"note: s1: app.sessions: the key's collation utf8mb4_unicode_ci calls \"abc\" and \"ABC\" equal, and so", "note: s2: app.sessions: the key's collation utf8mb4_unicode_ci calls \"abc\" and \"ABC\" equal, and so"}},
		{name: "a collation that fits", first: []string{"ALTER TABLE app.sessions MODIFY id varchar(128) COLLATE utf8mb4_unicode_ci NOT NULL"},
			second: []string{"ALTER TABLE app.sessions MODIFY id varchar(128) COLLATE utf8mb4_unicode_ci NOT NULL"},
			change: func(c *Config) { c.Tables[0].FoldCase = true }},
		{name: "a collation that does not fit", change: func(c *Config) { c.Tables[0].FoldCase = true },
			want: []string{"wrong: s1: app.sessions: the key is varchar(128) utf8mb4_bin not null", "wrong: s2: app.sessions: the key is varchar(128) utf8mb4_bin not null"}},
		{name: "a trigger", second: []string{"CREATE TRIGGER app.t BEFORE INSERT ON app.sessions FOR EACH ROW SET NEW.expires = 1"},
			want: []string{"wrong: s2: app.sessions: has triggers (t)"}},
		{name: "a foreign key", second: []string{"CREATE TABLE app.notes (id varchar(128) COLLATE utf8mb4_bin, FOREIGN KEY (id) REFERENCES app.sessions (id)) DEFAULT CHARSET=utf8mb4"},
			want: []string{"wrong: s2: app.sessions: has a foreign key (app.notes(id) to app.sessions)"}},
		{name: "several databases", first: []string{"CREATE DATABASE other", strings.Replace(sessionsTable, "app.", "other.", 1)},
			change: func(c *Config) { c.Tables[0].Schema = "" },
			want:   []string{"note: sessions: is in several databases: app, other", "wrong: s2: has no table other.sessions"}},
		{name: "a secondary table", first: []string{"CREATE TABLE app.attributes (sid varchar(128), v blob)"},
			change: func(c *Config) { c.Tables[0].Secondary = []Secondary{{"attributes", "id"}} },
			want:   []string{"wrong: s2: has no table app.attributes", `wrong: s1: app.attributes: has no column "id"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			reset()
			do(t, list[0], c.first...)
			do(t, list[1], c.second...)
			config := config(list)
			if c.change != nil {
				c.change(&config)
			}
			expect(t, Run(t.Context(), config), c.want...)
		})
	}
}

// TestSettings: each setting that does not fit, or differs.
func TestSettings(t *testing.T) {
	list := start(t, 2)
	for _, c := range []struct {
		name      string
		set, undo string // at s2
		change    func(*Config)
		want      []string
	}{
		{name: "connections of two proxies", change: func(c *Config) { c.MaxConns, c.Proxies = 150, 2 }, want: []string{"wrong: s1: max_connections is 300, but 2 proxies may open 300 (each pool.max_conns = 150)", "wrong: s2: max_connections is 300"}},
		{name: "connections", change: func(c *Config) { c.MaxConns = 299 }, want: []string{"wrong: s1: max_connections is 300, but dsmproxy may open 299", "wrong: s2: max_connections is 300"}},
		{name: "connections of the account", set: "ALTER USER app@'%' WITH MAX_USER_CONNECTIONS 20", undo: "ALTER USER app@'%' WITH MAX_USER_CONNECTIONS 0",
			want: []string{"wrong: s2: the account may have 20 connections"}},
		{name: "packets", change: func(c *Config) { c.MaxPacket = 128 << 20 }, want: []string{"note: s1: max_allowed_packet is 64MiB, less than the 128MiB", "note: s2: max_allowed_packet"}},
		{name: "timeouts", set: "SET GLOBAL wait_timeout = 60", undo: "SET GLOBAL wait_timeout = 28800", want: []string{"note: s2: wait_timeout is 60 s"}},
		{name: "sql_mode", set: "SET GLOBAL sql_mode = 'ANSI'", undo: "SET GLOBAL sql_mode = DEFAULT", want: []string{"wrong: sql_mode differs: "}},
		{name: "time zone", set: "SET GLOBAL time_zone = '+05:00'", undo: "SET GLOBAL time_zone = SYSTEM", want: []string{"wrong: NOW() differs from UTC by "}},
		{name: "durability", set: "SET GLOBAL innodb_flush_log_at_trx_commit = 2", undo: "SET GLOBAL innodb_flush_log_at_trx_commit = 1",
			want: []string{"note: s2: innodb_flush_log_at_trx_commit is 2"}},
		{name: "read-only", set: "SET GLOBAL read_only = ON", undo: "SET GLOBAL read_only = OFF", want: []string{"wrong: s2: is read-only"}},
		{name: "a slow login", change: func(c *Config) { c.ConnectTimeout = time.Nanosecond }, want: []string{"wrong: s1: dial and login took", "wrong: s2: dial and login took"}},
		{name: "one server twice", change: func(c *Config) { c.Stores[1].Addr = c.Stores[0].Addr }, want: []string{"wrong: s2: is the same server as s1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.set != "" {
				do(t, list[1], c.set)
				defer do(t, list[1], c.undo)
			}
			config := config(list)
			if c.change != nil {
				c.change(&config)
			}
			expect(t, Run(t.Context(), config), c.want...)
		})
	}
}

// TestClock: clocks can't be set here, so the judgement alone is tested.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		skew, precision time.Duration
		want            string
	}{
		{300 * time.Millisecond, 0, ""},
		{-1500 * time.Millisecond, 0, "note: s1: its clock is 1.5 s behind dsmproxy's"},
		{1500 * time.Millisecond, time.Second, ""},
		{7 * time.Second, time.Second, "wrong: s1: its clock is 7.0 s ahead of dsmproxy's"},
	} {
		in := &inspection{Config: Config{Stores: []Store{{Name: "s1"}}}}
		in.judgeClock(0, &facts{skew: c.skew, precision: c.precision})
		got := ""
		if len(in.findings) > 0 {
			got = in.findings[0].String()
		}
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("skew %v±%v: %q, want %q", c.skew, c.precision, got, c.want)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		pattern, schema string
		want            bool
	}{
		{"*", "app", true},
		{"`app`", "app", true},
		{"`app`", "apps", false},
		{"`a\\_b`", "a_b", true},
		{"`a\\_b`", "axb", false},
		{"`a_b`", "axb", true},
		{"`app%`", "app_1", true},
		{"`a``b`", "a`b", true},
	} {
		if got := covers(c.pattern, c.schema); got != c.want {
			t.Errorf("covers(%s, %s) = %v", c.pattern, c.schema, got)
		}
	}
}
