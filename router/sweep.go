package router

import (
	"bytes"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// broadcast carries a statement for all stores out: DDL as it is, a DELETE or
// UPDATE for the keys that it finds.
func (s *session) broadcast(st *rewrite.Statement, req replica.Request) error {
	p := st.Plan
	if err := pins(p); err != nil {
		return err
	}
	switch p.Verb {
	case rewrite.VerbDelete, rewrite.VerbUpdate:
		return s.sweep(st, req, nil)
	}
	s.router.known.Clear() // a database may be dropped
	defer s.router.Planner.Forget()
	missed := string(st.Text)
	if p.Verb == rewrite.VerbTruncate {
		missed = "" // a store that returns may have got new records by then
	}
	return s.data.Broadcast(req, missed)
}

// sweep carries a DELETE or UPDATE of records on different stores out; keys is
// nil where they are not known.
func (s *session) sweep(st *rewrite.Statement, req replica.Request, keys [][]byte) error {
	p := st.Plan
	if p.Nondet&rewrite.NondetOther != 0 {
		return refuse("a write of several records with a value that differs from store to store")
	}
	if p.Verb == rewrite.VerbUpdate && s.data.Defaults(s.table(p)) == replica.DefaultsOther {
		return refuse("an UPDATE of several records of a table with a default that differs from store to store")
	}
	parts, why := st.Sweep()
	if why != "" {
		return refuse(why)
	}
	w := replica.Sweep{
		Table: s.table(p), Limit: -1, Keys: keys,
		FixTime: !s.fixedTime,
		Select:  variant(req, parts.Select),
		Batch: func(list []byte) (replica.Request, string, func()) {
			text := append(append(bytes.Clone(parts.Head), list...), parts.Tail...)
			batch := variant(req, text)
			if v, ok := batch.(*prepared); ok {
				return v, "", v.stmt.Close
			}
			return batch, string(text), func() {}
		},
	}
	if parts.Limited {
		n, ok := st.Number(parts.Limit, nil)
		if !ok || keys != nil {
			return refuse("LIMIT in a write of several keys")
		}
		w.Limit = int(n)
	}
	if p.Table.FoldCase {
		w.Fold = func(key []byte) []byte { return rewrite.FoldKey(nil, key) }
	}
	if v, ok := w.Select.(*prepared); ok {
		defer v.stmt.Close()
	}
	return s.data.Sweep(&w)
}

// variant is a request for another text with the same parameters.
func variant(req replica.Request, text []byte) replica.Request {
	p, ok := req.(*prepared)
	if !ok {
		return &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}
	}
	return &prepared{
		text: text, stmt: &store.Stmt{Text: text, Session: p.stmt.Session},
		long: p.long, payload: bytes.Clone(p.payload),
	}
}

// BinaryRows implements replica.BinaryRows.
func (p *prepared) BinaryRows() bool { return true }
