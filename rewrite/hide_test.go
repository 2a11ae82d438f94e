package rewrite

import (
	"fmt"
	"strings"
	"testing"
)

// likeOwn is what becomes of a SHOW TABLES LIKE, behind the word SELECT.
func likeOwn(db, pattern, more string) string {
	return fmt.Sprintf("`TABLE_NAME` AS `Tables_in_%[1]s (%[2]s)`%[3]s FROM information_schema.TABLES AS `TABLE_NAMES`"+
		" WHERE `TABLE_SCHEMA` = '%[1]s' AND `TABLE_NAME` LIKE '%[2]s' AND (@@lower_case_table_names <> 0 OR"+
		" CONVERT(`TABLE_NAME` USING utf8mb4) COLLATE utf8mb4_bin LIKE '%[2]s') AND `TABLE_NAME` <> 'own'"+
		" ORDER BY CONVERT(`TABLE_NAME` USING utf8mb4) COLLATE utf8mb4_bin", db, pattern, more)
}

func TestWithoutTable(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "sessions", Key: "id"}}})
	for _, c := range []struct{ sql, want string }{
		{"SHOW TABLES", "SHOW TABLES WHERE `Tables_in_app` <> 'own'"},
		{"show full tables from `a``b` ;", "show full tables from `a``b` WHERE `Tables_in_a``b` <> 'own'"},
		{"SHOW TABLES IN x WHERE 1 OR 0", "SHOW TABLES IN x WHERE ( 1 OR 0) AND `Tables_in_x` <> 'own'"},
		{"SHOW TABLES LIKE 's%'", ""},
		{"SHOW TABLES LIKE 'ow__'", ""},
		{`SHOW TABLES LIKE 'o\_n'`, ""},
		{`SHOW TABLES LIKE 'o''n%'`, ""},
		{"SHOW EXTENDED TABLES LIKE '%'", ""},
		{"SHOW TABLES LIKE '%'", "SELECT " + likeOwn("app", "%", "")},
		{"SHOW TABLES IN x LIKE \"O_%N\";", "SELECT " + strings.ReplaceAll(likeOwn("x", "O_%N", ""), "'O_%N'", `"O_%N"`)},
		{`show full tables like '%\wn'`, "SELECT " + likeOwn("app", `%\wn`, ", `TABLE_TYPE` AS `Table_type`")},
		{"SHOW TABLE STATUS FROM x LIKE 's%'", "SHOW TABLE STATUS FROM x WHERE `Name` LIKE 's%' AND `Name` <> 'own'"},
		{"SHOW OPEN TABLES", "SHOW OPEN TABLES WHERE `Table` <> 'own'"},
		{"SHOW CREATE TABLE sessions", "none"},
		{"SELECT * FROM information_schema.tables", "SELECT * FROM information_schema.tables WHERE `tables`.`TABLE_NAME` <> 'own'"},
		{"select count(*) from INFORMATION_SCHEMA.COLUMNS c where table_schema = 'app' or 1 order by 1 limit 5;",
			"select count(*) from INFORMATION_SCHEMA.COLUMNS c where `c`.`TABLE_NAME` <> 'own' AND ( table_schema = 'app' or 1\n) order by 1 limit 5;"},
		{"SELECT 1 FROM `information_schema`.`STATISTICS` AS s JOIN information_schema.columns USING (table_name) WHERE 1",
			"SELECT 1 FROM `information_schema`.`STATISTICS` AS s JOIN information_schema.columns USING (table_name) WHERE `s`.`TABLE_NAME` <> 'own' AND ( 1\n)"},
		{"SELECT COUNT(*) INTO @n FROM information_schema.tables", ""},
		{"SELECT * FROM information_schema.schemata", "none"},
		{"SELECT table_name FROM information_schema.tables UNION SELECT 1", "none"},
	} {
		var st Statement
		p.Plan(&st, []byte(c.sql), "app", 0)
		if st.Plan.Lists != (c.want != "none") {
			t.Errorf("%s: Lists = %v", c.sql, st.Plan.Lists)
			continue
		}
		if got := string(st.WithoutTable("own", "app")); st.Plan.Lists && got != c.want {
			t.Errorf("WithoutTable of %s = %s, want %s", c.sql, got, c.want)
		}
	}
}

// TestDumpStatements: what stands in executable comments in a dump.
func TestDumpStatements(t *testing.T) {
	p := NewPlanner(Options{Tables: []Table{{Name: "sessions", Key: "id"}}})
	for _, c := range []struct {
		sql       string
		kind      Kind
		readLocal bool
		refused   bool
	}{
		{sql: "/*M!999999 enable the sandbox mode */ \n\n/*!40101 SET @OLD=@@CHARACTER_SET_CLIENT */", kind: KindSessionState},
		{sql: "/*!999999 anything */ SELECT data FROM sessions WHERE id = 'a'", kind: KindRead},
		{sql: "/*!40000 ALTER TABLE `sessions` DISABLE KEYS */", kind: KindBroadcast},
		{sql: "/*!80000 ALTER TABLE `sessions` DISABLE KEYS */", kind: KindBroadcast, refused: true},
		{sql: "/*!40000 DELETE FROM sessions WHERE id = 'a' */", kind: KindWrite, refused: true},
		{sql: "LOCK TABLES sessions READ /*!32311 LOCAL */", kind: KindLockTables, readLocal: true},
		{sql: "LOCK TABLES a READ /*!32311 LOCAL */,`b` READ /*!32311 LOCAL */, c READ LOCAL,d AS x READ /*!32311 LOCAL */,e READ /*!32311 LOCAL */", kind: KindLockTables, readLocal: true},
		{sql: "LOCK TABLES sessions READ LOCAL, b READ", kind: KindLockTables},
		{sql: "LOCK TABLES sessions WRITE", kind: KindLockTables},
	} {
		var st Statement
		p.Plan(&st, []byte(c.sql), "app", 0)
		if (st.Plan.Refuse != "") != c.refused || !c.refused && (st.Plan.Kind != c.kind || st.Plan.ReadLocal != c.readLocal) {
			t.Errorf("%s: %v, ReadLocal %v, refused %q", c.sql, st.Plan.Kind, st.Plan.ReadLocal, st.Plan.Refuse)
		}
	}
}
