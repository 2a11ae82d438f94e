package router

import (
	"bytes"
	"slices"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// A key is placed in the form that all texts have in common which its column
// takes for it: an integer as its decimal text, text without trailing blanks
// where its collation ignores them, folded where the configuration says so. For
// the keys that are in use, that is what the statement has.

// findKeys puts the different keys of a statement into s.keys, in the order in
// which they appear. NULL names no record and is left out.
func (s *session) findKeys(st *rewrite.Statement, values []rewrite.Value, args rewrite.Args) error {
	n := 0
	s.spelled = nil
	inserts := st.Plan.Verb == rewrite.VerbInsert || st.Plan.Verb == rewrite.VerbReplace
	t := s.table(st.Plan)
	rule := s.data.KeyRule(t)
	for i, v := range values {
		if n == cap(s.keys) {
			s.keys = append(s.keys[:n], nil)
		}
		s.keys = s.keys[:n+1]
		key, null, ok := st.Append(s.keys[n][:0], v, args)
		if !ok || rule&replica.KeyInteger != 0 && st.HasHex(v) {
			return refuse("a key whose bytes can't be told")
		}
		if null {
			continue
		}
		given := inserts || st.Plan.Kind == rewrite.KindMove && i == 1
		if given {
			key = s.data.Cut(t, key)
		}
		key = canonical(rule, key, given)
		if st.Plan.Table.FoldCase {
			if !slices.ContainsFunc(s.spelled, func(k []byte) bool { return bytes.Equal(k, key) }) {
				s.spelled = append(s.spelled, key)
			}
			key = rewrite.FoldKey(nil, key)
		}
		s.keys[n] = key
		if !slices.ContainsFunc(s.keys[:n], func(k []byte) bool { return bytes.Equal(k, key) }) {
			n++
		}
	}
	s.keys = s.keys[:n]
	return nil
}

// canonical is the form of a key that is placed. given: the column gets it; else
// it is compared with it. Most often it is key itself; it may be a part of it.
func canonical(rule replica.KeyRule, key []byte, given bool) []byte {
	switch {
	case rule&replica.KeyInteger != 0:
		return rewrite.IntegerKey(key)
	case rule&replica.KeyPads != 0 || given && rule&replica.KeyTrims != 0:
		return bytes.TrimRight(key, " ")
	}
	return key
}

// folding is what brings keys as the stores have them to the form that is
// placed; nil where that is the same.
func (s *session) folding(t replica.Table) func(key []byte) []byte {
	if t.Folds {
		return func(key []byte) []byte { return rewrite.FoldKey(nil, key) }
	}
	rule := s.data.KeyRule(t)
	if rule&(replica.KeyInteger|replica.KeyPads) == 0 {
		return nil
	}
	return func(key []byte) []byte { return canonical(rule, key, false) }
}

// loose reports whether a statement compares a key with what may equal the keys
// of other records too, wherever they are: a column that is text with a number,
// for 0 equals every text that begins with no digit; an integer column with a
// hexadecimal literal, which is a number or a text by its spelling and the
// server.
func (s *session) loose(st *rewrite.Statement, args rewrite.Args) bool {
	p := st.Plan
	typed, _ := args.(typedArgs)
	for i := range p.Keys {
		v := &p.Keys[i]
		number := false
		for j := range v.Parts {
			part := &v.Parts[j]
			number = number || part.Numeric ||
				typed != nil && part.Source == rewrite.SourceParam && typed.IsNumber(part.Index)
		}
		if number && s.data.KeyRule(s.table(p))&replica.KeyText != 0 ||
			st.HasHex(*v) && s.data.KeyRule(s.table(p))&replica.KeyInteger != 0 {
			return true
		}
	}
	return false
}

// typedArgs are arguments that tell which of them are numbers.
type typedArgs interface{ IsNumber(i int) bool }
