package rewrite

import "strings"

// Statements about the schema are read by their tokens: which tables they name
// is all that matters.

// metadata makes the plan of SHOW, DESCRIBE, EXPLAIN and HELP.
func (a *analyzer) metadata() {
	a.p.Kind = KindAny
	a.p.Verb = VerbShow
	a.p.ResultSet = true
	a.p.Nondet = 0
	a.detail("schema metadata")
	switch {
	case a.is(0, "show"):
		for i := 1; i < len(a.toks); i++ {
			if a.is(i, "warnings") || a.is(i, "errors") {
				a.p.Uses |= UsesWarnings
			}
			if a.is(i, "like") || a.is(i, "where") || a.is(i, "from") {
				break
			}
		}
		a.p.Processes = a.is(1, "processlist") && len(a.toks) == 2 || a.are(1, "full", "processlist") && len(a.toks) == 3
		a.status()
		column, _ := a.lists()
		a.p.Lists = column != ""
	case a.are(1, "for", "connection"), a.is(1, "for"):
		a.refuse("EXPLAIN FOR CONNECTION")
	case a.is(1, "analyze"):
		if !a.explains(2, true) {
			a.refuse("EXPLAIN ANALYZE") // it runs the statement
		}
	case !a.is(0, "help"):
		a.explains(1, false)
	}
}

// status finds the pattern of SHOW [SESSION] STATUS LIKE.
func (a *analyzer) status() {
	i := 1
	if a.is(1, "session") || a.is(1, "local") {
		i = 2
	}
	if !a.are(i, "status", "like") {
		return
	}
	if v, n := a.valueAt(i + 2); n > 0 && i+2+n == len(a.toks) {
		a.p.Uses |= UsesTLS
		a.p.Keys = []Value{v}
	}
}

// ddl makes the plan of a statement that defines or maintains tables.
func (a *analyzer) ddl() {
	a.p.Verb = VerbDDL
	a.p.Nondet = 0
	a.p.Uses = 0
	a.p.Pins = ""
	i, temporary := 1, false
	for ; i < len(a.toks); i++ {
		switch a.word(i) {
		case "temporary":
			temporary = true
			continue
		case "or", "replace", "unique", "fulltext", "spatial", "online", "offline", "ignore",
			"local", "no_write_to_binlog", "aggregate":
			continue
		}
		break
	}
	verb := a.word(0)
	switch what := a.word(i); {
	case verb == "truncate":
		a.p.Verb = VerbTruncate
		if what == "table" {
			i++
		}
		a.ddlTables(i, false)
		a.restarts(true)
	case verb == "drop" && what == "prepare":
		a.p.Verb = VerbNone
		a.prepareSQL()
	case what == "table" || what == "tables":
		a.ddlTable(verb, i+1, temporary)
	case what == "index" && (verb == "create" || verb == "drop"):
		on := a.find(i+1, "on")
		a.ddlTables(on+1, true)
	case what == "database" || what == "schema":
		a.p.Kind = KindBroadcast
		a.p.ImplicitCommit = true
		a.detail("DDL")
		if verb == "drop" {
			_, a.p.Drops, _ = a.tableName(a.ifExists(i + 1))
		}
	case verb == "analyze" && a.explains(1, true):
	case verb == "analyze":
		a.elsewhere("ANALYZE of a statement")
		a.p.ImplicitCommit, a.p.ResultSet = false, true
	case what == "":
		a.refuse("statement not understood near '" + a.near(i) + "'")
	default:
		a.p.ImplicitCommit = true
		a.elsewhere(strings.ToUpper(verb + " " + what))
	}
}

// ddlTable makes the plan of verb TABLE, whose tables begin at i.
func (a *analyzer) ddlTable(verb string, i int, temporary bool) {
	switch verb {
	case "optimize", "analyze", "check", "repair":
		a.p.ResultSet = true
		a.ddlTables(i, false)
	case "rename":
		a.ddlTables(i, false)
	case "create":
		whatever := i
		i = a.ifExists(i)
		a.ddlTables(i, true)
		if t := a.firstOurs(); t != nil && i > whatever && !a.is(1, "or") {
			a.p.IfNotExists, a.p.Target = true, t.read()
		}
		_, _, next := a.tableName(i)
		if a.selects(next) && a.namesOurs(next) {
			a.refuse("CREATE TABLE ... SELECT from a session table")
		}
		switch {
		case temporary:
			a.pin(PinsTable)
			a.p.ImplicitCommit = false
			if a.p.Table != nil {
				a.refuse("a temporary table in the place of a session table")
			}
		case a.p.Kind == KindBroadcast && a.selects(next):
			a.refuse("CREATE TABLE ... SELECT")
		}
		a.restarts(false)
	case "drop":
		a.ddlTables(a.ifExists(i), false)
		a.restarts(true)
		if temporary {
			a.p.ImplicitCommit = false
		}
	default:
		a.ddlTables(a.ifExists(i), true)
		a.restarts(false)
		if s := a.firstOurs(); s != nil && a.renamesTable() {
			a.refuse("RENAME of a session table")
		}
	}
}

// renamesTable tells whether ALTER TABLE gives the table another name.
func (a *analyzer) renamesTable() bool {
	for i := range a.toks {
		if a.op(i, "(") || !a.is(i, "rename") {
			continue
		}
		switch a.word(i + 1) {
		case "column", "index", "key":
		default:
			return true
		}
	}
	return false
}

// restarts notes whether the numbers of a session table begin anew: always, or
// if the statement has AUTO_INCREMENT = n.
func (a *analyzer) restarts(always bool) {
	if s := a.firstOurs(); s == nil || s.kind != sourceSession {
		return
	}
	a.p.Restarts = always
	for i := range a.toks {
		at := i + 1
		if !a.is(i, "auto_increment") {
			continue
		}
		if a.op(at, "=") {
			at++
		}
		if v, n := a.valueAt(at); n > 0 {
			a.p.Restarts, a.p.RestartAt = true, &v
		}
	}
}

// namesOurs tells whether a name behind i is that of a session table.
func (a *analyzer) namesOurs(i int) bool {
	for ; i < len(a.toks); i++ {
		name, ok := a.ident(i)
		if !ok {
			continue
		}
		for t := range a.o.Tables {
			table := &a.o.Tables[t]
			if strings.EqualFold(name, table.Name) {
				return true
			}
			for _, s := range table.Secondary {
				if strings.EqualFold(name, s.Name) {
					return true
				}
			}
		}
	}
	return false
}

// selects tells whether there is a SELECT behind i.
func (a *analyzer) selects(i int) bool {
	for ; i < len(a.toks); i++ {
		if a.is(i, "select") {
			return true
		}
	}
	return false
}

// ifExists steps over IF [NOT] EXISTS.
func (a *analyzer) ifExists(i int) int {
	switch {
	case a.are(i, "if", "not", "exists"):
		return i + 3
	case a.are(i, "if", "exists"):
		return i + 2
	}
	return i
}

// ddlTables makes the plan of a statement about the tables at i: one, or a
// list that commas and TO separate.
func (a *analyzer) ddlTables(i int, one bool) {
	a.p.ImplicitCommit = true
	a.p.Kind = KindBroadcast
	a.detail("DDL")
	named := false
	for {
		schema, name, next := a.tableName(i)
		if next == i {
			break
		}
		named = true
		a.table(schema, name, "", nil)
		if one || !a.op(next, ",") && !a.is(next, "to") {
			break
		}
		i = next + 1
	}
	if !named {
		a.refuse("statement not understood near '" + a.near(i) + "'")
		return
	}
	s := a.firstOurs()
	if s != nil {
		a.about(s)
	}
	if a.has(sourceMeta) && s == nil && len(a.p.Others) == 0 {
		a.other(a.tables[0].schema, a.tables[0].name)
	}
	switch {
	case s == nil:
		a.p.Kind = KindOtherTable
	case len(a.p.Others) > 0:
		a.refuse(strings.ToUpper(a.word(0)) + " of a session table together with another table")
	case a.refersElsewhere(i):
		a.refuse("a foreign key from a session table to another table")
	}
}

// refersElsewhere tells whether a REFERENCES behind i names a table whose rows
// are not on the stores that the record is on.
func (a *analyzer) refersElsewhere(i int) bool {
	for ; i < len(a.toks); i++ {
		if !a.is(i, "references") {
			continue
		}
		schema, name, next := a.tableName(i + 1)
		if next == i+1 {
			continue
		}
		if _, t, _ := a.classify(schema, name); t != a.p.Table {
			return true
		}
	}
	return false
}

// lockTables reads LOCK TABLES and UNLOCK TABLES.
func (a *analyzer) lockTables() {
	if !a.is(1, "table") && !a.is(1, "tables") {
		a.refuse(strings.ToUpper(a.firstWords(2)))
		return
	}
	if a.is(0, "unlock") {
		a.p.Kind = KindUnlockTables
		return
	}
	a.p.Kind = KindLockTables
	a.p.ImplicitCommit = true
	for i := 2; i < len(a.toks); {
		schema, name, next := a.tableName(i)
		if next == i {
			break
		}
		a.table(schema, name, "", nil)
		end := a.findOp(next, ",")
		a.p.ReadLocal = (a.p.ReadLocal || i == 2) && a.is(end-1, "local")
		i = end + 1
	}
	if s := a.firstOurs(); s != nil {
		a.about(s)
	}
}
