package router

import (
	"bytes"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// copyRecord carries an INSERT ... SELECT out that reads one record and writes
// another.
func (s *session) copyRecord(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	t := s.table(p)
	column, err := s.data.Numbered(t)
	switch {
	case err != nil:
		return err
	case column != "":
		return refuse("INSERT from other records of a session table")
	case s.loose(st, args):
		return refuse("a number for a key that is text, or a hexadecimal literal for one that is a number")
	}
	var keys, spelled [][]byte
	for _, v := range [][]rewrite.Value{p.CopiesFrom, p.Keys} {
		if err := s.findKeys(st, v, args); err != nil {
			return err
		}
		if len(s.keys) != 1 {
			return refuse("INSERT from other records of a session table")
		}
		as := s.keys[0]
		if s.spelled != nil {
			as = s.spelled[0]
		}
		keys, spelled = append(keys, bytes.Clone(s.keys[0])), append(spelled, bytes.Clone(as))
	}
	w := replica.Write{Req: req, Keys: keys, Spelled: spelled, Table: t}
	s.sameOnAll(&w, p)
	if bytes.Equal(keys[0], keys[1]) {
		w.Keys, w.Spelled = keys[:1], spelled[1:]
		return s.data.Write(&w)
	}
	w.Image = false // one store runs it anyway
	return s.data.CopyRecord(&w)
}
