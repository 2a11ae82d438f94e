package rewrite

import "strings"

// transaction reads BEGIN, COMMIT and their relatives, in all the forms that
// MySQL and MariaDB know.
func (a *analyzer) transaction() {
	switch a.word(0) {
	case "begin":
		a.p.Kind = KindTxnBegin
		i := 1
		if a.is(i, "work") {
			i++
		}
		a.ends(i)
	case "start":
		a.startTransaction()
	case "commit":
		a.p.Kind = KindTxnCommit
		a.ends(a.completion(a.work(1)))
	case "rollback":
		a.rollback()
	case "savepoint":
		a.p.Kind = KindTxnSavepoint
		a.savepoint(1)
	case "release":
		if !a.is(1, "savepoint") {
			a.unknown()
			return
		}
		a.p.Kind = KindTxnReleaseSavepoint
		a.savepoint(2)
	}
}

func (a *analyzer) work(i int) int {
	if a.is(i, "work") {
		i++
	}
	return i
}

// ends refuses what follows the end of a statement.
func (a *analyzer) ends(i int) {
	if i < len(a.toks) {
		a.refuse("statement not understood near '" + a.near(i) + "'")
	}
}

func (a *analyzer) startTransaction() {
	if !a.is(1, "transaction") {
		a.refuse(strings.ToUpper(a.firstWords(2)))
		return
	}
	a.p.Kind = KindTxnBegin
	i := 2
	for {
		switch {
		case a.are(i, "with", "consistent", "snapshot"):
			a.p.Snapshot = true
			i += 3
		case a.are(i, "read", "only"):
			a.p.ReadOnly = true
			i += 2
		case a.are(i, "read", "write"):
			a.p.ReadWrite = true
			i += 2
		}
		if i == 2 || !a.op(i, ",") {
			break
		}
		i++
	}
	a.ends(i)
}

// completion reads [AND [NO] CHAIN] [[NO] RELEASE].
func (a *analyzer) completion(i int) int {
	switch {
	case a.are(i, "and", "chain"):
		a.p.Chain = true
		i += 2
	case a.are(i, "and", "no", "chain"):
		a.p.NoChain = true
		i += 3
	}
	switch {
	case a.is(i, "release"):
		a.p.Release = true
		i++
	case a.are(i, "no", "release"):
		a.p.NoRelease = true
		i += 2
	}
	return i
}

func (a *analyzer) rollback() {
	i := a.work(1)
	if a.is(i, "to") {
		a.p.Kind = KindTxnRollbackToSavepoint
		if i++; a.is(i, "savepoint") && i+1 < len(a.toks) {
			i++
		}
		a.savepoint(i)
		return
	}
	a.p.Kind = KindTxnRollback
	a.ends(a.completion(i))
}

// savepoint reads the name at i.
func (a *analyzer) savepoint(i int) {
	name, ok := a.ident(i)
	if !ok {
		a.refuse("statement not understood near '" + a.near(i) + "'")
		return
	}
	a.p.Savepoint = name
	a.ends(i + 1)
}
