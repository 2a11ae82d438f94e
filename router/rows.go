package router

import (
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// writeRows carries an INSERT or REPLACE of several rows out whose records are
// on different stores, or get numbers: a store that is told the first row's
// number makes those of the others itself. column is the one for the numbers.
func (s *session) writeRows(st *rewrite.Statement, req replica.Request, args rewrite.Args, column string) error {
	p := st.Plan
	parts, why := st.InsertParts()
	if why == "" && p.Uses&ownUses != 0 {
		why = "several rows with a function that tells of the session"
	}
	if why == "" && len(p.Assigns) > 0 {
		why = "several rows that assign a user variable"
	}
	if why != "" {
		return refuse(why)
	}
	w := replica.Rows{Ignore: parts.Ignore}
	var groups [][]int // of rows
	var stores []string
	for i := range parts.Rows {
		if err := s.findKeys(st, p.Keys[i:i+1], args); err != nil {
			return err
		}
		if len(s.keys) == 0 { // in a numbered key column as well: the plan has no NULL
			return nullKey(p)
		}
		at := s.data.StoresOf(s.keys[0])
		g := len(groups)
		for j := range stores {
			if stores[j] == at && column == "" {
				g = j
			}
		}
		if g == len(groups) {
			groups, stores = append(groups, nil), append(stores, at)
		}
		groups[g] = append(groups[g], i)
	}
	var made []*store.Stmt
	defer func() {
		for _, stmt := range made {
			stmt.Close()
		}
	}()
	for _, rows := range groups {
		part := replica.Write{Req: s.partOf(req, &parts, rows), Table: s.table(p)}
		if v, ok := part.Req.(*prepared); ok {
			made = append(made, v.stmt)
		}
		if column != "" {
			if err := s.numberRow(st, &part, rows[0], args, column); err != nil {
				return err
			}
		}
		values := make([]rewrite.Value, len(rows))
		for j, row := range rows {
			values[j] = p.Keys[row]
		}
		if err := s.findKeys(st, values, args); err != nil {
			return err
		}
		part.Keys = nil
		for _, key := range s.keys {
			part.Keys = append(part.Keys, append([]byte(nil), key...))
		}
		s.sameOnAll(&part, p)
		w.Writes, w.Counts = append(w.Writes, part), append(w.Counts, len(rows))
	}
	if err := s.data.WriteRows(&w); err != nil {
		return err
	}
	for i := range w.Writes {
		if part := &w.Writes[i]; part.Number != 0 {
			s.router.learned.learn(part.Table, part.Number, part.Keys[0])
		}
	}
	return nil
}

// partOf is the statement for some of the rows.
func (s *session) partOf(req replica.Request, parts *rewrite.InsertParts, rows []int) replica.Request {
	text := append([]byte(nil), parts.Head...)
	var params []int
	add := func(first, n int) {
		for i := range n {
			params = append(params, first+i)
		}
	}
	add(0, parts.HeadParams)
	for j, i := range rows {
		if j > 0 {
			text = append(text, ", "...)
		}
		text = append(text, parts.Rows[i].Text...)
		add(parts.Rows[i].First, parts.Rows[i].Params)
	}
	text = append(text, parts.Tail...)
	last := parts.Rows[len(parts.Rows)-1]
	add(last.First+last.Params, parts.TailParams)

	if e, ok := req.(*executed); ok {
		return e.subset(text, params)
	}
	p, ok := req.(*prepared)
	if !ok {
		return &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}
	}
	part := &prepared{text: text, stmt: &store.Stmt{Text: text, Session: p.stmt.Session}}
	part.payload = protocol.AppendSubset(nil, &p.exec, p.id, p.types, params)
	for i, param := range params {
		if value, ok := p.long[param]; ok {
			if part.long == nil {
				part.long = make(map[int][]byte)
			}
			part.long[i] = value
		}
	}
	return part
}

// nullKey is the answer to a record without a key.
func nullKey(p *rewrite.Plan) *protocol.Error {
	return &protocol.Error{Code: 1048, State: "23000", Message: "Column '" + p.Table.Key + "' cannot be null"}
}

// ownUses are what a statement may read of its client's session that it is
// rewritten for.
const ownUses = rewrite.UsesLastInsertID | rewrite.UsesFoundRows | rewrite.UsesRowCount |
	rewrite.UsesConnectionID | rewrite.UsesWarnings
