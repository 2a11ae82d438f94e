package router

import (
	"errors"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// lock carries a statement of the GET_LOCK family out, at the store that the
// lock's name leads to.
func (s *session) lock(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	p := st.Plan
	if err := pins(p); err != nil {
		return err
	}
	if p.Kind == rewrite.KindUnlockAll {
		return s.data.UnlockAll(req)
	}
	names := make([]string, 0, 1)
	for _, v := range p.Keys {
		name, null, ok := st.Append(nil, v, args)
		if !ok {
			return refuse("a lock's name that can't be told")
		}
		if null {
			continue // the store has an error for it
		}
		names = append(names, string(name))
	}
	if len(names) == 0 {
		return s.data.ReadAny(req)
	}
	err := s.data.Lock(names, req)
	if errors.Is(err, replica.ErrLocksApart) {
		return refuse("several locks that are on different stores")
	}
	return err
}
