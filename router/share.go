package router

import (
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// shareable reports whether a read of one key may go by a connection that other
// clients use at the same time: it is one SELECT from one table, calls nothing
// that could wait, change something or give another value the next time, and
// tells nothing but its rows.
func shareable(p *rewrite.Plan) bool {
	return p.Kind == rewrite.KindRead && p.Verb == rewrite.VerbSelect && p.ResultSet && p.Mentions <= 1 &&
		p.Nondet == 0 && p.Uses == 0 && p.Pins == "" && len(p.Assigns) == 0 && len(p.Locks) == 0 && p.Routines == nil
}

// Share implements replica.Shareable.
func (r *textRequest) Share() ([]byte, *store.Stmt) { return r.payload, nil }

// Share implements replica.Shareable.
func (p *prepared) Share() ([]byte, *store.Stmt) {
	if len(p.long) > 0 || p.private || p.stmt == nil {
		return nil, nil
	}
	return p.payload, p.stmt
}

var (
	_ replica.Shareable = (*textRequest)(nil)
	_ replica.Shareable = (*prepared)(nil)
)
