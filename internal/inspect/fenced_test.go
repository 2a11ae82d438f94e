package inspect

import (
	"slices"
	"strings"
	"testing"
)

// TestFenced: what the levels safe and strict ask for besides.
func TestFenced(t *testing.T) {
	list := start(t, 3)
	c := config(list[:2])
	c.Fenced = &Fenced{Level: "safe", Schema: "dsm", Settings: [][2]string{{"copies", "2"}, {"view_lease", "1s"}}}
	c.Fenced.Witnesses = []Store{{Name: "w1", Network: "tcp", Addr: list[2].Addr()}}
	expect(t, Run(t.Context(), c))

	do(t, list[0], "SET GLOBAL innodb_flush_log_at_trx_commit = 2")
	expect(t, Run(t.Context(), c), `note: s1: is not durable: at level "safe"`)

	for _, s := range list {
		do(t, s, "CREATE USER web@'%' IDENTIFIED BY 'x'", "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, TRIGGER, CREATE TEMPORARY TABLES ON app.* TO web@'%'")
	}
	c.Accounts = []Account{{"web", "x"}}
	expect(t, Run(t.Context(), c), `note: s1: is not durable`, "wrong: s1: 'web'@'%' has no right to FLUSH ENGINE LOGS",
		"wrong: s1: 'web'@'%' has no right to make the schema dsm", "wrong: s2: 'web'@'%' has no right to make the schema dsm",
		"wrong: w1: 'web'@'%' has no right to make the schema dsm")
	do(t, list[0], "SET GLOBAL innodb_flush_log_at_trx_commit = 1")
	for _, s := range list {
		do(t, s, "GRANT ALL ON dsm.* TO web@'%'")
	}
	expect(t, Run(t.Context(), c))

	do(t, list[1], "CREATE DATABASE dsm", "CREATE TABLE dsm.view (id TINYINT PRIMARY KEY)", "CREATE TABLE dsm.gate (id TINYINT PRIMARY KEY)",
		"CREATE TABLE dsm.ver (t SMALLINT PRIMARY KEY)", "CREATE TABLE dsm.moving (k INT PRIMARY KEY, made BIGINT NOT NULL)", "CREATE TABLE dsm.settings (name VARBINARY(64) PRIMARY KEY, value VARBINARY(99))",
		"INSERT INTO dsm.settings VALUES ('copies','3'),('view_lease','1s')", "ALTER TABLE app.sessions ENGINE=MyISAM")
	expect(t, Run(t.Context(), c), "wrong: s2: was used with other settings: copies is 2 here and 3 there",
		"wrong: s2: app.sessions: has the engine MyISAM", "wrong: s2: app.sessions: differs from s1: engine")
	do(t, list[1], "ALTER TABLE app.sessions ENGINE=InnoDB", "UPDATE dsm.settings SET value='2' WHERE name='copies'")
	do(t, list[1], "CREATE USER other@'%' IDENTIFIED BY 'x'", "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES ON app.* TO other@'%'")
	do(t, list[0], "CREATE USER other@'%' IDENTIFIED BY 'x'", "GRANT ALL ON app.* TO other@'%'", "GRANT ALL ON dsm.* TO other@'%'")
	c.Accounts = append(c.Accounts, Account{"other", "x"})
	expect(t, Run(t.Context(), c), "wrong: s2: 'other'@'%' may not use the side tables in dsm")
	for _, r := range []string{"SELECT, UPDATE ON dsm.view", "SELECT ON dsm.gate", "SELECT, INSERT, UPDATE ON dsm.ver"} {
		do(t, list[1], "GRANT "+r+" TO other@'%'")
	}
	r := Run(t.Context(), c)
	expect(t, r, "wrong: s2: 'other'@'%' may not use the side tables in dsm")
	if got, want := r.Findings[0].Remedy, "GRANT SELECT, INSERT, UPDATE ON dsm.moving TO 'other'@'%';"; got != want {
		t.Errorf("the remedy is %q, want %q", got, want)
	}
	do(t, list[1], r.Findings[0].Remedy)
	expect(t, Run(t.Context(), c))
	// Where the tables are not there yet, a GRANT on them fails.
	do(t, list[0], "REVOKE ALL ON dsm.* FROM other@'%'")
	r = Run(t.Context(), c)
	expect(t, r, "wrong: s1: 'other'@'%' may not use the side tables in dsm")
	if got := r.Findings[0].Remedy; !strings.HasPrefix(got, "first dsmproxy init") {
		t.Errorf("the remedy is %q", got)
	}

	if err := list[2].Kill(); err != nil {
		t.Fatal(err)
	}
	c.Accounts = c.Accounts[:1]
	expect(t, Run(t.Context(), c), "wrong: w1: the witness can't be asked")
}

// TestFencedTables: tables whose records can't be copied as they are, and the
// rights with which they are.
func TestFencedTables(t *testing.T) {
	list := start(t, 2)
	c := config(list)
	c.Fenced = &Fenced{Level: "strict", Schema: "dsm"}
	c.Tables[0].Secondary = []Secondary{{Name: "parts", Column: "sid"}}
	for _, s := range list {
		do(t, s, "CREATE TABLE app.parts (sid varchar(128) COLLATE utf8mb4_bin NOT NULL, n int, PRIMARY KEY (sid, n)) DEFAULT CHARSET=utf8mb4",
			"ALTER TABLE app.sessions ADD COLUMN uid int, ADD COLUMN no int AUTO_INCREMENT UNIQUE, ADD UNIQUE KEY twice (uid, no), ADD UNIQUE KEY fine (id, uid)",
			"ALTER TABLE app.parts ADD CONSTRAINT c FOREIGN KEY (sid) REFERENCES app.sessions (id)",
			"CREATE TRIGGER app.t AFTER DELETE ON app.sessions FOR EACH ROW SET @x = 1",
			"CREATE USER own@'%' IDENTIFIED BY 'x'", "GRANT ALL ON dsm.* TO own@'%'",
			"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, TRIGGER, CREATE TEMPORARY TABLES ON app.* TO own@'%'")
	}
	c.Tables[0].Surrogate = "no"
	c.Accounts = []Account{{"own", "x"}}
	r := Run(t.Context(), c)
	for _, want := range []string{
		"s2: app.sessions: 'own'@'%', as which dsmproxy copies records and makes the tables of a store that is new, has no right to DROP",
		"s1: app.sessions: has triggers (t)",
		"s1: app.sessions: has a foreign key (app.parts(sid) to app.sessions)",
		"s1: app.sessions: has unique index on (uid, no) beside the key",
		"s2: app.sessions: has records with rows in other tables (secondary)",
	} {
		if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level == Wrong && strings.HasPrefix(f.String(), "wrong: "+want) }) {
			t.Errorf("no %q in %v", want, r.Findings)
		}
	}
	for _, f := range r.Findings {
		if f.Check == "unique" && !strings.Contains(f.Message, "(uid, no)") {
			t.Errorf("%s: an index that excludes no other record", f)
		}
		if f.Check == "unique" {
			do(t, list[0], strings.Split(f.Remedy, ";")[0])
			break
		}
	}
}
