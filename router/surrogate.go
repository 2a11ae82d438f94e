package router

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// A table with an AUTO_INCREMENT column gets its numbers from the proxy: see
// package replica. Later writes name a record by its number. If that record's
// key has been learned, its first store is asked whether it still has this key;
// otherwise, all stores are asked for the key, and it is learned. It has to be
// certain: a write at the stores of a wrong key may reach some of the record's
// copies and not the others. Then the statement is a write of this key. Reads by
// number are those of all stores.

// numbered returns the AUTO_INCREMENT column of the table that an INSERT is
// about; "" for none.
func (s *session) numbered(p *rewrite.Plan, t replica.Table) (column string, err error) {
	if strings.Contains(p.Detail, secondaryTable) {
		return "", nil
	}
	if column, err = s.data.Numbered(t); err != nil {
		return "", err
	}
	if strings.Contains(p.Detail, "AUTO") && !strings.EqualFold(column, t.Key) {
		for i := range p.Keys {
			if _, ok := s.data.ImplicitKey(t, !p.Keys[i].IsWrittenNull()); ok || !p.Keys[i].Null {
				continue
			}
			if len(p.Keys) == 1 && p.Keys[0].IsWrittenNull() {
				return "", nullKey(p)
			}
			return "", s.withoutKey(p)
		}
	}
	return column, nil
}

// secondaryTable is what a plan's detail says of a statement on one.
const secondaryTable = "secondary table"

// insertNumbered carries an INSERT or REPLACE of one row out whose table has an
// AUTO_INCREMENT column.
func (s *session) insertNumbered(st *rewrite.Statement, req replica.Request, args rewrite.Args, column string) error {
	w := replica.Write{Req: req, Table: s.table(st.Plan)}
	numbers := s.numbers(1)
	if err := s.numberRow(st, &w, 0, args, column, &numbers); err != nil {
		var passed *passedOver
		if errors.As(err, &passed) {
			return s.data.PassedOver(passed.why)
		}
		return err
	}
	s.sameOnAll(&w, st.Plan)
	if err := s.data.Write(&w); err != nil {
		return err
	}
	a := s.data.Answer()
	if a.Err != nil || a.InsertID == 0 {
		return nil
	}
	isKey := strings.EqualFold(column, w.Table.Key)
	if !isKey {
		s.router.learned.learn(w.Table, strconv.FormatUint(a.InsertID, 10), w.Keys[0])
	}
	s.givenID = a.InsertID != w.Number && (w.Number != 0 || !s.unnumbered) && !s.toldInsertID(st.Plan, 1)
	if s.givenID && a.AffectedRows == 1 && !isKey && st.Plan.Table.Surrogate == "" {
		// Only the answer tells that it was given.
		if err := s.data.GivenNumber(w.Table, a.InsertID, nil); err != nil {
			s.router.Log.Debug("a number that a client gave may be given again", "table", w.Table.Name, "err", err)
		}
	}
	return nil
}

// toldInsertID reports whether LAST_INSERT_ID(expr) has given the answer its
// insert id: that a row was there already, as the affected rows say.
func (s *session) toldInsertID(p *rewrite.Plan, rows uint64) bool {
	return p.SetsInsertID && s.data.Answer().AffectedRows != rows
}

// numbers are those that a statement of so many rows reserves.
func (s *session) numbers(rows int) replica.Numbers {
	return replica.Numbers{Want: rows, Step: s.autoStep, Offset: s.autoOffset}
}

// numberRow gives w, which inserts one row of a statement, its number and its
// key. The numbers of a statement follow one another.
func (s *session) numberRow(st *rewrite.Statement, w *replica.Write, row int, args rewrite.Args, column string, numbers *replica.Numbers) error {
	p := st.Plan
	if err := s.findKeys(st, p.Keys[row:row+1], args); err != nil {
		return err
	}
	isKey := strings.EqualFold(column, w.Table.Key)
	var value *rewrite.Value // what the row gives to the column
	switch {
	case isKey && len(s.keys) == 1:
		value = &p.Keys[row]
	case !isKey && len(s.keys) == 0:
		return nullKey(p)
	case !isKey && p.Surrogates != nil && strings.EqualFold(column, p.Table.Surrogate):
		value = &p.Surrogates[row]
	}
	if value != nil {
		n, own, ok := s.numberOf(st, *value, args)
		if !ok {
			return refuse("a value of " + column + " whose bytes can't be told")
		}
		if own {
			w.Keys, w.Spelled = s.keys, s.spelled
			if n == 0 {
				return nil
			}
			return s.given(st, w.Table, column, n, numbers)
		}
	}
	var err error
	if w.Number, err = s.data.NextNumber(w.Table, numbers); err != nil {
		return s.noNumber(p, w, err)
	}
	if isKey {
		s.keys, s.spelled = append(s.keys[:0], strconv.AppendUint(nil, w.Number, 10)), nil
	}
	w.Keys, w.Spelled = s.keys, s.spelled
	return nil
}

// noNumber decides what is done where a store can't be told a number. A column
// that no later statement names records by, so that it is not configured, is
// left to the stores.
func (s *session) noNumber(p *rewrite.Plan, w *replica.Write, err error) error {
	if errors.Is(err, replica.ErrNoNumbers) && p.Table.Surrogate == "" && len(s.keys) == 1 {
		w.Keys, w.Spelled = s.keys, s.spelled
		s.unnumbered = true
		return nil
	}
	return err
}

// parseInt reads a number as MySQL prints it.
func parseInt(text []byte) (n uint64, ok bool) {
	n, err := strconv.ParseUint(string(text), 10, 64)
	return n, err == nil && len(text) > 0 && (text[0] != '0' || len(text) == 1) && text[0] != '+'
}

// writeByOther carries a write out whose record is named by another column than
// the key.
func (s *session) writeByOther(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	if err := pins(p); err != nil {
		return err
	}
	if s.data.ReadOnly() { // no store would say so where no record is found
		return s.readOnlyTransaction()
	}
	t := s.table(p)
	number, single := s.number(st, args)
	secondary := strings.Contains(p.Detail, secondaryTable)
	keys, without, err := s.keysOf(st, t, args)
	if single && err == nil && len(keys) == 1 {
		s.router.learned.learn(t, number, keys[0])
	}
	switch {
	case err != nil:
		return err
	case len(keys) == 0 && len(without) > 0 && !s.data.Fenced():
		return s.data.OnOneOf(without, req)
	case len(keys) == 0:
		return s.data.Nothing(p.Verb == rewrite.VerbUpdate)
	case len(p.Keys) > 0:
		return s.moveFound(st, req, args, t, keys)
	case len(keys) > 1 && !s.data.Together(keys):
		if secondary {
			return refuse("a write of several records' rows of a secondary table")
		}
		return s.sweep(st, req, args, keys)
	}
	if p.Verb == rewrite.VerbUpdate && p.Surrogates != nil {
		s.keys = append(s.keys[:0], keys...)
		if err := s.updatesNumber(st, t, args); err != nil {
			return err
		}
	}
	if s.data.Fenced() && !secondary {
		// Others may have got the same number or name since, with copies there.
		err = s.sweep(st, req, args, keys)
	} else {
		err = s.writeFound(p, req, t, keys)
	}
	if err == nil && single && !secondary && p.Verb == rewrite.VerbDelete {
		s.router.learned.forget(t, number)
	}
	return err
}

// number is the number, or other name, by which a statement names one record.
func (s *session) number(st *rewrite.Statement, args rewrite.Args) (name string, ok bool) {
	p := st.Plan
	if len(p.OtherValues) != 1 || !strings.EqualFold(p.OtherColumn, p.Table.Surrogate) {
		return "", false
	}
	var space [64]byte
	text, null, ok := appendNumber(space[:0], st, p.OtherValues[0], args)
	return string(text), ok && !null && len(text) <= maxName && plainText(text)
}

// lockByOther carries a locking read out whose record is named by its number.
func (s *session) lockByOther(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	keys, without, err := s.keysOf(st, s.table(st.Plan), args)
	switch {
	case err != nil:
		return err
	case len(keys) == 0 && len(without) > 0:
		return s.data.OnOneOf(without, req)
	case len(keys) == 0:
		return refuse("a locking read of a record that is left over on all stores")
	case len(keys) == 1:
		return s.data.Read(s.table(st.Plan), keys[0], req, true)
	}
	err = s.data.ReadSeveral(s.table(st.Plan), keys, req, true)
	if errors.Is(err, replica.ErrApart) {
		return s.lockApart(st, req, args, keys)
	}
	return err
}

// keysOf asks the stores for the keys of the records that a statement names by
// another column, which s.spelled then has as the stores do, and which stores
// have none of these.
func (s *session) keysOf(st *rewrite.Statement, t replica.Table, args rewrite.Args) (keys [][]byte, without []int, err error) {
	p := st.Plan
	w := replica.Find{Table: replica.Shared{Table: t}, Column: p.OtherColumn}
	if err := s.data.KeysKnown(t); err != nil {
		return nil, nil, err
	}
	w.Table.Fold = s.folding(t)
	for _, v := range p.OtherValues {
		text, null, ok := appendNumber(nil, st, v, args)
		switch {
		case null && ok:
			w.Values = append(w.Values, "NULL")
			continue
		case !ok || !plainText(text):
			return nil, nil, refuse("a value of " + p.OtherColumn + " whose bytes can't be told")
		}
		if _, isNumber := parseInt(text); isNumber {
			w.Values = append(w.Values, string(text))
		} else {
			w.Values = append(w.Values, "'"+string(text)+"'")
		}
	}
	if n, ok := s.number(st, args); ok {
		if w.Key, ok = s.router.learned.key(nil, t, n); ok {
			keys, s.spelled, without, err = s.data.Find(&w)
			if err != nil || len(keys) == 1 && bytes.Equal(keys[0], w.Key) {
				return keys, without, err
			}
			s.router.learned.forget(t, n)
			w.Key = nil
		}
	}
	keys, s.spelled, without, err = s.data.Find(&w)
	return keys, without, err
}

// plainText reports whether text means the same in quotes whatever the charset
// and the sql_mode are.
func plainText(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '\'' || c == '\\' {
			return false
		}
	}
	return true
}

// writeFound is a write of the records of keys.
func (s *session) writeFound(p *rewrite.Plan, req replica.Request, t replica.Table, keys [][]byte) error {
	w := replica.Write{Req: req, Keys: keys, Spelled: s.spelled, Table: t, Partial: p.Verb == rewrite.VerbUpdate}
	s.sameOnAll(&w, p)
	return s.data.Write(&w)
}

// moveFound changes the key of a record.
func (s *session) moveFound(st *rewrite.Statement, req replica.Request, args rewrite.Args, t replica.Table, keys [][]byte) error {
	from := s.spelled
	if err := s.findKeys(st, st.Plan.Keys, args); err != nil {
		return err
	}
	to := s.spelled
	if to == nil {
		to = s.keys
	}
	switch {
	case len(keys) > 1:
		return refuse("UPDATE that gives several records one key")
	case len(s.keys) == 0:
		return nullKey(st.Plan)
	case string(s.keys[0]) == string(keys[0]):
		if s.data.Fenced() {
			s.spelled = from
			return s.sweep(st, req, args, keys)
		}
		s.spelled = append(from, to[0])
		return s.writeFound(st.Plan, req, t, keys)
	}
	w := replica.Write{Req: req, Keys: [][]byte{keys[0], s.keys[0]}, Spelled: [][]byte{from[0], to[0]}, Table: t, Partial: true}
	s.sameOnAll(&w, st.Plan)
	w.Image = false // one store runs it anyway
	err := s.data.Move(&w)
	if n, ok := s.number(st, args); ok {
		s.router.learned.forget(t, n)
	}
	return err
}
