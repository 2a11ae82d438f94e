package router

import (
	"bytes"
	"errors"
	"slices"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// A key is placed in the form that all texts have in common which its column
// takes for it: in the column's charset, an integer as its decimal text, text
// without trailing blanks where its collation ignores them, folded where that
// ignores case or the configuration says so. For the keys that are in use, that
// is what the statement has.

// findKeys puts the different keys of a statement into s.keys, in the order in
// which they appear, and if that is not how it has them, that into s.spelled.
// NULL names no record and is left out, unless an INSERT makes it a value.
func (s *session) findKeys(st *rewrite.Statement, values []rewrite.Value, args rewrite.Args) error {
	n, folded := 0, false
	s.spelled = nil
	inserts := st.Plan.Verb == rewrite.VerbInsert || st.Plan.Verb == rewrite.VerbReplace
	t := s.table(st.Plan)
	rule := s.data.KeyRule(t)
	if err := s.data.KeysKnown(t); err != nil {
		return err
	}
	fold := s.keyFold(t)
	for i, v := range values {
		if n == cap(s.keys) {
			s.keys = append(s.keys[:n], nil)
		}
		s.keys = s.keys[:n+1]
		key, charset, null, ok := st.AppendIn(s.keys[n][:0], v, args)
		if !ok && rule&replica.KeyInteger != 0 {
			key, ok = integer(key, v, args)
			charset = rewrite.CharsetASCII
		}
		given := inserts || st.Plan.Kind == rewrite.KindMove && i == 1
		if asInteger := rule&replica.KeyInteger != 0; given && (!ok || asInteger && st.HasHex(v)) {
			if key, ok = st.AppendNumeral(key[:0], v, asInteger); ok {
				charset = rewrite.CharsetASCII
			}
		} else if asInteger && st.HasHex(v) {
			ok = false
		}
		if !ok {
			return refuse("a key whose bytes can't be told")
		}
		if null && inserts {
			if key, ok = s.data.ImplicitKey(t, !v.IsWrittenNull() && v.Null); ok {
				null, charset = false, rewrite.CharsetASCII
			}
		}
		if null {
			continue
		}
		if charset != rewrite.CharsetASCII {
			var err error
			if key, err = s.inColumn(t, key, v, charset, args); err != nil {
				return err
			}
		}
		if given {
			key = s.data.Cut(t, key)
		}
		key = canonical(rule, key, given)
		if given && rule&replica.KeyInteger != 0 {
			key = s.data.Clip(t, key)
		}
		folds := fold != nil && !fold.Keeps(key)
		if folds && !folded {
			folded, s.spelled = true, s.asSpelled[:0]
			for _, k := range s.keys[:n] {
				s.spell(k)
			}
		}
		if folded {
			s.spell(key)
		}
		if folds {
			as, err := fold.Append(nil, key)
			switch {
			case err == nil:
				key = as
			case errors.Is(err, replica.ErrNoText) && !given:
				continue // no record has it
			case errors.Is(err, replica.ErrNoText), errors.Is(err, replica.ErrNotExact):
				return refuse("a key with letters beyond ASCII at the levels safe and strict, where " + err.Error())
			default:
				return err
			}
		}
		s.keys[n] = key
		if !slices.ContainsFunc(s.keys[:n], func(k []byte) bool { return bytes.Equal(k, key) }) {
			n++
		}
	}
	s.keys = s.keys[:n]
	return nil
}

// spell adds a key to s.spelled, unless it is there.
func (s *session) spell(key []byte) {
	if slices.ContainsFunc(s.spelled, func(k []byte) bool { return bytes.Equal(k, key) }) {
		return
	}
	s.spelled = append(s.spelled, bytes.Clone(key))
	s.asSpelled = s.spelled
}

// inColumn is a key that is not ASCII in the charset of its column.
func (s *session) inColumn(t replica.Table, key []byte, v rewrite.Value, charset string, args rewrite.Args) ([]byte, error) {
	typed, _ := args.(typedArgs)
	for i := range v.Parts {
		p := &v.Parts[i]
		if typed == nil || p.Source != rewrite.SourceParam {
			continue
		}
		if one := typed.Charset(p.Index); one != charset && len(v.Parts) > 1 {
			charset = rewrite.CharsetMixed
		} else {
			charset = one
		}
	}
	if charset == rewrite.CharsetMixed {
		return nil, refuse("a key of parts in different charsets")
	}
	return s.data.InColumn(t, key, charset)
}

// canonical is the form of a key that is placed. given: the column gets it; else
// it is compared with it. Most often it is key itself; it may be a part of it.
func canonical(rule replica.KeyRule, key []byte, given bool) []byte {
	switch {
	case rule&replica.KeyInteger != 0:
		return rewrite.IntegerKey(key)
	case rule&(replica.KeyUUID|replica.KeyUUIDBytes) != 0:
		return uuidKey(key, rule == replica.KeyUUIDBytes)
	case rule&replica.KeyPads != 0 || given && rule&replica.KeyTrims != 0:
		return bytes.TrimRight(key, " ")
	}
	return key
}

// keyFold makes equal what the keys of a table are folded to.
type keyFold interface {
	// Keeps reports whether a key is folded to itself.
	Keeps(key []byte) bool
	// Append appends what key is folded to.
	Append(dst, key []byte) ([]byte, error)
}

// byConfiguration folds the keys of a table that is configured so.
type byConfiguration struct{}

func (byConfiguration) Keeps(key []byte) bool { return rewrite.FoldsToItself(key) }

func (byConfiguration) Append(dst, key []byte) ([]byte, error) {
	return rewrite.FoldKey(dst, key), nil
}

// keyFold returns what folds the keys of a table, nil for nothing. At the levels
// safe and strict that is for the column to say, and not for the configuration.
func (s *session) keyFold(t replica.Table) keyFold {
	if t.Folds && !s.data.Fenced() {
		return byConfiguration{}
	}
	if f := s.data.KeyFold(t); f != nil {
		return f
	}
	return nil
}

// folding is what brings keys as the stores have them to the form that is
// placed; nil where that is the same.
func (s *session) folding(t replica.Table) func(key []byte) []byte {
	rule := s.data.KeyRule(t)
	fold := s.keyFold(t)
	if rule&(replica.KeyInteger|replica.KeyPads|replica.KeyUUIDBytes) == 0 && fold == nil {
		return nil
	}
	return func(key []byte) []byte {
		key = canonical(rule, key, false)
		if fold == nil || fold.Keeps(key) {
			return key
		}
		folded, err := fold.Append(nil, key)
		if err != nil { // no store can be asked, and so none is going to be
			return key
		}
		return folded
	}
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

// typedArgs are arguments that tell of what type they were bound.
type typedArgs interface {
	// IsNumber reports whether argument i is a number.
	IsNumber(i int) bool
	// Charset returns the charset that argument i is in.
	Charset(i int) string
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
