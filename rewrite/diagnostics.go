package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/mysql"
)

// Diagnostics is what GET DIAGNOSTICS asks for.
type Diagnostics struct {
	// Condition is the number of the condition that it asks about, or that of the
	// user variable CondVar; both are empty where it asks about the statement.
	Condition *Value
	CondVar   string
	Items     []DiagnosticsItem
}

// DiagnosticsItem is one assignment of GET DIAGNOSTICS: of the item Name, in lower
// case, to the user variable Var.
type DiagnosticsItem struct{ Var, Name string }

// SQLState is the SQLSTATE that servers give an error or warning of this number.
func SQLState(code uint16) string {
	if state, ok := mysql.MySQLState[code]; ok {
		return state
	}
	return mysql.DefaultMySQLState
}

var (
	statementItems = words("number row_count")
	conditionItems = words("class_origin subclass_origin message_text mysql_errno constraint_catalog constraint_schema " +
		"constraint_name catalog_name schema_name table_name column_name cursor_name returned_sqlstate row_number")
)

// diagnostics reads GET [CURRENT] DIAGNOSTICS. The client's session keeps what a
// server does, and assigns it.
func (a *analyzer) diagnostics() {
	i, d, items := 1, &Diagnostics{}, statementItems
	if a.is(i, "current") {
		i++
	}
	if !a.is(i, "diagnostics") {
		a.refuse(strings.ToUpper(a.firstWords(2)))
		return
	}
	if i++; a.is(i, "condition") {
		items = conditionItems
		if a.kind(i+1) == tokUserVar {
			d.CondVar = "@" + strings.ToLower(string(a.l.varName(nil, a.toks[i+1])))
			i += 2
		} else if v, n := a.valueAt(i + 1); n > 0 {
			d.Condition = &v
			i += 1 + n
		}
	}
	for {
		name := a.word(i + 2)
		if a.kind(i) != tokUserVar || !a.op(i+1, "=") || !items[name] {
			a.refuse("statement not understood near '" + a.near(i) + "'")
			return
		}
		d.Items = append(d.Items, DiagnosticsItem{"@" + strings.ToLower(string(a.l.varName(nil, a.toks[i]))), name})
		if i += 3; !a.op(i, ",") {
			break
		}
		i++
	}
	if i < len(a.toks) {
		a.refuse("statement not understood near '" + a.near(i) + "'")
		return
	}
	a.p.Kind, a.p.Diagnostics = KindSessionState, d
	a.detail("diagnostics")
}
