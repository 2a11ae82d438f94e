package rewrite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// statementsPath has two tables that are written here, between marks.
const statementsPath = "../docs/STATEMENTS.md"

// kindsExplained says what becomes of each kind of statement.
var kindsExplained = map[Kind]string{
	KindRead:                   "the first live store of the key's order answers; if it fails before the first byte of the answer, the next one",
	KindReadForUpdate:          "each record is locked and read where its writers ask first, one store after the other; without a key, what an ordinary read finds is, and nobody is kept from inserting more",
	KindWrite:                  "on the first N live stores of the key's order, with the same value of NOW() and the like",
	KindMove:                   "the record goes from the stores of the old key to those of the new one",
	KindWriteByOther:           "the keys of the rows are asked for first, then it is a write",
	KindScatterRead:            "all stores are asked, and each record counts once: the answer is that of one database",
	KindBroadcast:              "on all stores, the affected rows counted once for each record",
	KindLock:                   "on the first live store of its name's order; if that store dies, the lock is gone",
	KindUnlock:                 "where the lock is held",
	KindUnlockAll:              "where locks are held",
	KindLockTest:               "where the lock would be",
	KindTxnBegin:               "at each store that the transaction touches, when it does",
	KindTxnCommit:              "on all stores of the transaction, one after the other: there is no two-phase commit",
	KindTxnRollback:            "on all stores of the transaction",
	KindTxnSavepoint:           "on all stores of the transaction",
	KindTxnReleaseSavepoint:    "on all stores of the transaction",
	KindTxnRollbackToSavepoint: "on all stores of the transaction",
	KindSessionState:           "remembered, and brought to each store connection that serves the client",
	KindAny:                    "any live store answers",
	KindMulti:                  "one after the other, each for itself",
	KindOtherTable:             `error 1235, or, with other_tables = "a store's name", that store serves it`,
	KindLockTables:             "of other tables at their store; of session tables error 1235, but for those of a dump and its load, which get no lock",
	KindUnlockTables:           "at the store of the other tables",
	KindPrepareSQL:             "the proxy keeps the statement and plans it",
	KindCall:                   "of routines at the store of the other tables",
	KindKill:                   "by the numbers that the proxy has given to its clients",
	KindEmpty:                  "nothing, with the answer of the database",
}

// TestStatementsDocs holds the tables of docs/STATEMENTS.md to the kinds that
// exist, with an example of each from the statements of real handlers, and to
// what is refused by name.
func TestStatementsDocs(t *testing.T) {
	doc, err := os.ReadFile(statementsPath)
	if err != nil {
		t.Fatal(err)
	}
	got := between(t, string(doc), "kinds", kindsTable(t))
	got = between(t, got, "refusals", refusalsTable(t))
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(statementsPath, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(doc) {
		t.Errorf("%s is not what the planner does: UPDATE_GOLDEN=1 go test ./rewrite -run TestStatementsDocs", statementsPath)
	}
}

// between replaces what is between two marks.
func between(t *testing.T, doc, mark, text string) string {
	t.Helper()
	begin, end := "<!-- "+mark+": written by go test ./rewrite -->\n", "<!-- end of "+mark+" -->\n"
	before, rest, ok := strings.Cut(doc, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks %q", statementsPath, mark)
	}
	return before + begin + text + end + after
}

func kindsTable(t *testing.T) string {
	t.Helper()
	examples := make(map[Kind]string)
	files, err := filepath.Glob("testdata/[cm]or*/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus", err)
	}
	for _, f := range files {
		for _, e := range readCorpus(t, f) {
			if e.proto != "text" && e.proto != "prepared" || len(e.sql) < 5 {
				continue
			}
			var s Statement
			NewPlanner(Options{Tables: e.tables}).Plan(&s, e.sql, "sess", e.mode)
			if k := s.Plan.Kind; s.Plan.Refuse == "" && (examples[k] == "" || len(e.sql) < len(examples[k])) {
				examples[k] = string(e.sql)
			}
		}
	}
	var b bytes.Buffer
	b.WriteString("| kind | what becomes of it | for example |\n|---|---|---|\n")
	for k := KindRead; k <= KindEmpty; k++ {
		if kindsExplained[k] == "" {
			t.Errorf("kind %v is not explained", k)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", k, kindsExplained[k], codeCell(examples[k]))
	}
	return b.String()
}

// refusalsTable is testdata/plans/refusals.txt with one example of each reason.
func refusalsTable(t *testing.T) string {
	t.Helper()
	golden, err := os.ReadFile("testdata/plans/refusals.txt")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("| the error names | for example |\n|---|---|\n")
	last := ""
	lines := strings.Split(strings.TrimSpace(string(golden)), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		reason := lines[i]
		if strings.HasPrefix(reason, "statement not understood") {
			reason = "statement not understood near '...'"
		}
		_, sql, ok := strings.Cut(lines[i+1], ": ")
		if !ok {
			t.Fatalf("not understood: %q", lines[i+1])
		}
		if reason != last {
			fmt.Fprintf(&b, "| %s | %s |\n", reason, codeCell(sql))
		}
		last = reason
	}
	return b.String()
}

// codeCell is SQL in a cell of a table.
func codeCell(sql string) string {
	if sql == "" {
		return ""
	}
	sql = strings.Join(strings.Fields(strings.ToValidUTF8(sql, "?")), " ")
	if len(sql) > 160 {
		sql = strings.ToValidUTF8(sql[:160], "") + " ..."
	}
	fence := "`"
	if strings.Contains(sql, "`") {
		fence = "``"
		sql = " " + sql + " "
	}
	return fence + strings.ReplaceAll(sql, "|", `\|`) + fence
}
