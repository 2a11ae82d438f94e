package router

import (
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// A statement may read session tables together with others, or write another
// table by what it reads of them:
//
//	SELECT u.*, s.* FROM users u JOIN sessions s ON s.uid = u.id WHERE s.id = 'k'
//	INSERT INTO archive SELECT * FROM sessions WHERE expires < 5
//
// The store of the other tables carries it out on copies of the session tables
// (see router/replica/scatter_copy.go), which have the records that the keys
// name, or all. That is not a connection of the client's transaction: what the
// transaction has written to other tables could not be seen there, nor could
// temporary tables, so that it is refused then, and a write could not be undone.

// joinKeys carries a read of known keys out that names other tables too.
func (s *session) joinKeys(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	if s.router.OtherTables < 0 || p.Kind == rewrite.KindReadForUpdate {
		return refusedJoin(p)
	}
	if s.loose(st, args) {
		return s.join(st, req, args, nil)
	}
	if err := s.findKeys(st, p.Keys, args); err != nil {
		return err
	}
	keys := s.keys
	if keys == nil {
		keys = [][]byte{}
	}
	return s.join(st, req, args, keys)
}

// join carries a statement on session tables and others out.
func (s *session) join(st *rewrite.Statement, req replica.Request, args rewrite.Args, keys [][]byte) error {
	p := st.Plan
	switch inTxn := s.data.InTxn() || !s.data.State().Autocommit(); {
	case s.router.OtherTables < 0:
		return refusedJoin(p)
	case s.keeps != "": // a temporary table may hide one that is named
		return refuse("a statement on a session table and another one by a client with temporary tables, LOCK TABLES or a CALL before")
	case p.Gathers && inTxn:
		return refuse(p.Refuse + " in a transaction")
	case inTxn && s.writesOthers:
		return refuse("a join of a session table with table " + p.Others[0] + " in a transaction that has written other tables")
	}
	if err := s.checkOthers(p); err != nil {
		return err
	}
	w, close, err := s.scatterOf(st, req, args, keys)
	if err != nil {
		return err
	}
	defer close()
	w.AtHome, w.Writes = true, p.Gathers
	return s.data.Scatter(w)
}

// writes reports whether a verb is that of a write.
func writes(v rewrite.Verb) bool {
	switch v {
	case rewrite.VerbInsert, rewrite.VerbReplace, rewrite.VerbUpdate, rewrite.VerbDelete:
		return true
	}
	return false
}
