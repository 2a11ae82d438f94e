package inspect

import (
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
		do(t, s, "CREATE USER web@'%' IDENTIFIED BY 'x'", "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES ON app.* TO web@'%'")
	}
	c.Accounts = []Account{{"web", "x"}}
	expect(t, Run(t.Context(), c), `note: s1: is not durable`, "wrong: s1: 'web'@'%' has no right to FLUSH ENGINE LOGS",
		"wrong: s1: 'web'@'%' has no right to make the schema dsm", "wrong: s2: 'web'@'%' has no right to make the schema dsm",
		"wrong: w1: 'web'@'%' has no right to make the schema dsm",
		"wrong: s1: 'web'@'%' may not use the side tables in dsm", "wrong: s2: 'web'@'%' may not use the side tables in dsm")
	do(t, list[0], "SET GLOBAL innodb_flush_log_at_trx_commit = 1")
	for _, s := range list {
		do(t, s, "GRANT ALL ON dsm.* TO web@'%'")
	}
	expect(t, Run(t.Context(), c))

	do(t, list[1], "CREATE DATABASE dsm", "CREATE TABLE dsm.view (id TINYINT PRIMARY KEY)", "CREATE TABLE dsm.gate (id TINYINT PRIMARY KEY)",
		"CREATE TABLE dsm.ver (t SMALLINT PRIMARY KEY)", "CREATE TABLE dsm.settings (name VARBINARY(64) PRIMARY KEY, value VARBINARY(99))",
		"INSERT INTO dsm.settings VALUES ('copies','3'),('view_lease','1s')", "ALTER TABLE app.sessions ENGINE=MyISAM")
	expect(t, Run(t.Context(), c), "wrong: s2: was used with other settings: copies is 2 here and 3 there",
		"wrong: s2: app.sessions: has the engine MyISAM", "wrong: s2: app.sessions: differs from s1: engine")
	do(t, list[1], "ALTER TABLE app.sessions ENGINE=InnoDB", "UPDATE dsm.settings SET value='2' WHERE name='copies'")
	do(t, list[1], "CREATE USER other@'%' IDENTIFIED BY 'x'", "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES ON app.* TO other@'%'")
	do(t, list[0], "CREATE USER other@'%' IDENTIFIED BY 'x'", "GRANT ALL ON app.* TO other@'%'", "GRANT ALL ON dsm.* TO other@'%'")
	c.Accounts = append(c.Accounts, Account{"other", "x"})
	expect(t, Run(t.Context(), c), "wrong: s2: 'other'@'%' may not use the side tables in dsm")

	if err := list[2].Kill(); err != nil {
		t.Fatal(err)
	}
	c.Accounts = c.Accounts[:1]
	expect(t, Run(t.Context(), c), "wrong: w1: the witness can't be asked")
}
