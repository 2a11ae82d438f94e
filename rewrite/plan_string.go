package rewrite

import (
	"fmt"
	"strconv"
	"strings"
)

var kindNames = [...]string{
	KindInvalid:                "invalid",
	KindRead:                   "read",
	KindReadForUpdate:          "read-for-update",
	KindWrite:                  "write",
	KindMove:                   "move",
	KindWriteByOther:           "write-by-other-column",
	KindScatterRead:            "scatter-read",
	KindBroadcast:              "broadcast-write",
	KindLock:                   "lock",
	KindUnlock:                 "unlock",
	KindUnlockAll:              "unlock all",
	KindLockTest:               "lock-test",
	KindTxnBegin:               "txn-begin",
	KindTxnCommit:              "txn-commit",
	KindTxnRollback:            "txn-rollback",
	KindTxnSavepoint:           "txn-savepoint",
	KindTxnReleaseSavepoint:    "txn-release-savepoint",
	KindTxnRollbackToSavepoint: "txn-rollback-to-savepoint",
	KindSessionState:           "session-state",
	KindAny:                    "any",
	KindMulti:                  "multi",
	KindOtherTable:             "other-table",
	KindLockTables:             "lock tables",
	KindUnlockTables:           "unlock tables",
	KindPrepareSQL:             "prepare-sql",
	KindCall:                   "call",
	KindKill:                   "kill",
	KindEmpty:                  "empty",
}

// String returns the kind as the corpus and `dsmproxy explain` spell it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

var verbNames = [...]string{
	VerbNone:     "",
	VerbSelect:   "select",
	VerbInsert:   "insert",
	VerbReplace:  "replace",
	VerbUpdate:   "update",
	VerbDelete:   "delete",
	VerbTruncate: "truncate",
	VerbDDL:      "ddl",
	VerbShow:     "show",
}

// String returns the verb in lower case, "" for none.
func (v Verb) String() string {
	if int(v) < len(verbNames) {
		return verbNames[v]
	}
	return "Verb(" + strconv.Itoa(int(v)) + ")"
}

// String returns where the value comes from: lit0 for the statement's first
// literal, ?0 for its first parameter, NULL, or parts joined by +. It shows no
// session data.
func (v Value) String() string {
	if v.Null {
		return "NULL"
	}
	var b strings.Builder
	for i, p := range v.Parts {
		if i > 0 {
			b.WriteByte('+')
		}
		switch p.Source {
		case SourceLiteral:
			if p.Numeric {
				b.WriteString("num")
			} else {
				b.WriteString("lit")
			}
			b.WriteString(strconv.Itoa(p.Index))
		case SourceParam:
			b.WriteString("?" + strconv.Itoa(p.Index))
		case SourceConst:
			b.WriteString(strconv.Quote(string(p.Const)))
		}
	}
	return b.String()
}

// names of bits, in their order.
var (
	nondetNames = []string{"time", "other"}
	usesNames   = []string{
		"last_insert_id", "found_rows", "row_count", "warnings", "connection_id",
		"user-variable", "database", "tls", "transaction",
	}
)

func bitNames(bits uint16, names []string) string {
	var list []string
	for i, n := range names {
		if bits>>i&1 == 1 {
			list = append(list, n)
		}
	}
	return strings.Join(list, ",")
}

// String returns the plan in one line: what `dsmproxy explain`, the debug log
// and the golden files show. It holds the names of tables, columns and
// variables, and no literal but the values of variables.
func (p *Plan) String() string {
	var b strings.Builder
	b.WriteString(p.Kind.String())
	if p.Detail != "" {
		fmt.Fprintf(&b, " (%s)", p.Detail)
	}
	if p.Refuse != "" {
		fmt.Fprintf(&b, " refuse=%q", p.Refuse)
	}
	field := func(name, value string) {
		if value != "" {
			b.WriteString(" " + name + "=" + value)
		}
	}
	field("verb", p.Verb.String())
	if p.Table != nil {
		field("table", p.Table.Name)
	}
	field("schema", p.Schema)
	field("others", strings.Join(p.Others, ","))
	p.writeValues(field)
	field("nondet", bitNames(uint16(p.Nondet), nondetNames))
	field("uses", bitNames(uint16(p.Uses), usesNames))
	for _, s := range p.Set {
		field("set", s.String())
	}
	field("database", p.Database)
	field("savepoint", p.Savepoint)
	for _, f := range []struct {
		on   bool
		name string
	}{
		{p.NextTxn, "next-txn"},
		{p.Chain, "chain"},
		{p.Release, "release"},
		{p.ReadOnly, "read-only"},
		{p.Snapshot, "snapshot"},
		{p.ImplicitCommit, "implicit-commit"},
		{p.Selects, "selects"},
		{p.Joins, "joins"},
		{p.ResultSet, "rows"},
		{p.KillQuery, "query"},
		{p.ByDo, "by-do"},
		{p.Elsewhere, "elsewhere"},
	} {
		if f.on {
			b.WriteString(" " + f.name)
		}
	}
	if p.Pins != "" {
		field("pins", strconv.Quote(p.Pins))
	}
	field("assigns", strings.Join(p.Assigns, ","))
	field("routine", strings.Join(p.Routines, ","))
	if p.Prepared != nil {
		field("prepared", p.Prepared.String())
	}
	return b.String()
}

// writeValues writes the fields that hold values.
func (p *Plan) writeValues(field func(name, value string)) {
	switch {
	case p.Kind == KindMove && len(p.Keys) == 2:
		field("from", p.Keys[0].String())
		field("to", p.Keys[1].String())
	case p.Kind == KindWriteByOther:
		field("sets-key", valueNames(p.Keys))
	case p.Kind == KindLock, p.Kind == KindUnlock, p.Kind == KindLockTest:
		field("name", valueNames(p.Keys))
	default:
		field("key", valueNames(p.Keys))
	}
	if p.OtherColumn != "" {
		field("by", p.OtherColumn+":"+valueNames(p.OtherValues))
	}
	field("reads", valueNames(p.CopiesFrom))
	field("surrogate", valueNames(p.Surrogates))
	if p.Rows > 1 {
		field("rows", strconv.Itoa(p.Rows))
	}
	if p.Params > 0 {
		field("params", strconv.Itoa(p.Params))
	}
	if p.Timeout != nil {
		field("timeout", p.Timeout.String())
	}
	if p.KillID != nil {
		field("id", p.KillID.String())
	}
}

func valueNames(list []Value) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.String()
	}
	return strings.Join(names, ",")
}

// String returns name:=value, with what is not constant or global said so.
func (s Assignment) String() string {
	text := s.Name
	if s.Value != "" {
		text += ":" + strconv.Quote(s.Value)
	} else if !s.Const {
		text += ":expr"
	}
	if s.Global {
		text = "global." + text
	}
	return text
}
