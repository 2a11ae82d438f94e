package rewrite

// MariaDB keeps the warnings of a statement until one that names a table begins,
// or another one gives warnings. So SET, BEGIN, SELECT 1 and the like leave them
// alone. A derived table is a table; most of what SHOW tells comes from tables of
// information_schema.

// tableless tells whether the statement names no table.
func (a *analyzer) tableless() bool {
	switch a.p.Kind {
	case KindSessionState, KindTxnBegin, KindTxnCommit, KindTxnRollback, KindTxnSavepoint,
		KindTxnReleaseSavepoint, KindTxnRollbackToSavepoint, KindLock, KindUnlock, KindUnlockAll, KindLockTest,
		KindKill, KindEmpty, KindUnlockTables:
		return !a.namesTable()
	case KindPrepareSQL:
		return true // of what it prepares there is a plan
	case KindAny:
		if a.is(0, "show") {
			return a.showsState()
		}
		return a.is(0, "help") || !a.namesTable() && !a.describes() && !a.is(0, "table")
	case KindBroadcast:
		return a.is(1, "database") || a.is(1, "schema")
	}
	return a.is(0, "flush") && !a.is(1, "table") && !a.is(1, "tables")
}

// describes tells whether it is DESCRIBE, or the like, of a table.
func (a *analyzer) describes() bool {
	if !a.is(0, "describe") && !a.is(0, "desc") && !a.is(0, "explain") {
		return false
	}
	for i := range a.toks {
		if a.is(i, "select") || a.is(i, "values") {
			return false
		}
	}
	return true
}

// showsState tells whether a SHOW is one of those that no table is behind.
func (a *analyzer) showsState() bool {
	switch a.word(1) {
	case "privileges", "grants", "processlist", "warnings", "errors", "count", "master", "slave", "replica",
		"binary", "binlog", "engine", "profile", "profiles", "authors", "contributors", "explain":
		return true
	case "full":
		return a.is(2, "processlist")
	case "create":
		return a.is(2, "database") || a.is(2, "schema")
	}
	return false
}

// namesTable tells whether there is a FROM with a table, which is not one of an
// argument, as in TRIM('x' FROM y).
func (a *analyzer) namesTable() bool {
	var calls []string // what stands before the parentheses that are open
	for i := range a.toks {
		switch {
		case a.op(i, "("):
			calls = append(calls, a.word(i-1))
		case a.op(i, ")") && len(calls) > 0:
			calls = calls[:len(calls)-1]
		case a.is(i, "from") && !a.is(i+1, "dual"):
			if len(calls) > 0 {
				switch calls[len(calls)-1] {
				case "trim", "extract", "substring", "substr", "mid":
					continue
				}
			}
			return true
		}
	}
	return false
}
