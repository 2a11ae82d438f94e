package router

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// Numbers that a statement itself gives to an AUTO_INCREMENT column: no proxy
// gives such a one to another record from then on, and one that another record
// has, on whichever store, is a duplicate. As in MySQL it is the insert id of the
// answer, and not LAST_INSERT_ID().

// given prepares for a record that gets the number n. The record's keys are in
// s.keys.
func (s *session) given(st *rewrite.Statement, t replica.Table, column string, n uint64, numbers *replica.Numbers) error {
	if err := s.data.GivenNumber(t, n, numbers); err != nil && !errors.Is(err, replica.ErrNoNumbers) {
		return err
	}
	if strings.EqualFold(column, t.Key) {
		return nil // which is one record, wherever it is asked for
	}
	index := s.data.NumberIndex(t)
	if index == "" {
		return nil
	}
	find := replica.Find{Table: replica.Shared{Table: t, Fold: s.folding(t)}, Column: column,
		Values: []string{strconv.FormatUint(n, 10)}}
	own := slices.Clone(s.keys)
	keys, _, _, err := s.data.Find(&find)
	var refused *protocol.Error
	switch {
	case errors.As(err, &refused) && refused.Code != protocol.ErrUnknown:
		return nil // as the statement will be told
	case err != nil:
		return err
	}
	if !slices.ContainsFunc(keys, func(k []byte) bool {
		return !slices.ContainsFunc(own, func(o []byte) bool { return string(o) == string(k) })
	}) {
		return nil
	}
	return s.numberTaken(st, n, index)
}

// numberTaken is what becomes of a statement that gives a record the number of
// another one.
func (s *session) numberTaken(st *rewrite.Statement, n uint64, index string) error {
	p := st.Plan
	ignores, updates := st.OnDuplicates()
	switch {
	case p.Verb == rewrite.VerbReplace:
		return refuse("REPLACE with the number of another record")
	case updates:
		return refuse("ON DUPLICATE KEY UPDATE with the number of another record")
	case ignores && (p.Rows != 1 || p.Verb == rewrite.VerbUpdate):
		return refuse("IGNORE with the number of another record")
	}
	if mysql8(s.router.Set.Version()) {
		index = p.Table.Name + "." + index
	}
	e := &protocol.Error{Code: 1062, State: "23000", Message: fmt.Sprintf("Duplicate entry '%d' for key '%s'", n, index)}
	if ignores {
		return &passedOver{e}
	}
	return e
}

// passedOver is an error that IGNORE makes a warning of.
type passedOver struct{ why *protocol.Error }

func (e *passedOver) Error() string { return e.why.Error() }

// numberOf reads the number that a value gives to an AUTO_INCREMENT column. own
// says that it is one, above 0 and not to be made by the proxy.
func (s *session) numberOf(st *rewrite.Statement, v rewrite.Value, args rewrite.Args) (n uint64, own, ok bool) {
	text, null, ok := appendNumber(nil, st, v, args)
	if !ok || null {
		return 0, false, ok
	}
	if n, isNumber := parseInt(text); isNumber {
		return n, n != 0 || s.mode&rewrite.ModeNoAutoValueOnZero != 0, true
	}
	signed, isNumber := st.Number(v, args)
	if !isNumber {
		signed = 0 // as the store takes it, in its way
	}
	return uint64(max(signed, 0)), signed != 0 || s.mode&rewrite.ModeNoAutoValueOnZero != 0, true
}

// updatesNumber prepares for an UPDATE that assigns the number of the record
// whose key is in s.keys.
func (s *session) updatesNumber(st *rewrite.Statement, t replica.Table, args rewrite.Args) error {
	p := st.Plan
	if len(s.keys) != 1 || len(p.Surrogates) != 1 {
		return refuse("UPDATE of the column " + p.Table.Surrogate + " of several records")
	}
	n, _, ok := s.numberOf(st, p.Surrogates[0], args)
	if !ok {
		return refuse("a value of " + p.Table.Surrogate + " whose bytes can't be told")
	}
	if n == 0 {
		return nil
	}
	there, err := s.data.Has(t, s.keys[0])
	if err != nil || !there {
		return err
	}
	return s.given(st, t, p.Table.Surrogate, n, nil)
}
