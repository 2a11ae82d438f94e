package rewrite

import "strings"

// SET is read by its tokens: what a value is made of decides whether it can be
// replayed on other connections, not what it comes to.

// set makes the plan of a SET in any form.
func (a *analyzer) set() {
	a.p.Kind = KindSessionState
	// What follows is about values to assign, which set and assigned judge.
	a.p.Nondet, a.p.Pins = 0, ""
	switch {
	case a.is(1, "statement"):
		a.setStatement()
		return
	case a.is(1, "transaction"), a.is(2, "transaction") && scopeWords[a.word(1)]:
		a.setTransaction()
		return
	case a.is(1, "password"), a.is(1, "default") && a.is(2, "role"), a.is(1, "resource"):
		a.p.Set = []Assignment{{Name: a.word(1), Global: true, Const: true}}
		a.refuse("SET " + strings.ToUpper(a.word(1)))
		return
	case a.is(1, "role"):
		a.p.Set = []Assignment{{Name: "role", Const: true, Value: a.constantAt(2, len(a.toks))}}
		return
	}
	global := false
	for i := 1; i < len(a.toks); {
		end := a.findOp(i, ",")
		a.assignment(i, end, &global)
		i = end + 1
	}
	if len(a.p.Set) == 0 {
		a.refuse("statement not understood near '" + a.near(1) + "'")
	}
	if a.namesLock() {
		a.byDo("a lock function in SET")
	} else if f := a.storedFunctions(); f != nil {
		a.byDo("the stored function " + f[0] + " in SET")
	}
	a.setDetail()
}

// setDetail says in the plan's detail what a client's session must act on.
func (a *analyzer) setDetail() {
	for _, s := range a.p.Set {
		switch {
		case s.Name == "autocommit" && s.Value != "":
			switch s.Value {
			case "ON":
				a.detail("autocommit=1")
			case "OFF":
				a.detail("autocommit=0")
			default:
				a.detail("autocommit=" + s.Value)
			}
		case strings.HasPrefix(s.Name, "@") && !strings.Contains(a.p.Detail, "user-variable"):
			a.detail("user-variable")
		}
	}
}

var scopeWords = words("global session local persist persist_only")

// assignment reads one assignment. global is whether GLOBAL or the like was
// said last: MySQL lets it count for those that follow without a scope.
func (a *analyzer) assignment(i, end int, global *bool) {
	switch {
	case a.is(i, "names"):
		a.assign("names", false, i+1, end)
		return
	case a.is(i, "charset"), a.are(i, "char", "set"), a.are(i, "character", "set"):
		if a.is(i, "charset") {
			i--
		}
		a.assign("charset", false, i+2, end)
		return
	}
	var name string
	isGlobal := *global
	switch {
	case a.kind(i) == tokUserVar:
		name = "@" + strings.ToLower(string(a.l.varName(nil, a.toks[i])))
		isGlobal = false
		i++
	case a.kind(i) == tokSysVar:
		scope, n := splitSysVar(string(a.l.bytes(a.toks[i])))
		name, isGlobal = n, scope != "" && scope != "session" && scope != "local"
		i++
	default:
		if w := a.word(i); scopeWords[w] && !a.op(i+1, "=") && !a.op(i+1, ":=") {
			isGlobal = w != "session" && w != "local"
			*global = isGlobal
			i++
		}
		schema, n, next := a.tableName(i)
		if next == i {
			a.refuse("statement not understood near '" + a.near(i) + "'")
			return
		}
		name, i = strings.ToLower(n), next
		isGlobal = isGlobal || schema != "" // a key cache
	}
	if !a.op(i, "=") && !a.op(i, ":=") {
		a.refuse("statement not understood near '" + a.near(i) + "'")
		return
	}
	switch name {
	case "tx_isolation":
		name = "transaction_isolation"
	case "tx_read_only":
		name = "transaction_read_only"
	}
	a.assign(name, isGlobal, i+1, end)
}

// assign adds an assignment of the tokens from i to end.
func (a *analyzer) assign(name string, global bool, i, end int) {
	s := Assignment{Name: name, Global: global, Const: true, Value: a.constantAt(i, end)}
	if i >= end {
		a.refuse("statement not understood near '" + a.near(i) + "'")
	}
	switch {
	case name == "names" || name == "charset":
		s.Value = a.constantAt(i, i+1)
	case strings.HasPrefix(name, "@"): // may be session data, which no plan shows
		s.Value = ""
		a.p.assign(name)
	}
	if i < end && end <= len(a.toks) {
		s.Text = string(a.l.text[a.toks[i].start:a.toks[end-1].end])
	}
	for k := i; k < end; k++ {
		a.p.Nondet = 0
		switch a.kind(k) {
		case tokUserVar, tokParam:
			s.Const = false
		case tokSysVar:
			s.Const = false
			use := sysVarUse(a.sysVarName(k))
			a.p.Uses |= use
			if use != 0 {
				a.pinAssigned(name)
			}
		case tokWord, tokQuotedIdent:
			s.Const = s.Const && !a.op(k+1, "(")
			a.wordEffect(k)
			switch {
			case a.is(k, "select"), a.are(k, "next", "value"), a.are(k, "previous", "value"):
				a.setSelect(k, end)
				s.Const = false
				continue
			case a.p.Nondet == 0 || !a.op(k+1, "(") && !timeFunctions[a.word(k)]:
				continue
			}
			// A value that is another one each time can't be assigned again.
			s.Const = false
			a.pinAssigned(name)
		case tokOp:
			if a.op(k, ":=") {
				s.Const = false
				a.assigns(k - 1)
				if !strings.HasPrefix(name, "@") {
					a.pinAssigned(name)
				}
			}
		}
	}
	a.p.Nondet = 0
	a.p.Set = append(a.p.Set, s)
}

// pinAssigned notes that an assignment can't be repeated elsewhere. That of a
// user variable need not be: its value is asked for.
func (a *analyzer) pinAssigned(name string) {
	if !strings.HasPrefix(name, "@") {
		a.pin("a computed value of " + name)
	}
}

// setSelect looks at a subquery in a value: one that reads a table can't be
// answered by any store alone.
func (a *analyzer) setSelect(i, end int) {
	for k := i; k < end; k++ {
		if a.is(k, "from") && !a.is(k+1, "dual") || a.is(k, "value") {
			a.byDo("SET from a table")
			return
		}
	}
}

// constantAt returns the one literal or word from i to end, in upper case, ""
// if it is more than that.
func (a *analyzer) constantAt(i, end int) string {
	if end-i == 2 && a.op(i, "-") && a.kind(i+1) == tokNumber {
		return "-" + string(a.l.bytes(a.toks[i+1]))
	}
	if end-i != 1 || i >= len(a.toks) {
		return ""
	}
	switch t := a.toks[i]; t.kind {
	case tokString, tokNumber:
		b, _ := a.l.literalBytes(nil, int(t.lit))
		return strings.ToUpper(string(b))
	case tokWord:
		switch w := strings.ToUpper(string(a.l.bytes(t))); w {
		case "TRUE":
			return "1"
		case "FALSE":
			return "0"
		default:
			return w
		}
	}
	return ""
}

// setTransaction reads SET [scope] TRANSACTION. Its two characteristics are
// variables of their own, so that one does not make the other void.
func (a *analyzer) setTransaction() {
	i, global, once := 2, false, true
	if !a.is(1, "transaction") {
		i, once = 3, false
		global = a.is(1, "global")
	}
	for i < len(a.toks) {
		end := a.findOp(i, ",")
		s := Assignment{Global: global, Const: true}
		switch {
		case a.are(i, "isolation", "level") && end <= i+4:
			s.Name = "transaction_isolation"
			s.Value = strings.ToUpper(strings.Trim(a.word(i+2)+"-"+a.word(i+3), "-"))
			switch s.Value {
			case "READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE":
			default:
				a.refuse("statement not understood near '" + a.near(i+2) + "'")
			}
		case a.are(i, "read", "only") && end == i+2:
			s.Name, s.Value = "transaction_read_only", "1"
		case a.are(i, "read", "write") && end == i+2:
			s.Name, s.Value = "transaction_read_only", "0"
		default:
			a.refuse("statement not understood near '" + a.near(i) + "'")
			return
		}
		a.p.Set = append(a.p.Set, s)
		i = end + 1
	}
	if once {
		a.p.NextTxn = true
		for _, s := range a.p.Set {
			if s.Name == "transaction_isolation" {
				a.detail("next-txn-isolation")
			} else {
				a.detail("next-txn-access")
			}
		}
	}
}

// setStatement reads MariaDB's SET STATEMENT ... FOR statement, which is what
// that statement is, if none of the variables changes how it is read.
func (a *analyzer) setStatement() {
	end := a.find(2, "for")
	for i := 2; i < end; {
		next := min(a.findOp(i, ","), end)
		switch _, name, _ := a.tableName(i); strings.ToLower(name) {
		case "sql_mode", "character_set_client", "character_set_connection", "collation_connection",
			"timestamp", "insert_id", "last_insert_id", "":
			a.refuse("SET STATEMENT " + strings.ToLower(name))
			return
		}
		i = next + 1
	}
	if end >= len(a.toks)-1 || a.is(end+1, "set") {
		a.refuse("SET STATEMENT")
		return
	}
	lock, time := a.limits(end)
	a.planOf(append([]token(nil), a.toks[end+1:]...))
	if lock != nil || time != nil {
		a.waits().Time = time
		if a.p.Waits.Lock == nil {
			a.p.Waits.Lock = lock
		}
	}
	if !a.p.Kind.keyed() && a.p.Kind != KindScatterRead && a.p.Kind != KindAny && a.p.Kind != KindBroadcast {
		a.refuse("SET STATEMENT")
	}
}

// use reads USE database.
func (a *analyzer) use() {
	a.p.Kind = KindSessionState
	name, ok := a.ident(1)
	if !ok || len(a.toks) != 2 {
		a.refuse("statement not understood near '" + a.near(1) + "'")
		return
	}
	a.p.Database = name
}
