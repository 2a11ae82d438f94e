package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const explainConfig = `listen = "127.0.0.1:3306"
copies = 2
[[user]]
name = "app"
password = "secret"
[[store]]
name = "s1"
addr = "10.0.0.1:3306"
[[store]]
name = "s2"
addr = "10.0.0.2:3306"
[[store]]
name = "s3"
addr = "10.0.0.3:3306"
[[table]]
name = "sessions"
key  = "id"
[consistency]
level = "seed"
`

func explainWith(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	return explainConfigured(t, explainConfig, stdin, args...)
}

func explainConfigured(t *testing.T, config, stdin string, args ...string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dsmproxy.toml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	err := runExplain(append([]string{"-config", path}, args...), strings.NewReader(stdin), &out, &errs)
	return out.String() + errs.String(), err
}

func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		stdin string
		args  []string
		want  string
		err   error
	}{
		"text": {
			args: []string{"SELECT * FROM sessions WHERE id = ?", "abc"},
			want: "kind     read\ntable    sessions\nkey      \"abc\"\nstores   s2 s1 s3\n" +
				"plan     read verb=select table=sessions key=?0 params=1 rows\n",
		},
		"json": {
			args: []string{"-json", "DELETE FROM sessions WHERE id = 'abc'"},
			want: `{"kind":"write","table":"sessions","keys":["abc"],"order":["s2","s1","s3"]}` + "\n",
		},
		"sql mode": {
			args: []string{"-json", "-sql-mode", "ANSI", `SELECT * FROM "sessions" WHERE "id" = 'abc'`},
			want: `{"kind":"read","table":"sessions","keys":["abc"],"order":["s2","s1","s3"]}` + "\n",
		},
		"lines": {
			stdin: `{"sql":"UPDATE sessions SET id=? WHERE id=?","params":["x","abc"]}

{"sql":"SELECT * FROM sessions WHERE id=?","params":[7]}
{"sql":"SELECT * FROM sessions WHERE id=?","params":[null]}
{"sql":"SELECT \"id\" FROM sessions WHERE \"id\"='abc'","sql_mode":"ANSI_QUOTES"}
{"sql_base64":"U0VMRUNUICogRlJPTSBzZXNzaW9ucyBXSEVSRSBpZCA9ICf/Jw=="}
{"sql":"SELECT GET_LOCK('abc',1)"}
{"sql":"BEGIN; COMMIT"}
{"sql":"XA START 'x'"}
{"params":[]}
`,
			args: []string{"--json"},
			want: `{"kind":"move","table":"sessions","order":["s2","s1","s3"],"from":"abc","to":"x"}
{"kind":"read","table":"sessions","keys":["7"],"order":["s3","s1","s2"]}
{"kind":"read","table":"sessions","keys":[null]}
{"kind":"read","table":"sessions","keys":["abc"],"order":["s2","s1","s3"]}
{"kind":"read","table":"sessions","keys":["0xff"],"order":["s2","s3","s1"]}
{"kind":"lock","order":["s2","s1","s3"],"name":"abc"}
{"kind":"multi","statements":[{"kind":"txn-begin"},{"kind":"txn-commit"}]}
{"error":"XA"}
{"error":"a line without sql or sql_base64"}
`,
			err: errSilent,
		},
		"no statement": {err: errUsage},
	} {
		got, err := explainWith(t, c.stdin, c.args...)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", name, err, c.err)
		}
		if c.err != errUsage && got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// What the router refuses is an error in explanations, too.
func TestExplainRefusals(t *testing.T) {
	for _, c := range []struct{ sql, refused, others string }{
		{"SELECT * FROM users", `"kind":"other-table","other_tables":["users"],"error":"dsmproxy: table users is not a session table`, `"kind":"other-table","other_tables":["users"]}`},
		{"CALL p()", `"kind":"call","error":"the stored routine p `, `"kind":"call"}`},
		{"SELECT f(1)", `"kind":"any","error":"the stored routine f `, `"kind":"any"}`},
		{"LOCK TABLES sessions WRITE", `"kind":"lock tables","table":"sessions","error":"LOCK TABLES of the session table`, `"error":"LOCK TABLES`},
		{"LOCK TABLES users READ", `"error":"dsmproxy: table users`, `"kind":"lock tables"`},
		{"SELECT LAST_INSERT_ID(5)", `"kind":"any","error":"LAST_INSERT_ID(expr)"`, `"error":"LAST`},
		{"SELECT @a := n FROM sessions", `"kind":"scatter-read","table":"sessions"}`, `"kind":"scatter-read","table":"sessions"}`},
		{"UPDATE sessions SET n = (@a := n)", `"error":"an assignment`, `"error":"an assignment`},
		{"SELECT @a := n FROM sessions WHERE id = 'k'", `"keys":["k"],"order":["s1","s2","s3"]}`, `"keys":["k"]`},
		{"SELECT * FROM sessions JOIN users USING (id) WHERE id = 'k'", `"error":"a join with table users`, `"other_tables":["users"]}`},
		{"SELECT * FROM sessions JOIN users USING (id) WHERE id = 'k' FOR UPDATE", `"error":"a join with table users`, `"error":"a join with table users`},
		{"INSERT INTO users SELECT * FROM sessions", `"error":"INSERT into another table from a session table"`, `table from a session table","other_tables":["users"]}`},
		{"SET GLOBAL sql_mode = ''", `"kind":"session-state","error":"SET GLOBAL sql_mode"`, `"error":"SET GLOBAL`},
		{"CREATE VIEW v AS SELECT * FROM users", `{"error":"CREATE VIEW"`, `"kind":"other-table"}`},
		{"CREATE VIEW v AS SELECT * FROM sessions", `{"error":"CREATE VIEW"`, `{"error":"CREATE VIEW"`},
		{"BEGIN; CALL p()", `{"kind":"call","error"`, `{"kind":"call"}`},
	} {
		for config, want := range map[string]string{explainConfig: c.refused, "other_tables = \"s1\"\n" + explainConfig: c.others} {
			got, err := explainConfigured(t, config, "", "-json", c.sql)
			if !strings.Contains(got, want) || errors.Is(err, errSilent) != strings.Contains(got, `"error"`) {
				t.Errorf("%s: %s, %v, want %s, and that it fails if it is refused", c.sql, got, err, want)
			}
		}
	}
}
