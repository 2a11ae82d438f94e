package router

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// writeRows carries an INSERT or REPLACE of several rows out whose records are
// on different stores, or get numbers: a store that is told the first row's
// number makes those of the others itself. column is the one for the numbers.
func (s *session) writeRows(st *rewrite.Statement, req replica.Request, args rewrite.Args, column string) error {
	err := s.writeGroups(st, req, args, column, false)
	if errors.Is(err, replica.ErrApart) { // the rows of a group are, since it was made
		err = s.writeGroups(st, req, args, column, true)
	}
	return err
}

// writeGroups carries it out by a statement for the rows of each store, or for
// each row.
func (s *session) writeGroups(st *rewrite.Statement, req replica.Request, args rewrite.Args, column string, each bool) error {
	p := st.Plan
	var err error
	if s.data.ReadOnly() { // a transaction of its own would end SET TRANSACTION
		return s.readOnlyTransaction()
	}
	parts, why := st.InsertParts()
	if why == "" && p.Uses&ownUses != 0 {
		why = "several rows with a function that tells of the session"
	}
	if why == "" && len(p.Assigns) > 0 {
		why = "several rows that assign a user variable"
	}
	if why == "" && p.Seeded {
		why = "RAND(seed) in a write of several records"
	}
	if why != "" {
		return refuse(why)
	}
	// The last row's LAST_INSERT_ID(expr) is what is left.
	each = each || p.SetsInsertID
	var groups [][]int                       // of rows
	if column != "" || p.ResultSet || each { // rows are returned in their order
		for i := range parts.Rows {
			groups = append(groups, []int{i})
		}
	} else if groups, err = s.groupRows(st, args); err != nil {
		return err
	}
	w := replica.Rows{Ignore: parts.Ignore, Returns: p.ResultSet}
	v := variants{of: req}
	defer v.close()
	numbers := s.numbers(0)
	for _, rows := range groups {
		part := replica.Write{Req: s.partOf(&v, &parts, rows), Table: s.table(p), Partial: partial(p), Returns: p.ResultSet}
		if column != "" {
			numbers.Want = len(parts.Rows) - rows[0]
			err = s.numberRow(st, &part, rows[0], args, column, &numbers)
		} else {
			values := make([]rewrite.Value, len(rows))
			for j, row := range rows {
				values[j] = p.Keys[row]
			}
			err = s.findKeys(st, values, args)
			part.Keys, part.Spelled = s.keys, s.spelled
		}
		if err != nil {
			return err
		}
		part.Keys = slices.Clone(part.Keys)
		for i, key := range part.Keys {
			part.Keys[i] = bytes.Clone(key)
		}
		s.sameOnAll(&part, p)
		if s.data.Fenced() { // each part at one store, but all at one time
			part.FixTime = !s.fixedTime && (p.Nondet&rewrite.NondetTime != 0 || s.data.Defaults(part.Table) != replica.DefaultsConstant)
		}
		w.Writes, w.Lines = append(w.Writes, part), append(w.Lines, rows)
	}
	if err := s.data.WriteRows(&w); err != nil {
		return err
	}
	s.givenID = column != "" && !w.Generated && !s.unnumbered && !s.toldInsertID(p, uint64(p.Rows))
	for i := range w.Writes {
		if part := &w.Writes[i]; part.Number != 0 {
			s.router.learned.learn(part.Table, strconv.FormatUint(part.Number, 10), part.Keys[0])
		}
	}
	return nil
}

// groupRows puts the rows together whose records have the same stores.
func (s *session) groupRows(st *rewrite.Statement, args rewrite.Args) (groups [][]int, err error) {
	var stores []string // of each group
	for i := range st.Plan.Keys {
		if err := s.findKeys(st, st.Plan.Keys[i:i+1], args); err != nil {
			return nil, err
		}
		if len(s.keys) == 0 {
			return nil, nullKey(st.Plan)
		}
		at := s.data.StoresOf(s.keys[0])
		g := slices.Index(stores, at)
		if g < 0 {
			g = len(groups)
			groups, stores = append(groups, nil), append(stores, at)
		}
		groups[g] = append(groups[g], i)
	}
	return groups, nil
}

// partOf is the statement for some of the rows.
func (s *session) partOf(v *variants, parts *rewrite.InsertParts, rows []int) replica.Request {
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
		if one := parts.Rows[i].Values; len(rows) == 1 && len(parts.Rows) > 1 && one != nil && hasNull(v.of, &parts.Rows[i]) {
			// NULL is an error in a single row that it is not in several.
			text = append(append(append([]byte(nil), parts.Before...), "SELECT "...), one...)
		} else {
			text = append(text, parts.Rows[i].Text...)
		}
		add(parts.Rows[i].First, parts.Rows[i].Params)
	}
	text = append(text, parts.Tail...)
	last := parts.Rows[len(parts.Rows)-1]
	add(last.First+last.Params, parts.TailParams)

	return v.subset(text, params)
}

// subset is the request for a text that has some of the parameters.
func (v *variants) subset(text []byte, params []int) replica.Request {
	if e, ok := v.of.(*executed); ok {
		return e.subset(text, params)
	}
	p, ok := v.of.(*prepared)
	if !ok {
		return &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}
	}
	part := &prepared{text: text, stmt: &store.Stmt{Text: text, Session: p.stmt.Session}, params: len(params)}
	v.made = append(v.made, part.stmt)
	part.payload = protocol.AppendSubset(nil, &p.exec, p.id, p.types, params)
	for i, param := range params {
		part.types = append(part.types, p.types[2*param], p.types[2*param+1])
		if value, ok := p.long[param]; ok {
			if part.long == nil {
				part.long = make(map[int][]byte)
			}
			part.long[i] = value
		}
	}
	return part
}

// hasNull reports whether a row gives NULL to a column.
func hasNull(req replica.Request, row *rewrite.InsertRow) bool {
	if row.Null {
		return true
	}
	args, _ := req.(rewrite.Args)
	for i := range row.Params {
		if args == nil {
			break
		}
		if _, null, _ := args.Arg(row.First + i); null {
			return true
		}
	}
	return false
}

// nullKey is the answer to a record without a key.
func nullKey(p *rewrite.Plan) *protocol.Error {
	return &protocol.Error{Code: 1048, State: "23000", Message: "Column '" + p.Table.Key + "' cannot be null"}
}

// ownUses are what a statement may read of its client's session that it is
// rewritten for.
const ownUses = rewrite.UsesLastInsertID | rewrite.UsesFoundRows | rewrite.UsesRowCount |
	rewrite.UsesConnectionID | rewrite.UsesWarnings | rewrite.UsesTransaction
