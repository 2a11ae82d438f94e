package router

import (
	"bytes"
	"slices"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// scatter carries a read without a key out.
func (s *session) scatter(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	if err := pins(p); err != nil {
		return err
	}
	if len(p.Others) > 0 {
		return s.join(st, req, args, nil)
	}
	return s.gather(st, req, args, nil)
}

// gather carries a read of records on different stores out; keys is nil where
// they are not known.
func (s *session) gather(st *rewrite.Statement, req replica.Request, args rewrite.Args, keys [][]byte) error {
	w, close, err := s.scatterOf(st, req, args, keys)
	if err != nil {
		return err
	}
	defer close()
	return s.data.Scatter(w)
}

// scatterOf says how a read of records on different stores is carried out. close
// is to be called afterwards.
func (s *session) scatterOf(st *rewrite.Statement, req replica.Request, args rewrite.Args, keys [][]byte) (w *replica.Scatter, close func(), err error) {
	p := st.Plan
	parts, why := st.Scatter()
	if why != "" {
		return nil, nil, refuse(why)
	}
	v := &variants{of: req}
	w = &replica.Scatter{
		Req: v.withoutCursor(), Keys: keys, Limit: -1, Count: parts.Count, Columns: parts.Columns,
		FixTime: p.Nondet&rewrite.NondetTime != 0 && !s.fixedTime,
	}
	for _, r := range p.Reads {
		t := s.shared(r)
		if err := s.data.KeysKnown(t.Table); err != nil && t.Schema != "" {
			return nil, nil, err
		}
		if r.Surrogate { // its rows don't say whose they are by themselves
			parts.Rows, parts.Narrow, w.Count = false, false, false
		}
		if !slices.ContainsFunc(w.Tables, func(o replica.Shared) bool { return o.Table == t.Table }) {
			w.Tables = append(w.Tables, t)
		}
	}
	if len(w.Tables) == 0 {
		return nil, nil, refuse("a read without the key")
	}
	if parts.Narrow {
		w.Narrow = func(columns string) replica.Request { return v.with(parts.Gather(columns)) }
	}
	if p.Mentions > len(w.Tables) {
		w.Spread = func() (replica.Request, []replica.Twin) { return s.spread(st, v) }
	}
	if parts.Rows && !s.data.State().Assigns("sql_select_limit") {
		w.Rows = func(key string, first int64) replica.Request { return v.with(parts.Each(key, first)) }
	}
	if parts.Limited {
		var ok bool
		if w.Limit, ok = st.Number(parts.Limit, args); ok && len(parts.Offset.Parts) > 0 {
			w.Offset, ok = st.Number(parts.Offset, args)
		}
		if !ok || w.Limit < 0 || w.Offset < 0 {
			w.Rows = nil // the store knows what to say of it
		} else if parts.Narrow && parts.Order != nil {
			w.First = func(columns string, first int64) replica.Request { return v.with(parts.First(columns, first)) }
		}
	}
	return w, v.close, nil
}

// spread makes the statement that names a table once.
func (s *session) spread(st *rewrite.Statement, v *variants) (replica.Request, []replica.Twin) {
	db := s.data.State().DB()
	text, named := st.Spread(db)
	if text == nil {
		return nil, nil
	}
	twins := make([]replica.Twin, len(named))
	for i, t := range named {
		if t.Schema == "" {
			t.Schema = db
		}
		twins[i] = replica.Twin{Of: replica.Table{Schema: t.Schema, Name: t.Name}, Copy: t.Copy}
	}
	return v.with(text), twins
}

// shared is a table that a plan reads.
func (s *session) shared(r rewrite.Read) replica.Shared {
	t := replica.Shared{Table: replica.Table{Schema: r.Schema, Name: r.Name, Key: r.Column, Folds: r.Table.FoldCase, Collated: r.Table.Collated}}
	if t.Schema == "" {
		t.Schema = s.data.State().DB()
	}
	if r.Surrogate {
		t.Via = &replica.Via{Table: t.Table, Of: r.Table.Surrogate}
		t.Via.Table.Name, t.Via.Table.Key = r.Table.Name, r.Table.Key
	}
	if t.Via != nil {
		t.Fold = s.folding(t.Via.Table)
	} else {
		t.Fold = s.folding(t.Table)
	}
	return t
}

// variants are the requests that are made of one in the course of a statement.
type variants struct {
	of   replica.Request
	made []*store.Stmt
}

// with is a request for another text with the same parameters.
func (v *variants) with(text []byte) replica.Request {
	req := variant(v.of, text)
	if p, ok := req.(*prepared); ok {
		p.payload[cursorFlags] = 0
		v.made = append(v.made, p.stmt)
	}
	return req
}

// withoutCursor is the request, with all rows in its answer.
func (v *variants) withoutCursor() replica.Request {
	p, ok := v.of.(*prepared)
	if !ok {
		return v.of
	}
	payload := bytes.Clone(p.payload)
	payload[cursorFlags] = 0
	return &prepared{text: p.text, stmt: p.stmt, long: p.long, payload: payload}
}

func (v *variants) close() {
	for _, st := range v.made {
		st.Close()
	}
}

// cursorFlags is where a COM_STMT_EXECUTE says which cursor to open.
const cursorFlags = 5
