package router

import (
	"strings"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// partsOf are the tables that belong to the records of t; nil for none.
func (r *Router) partsOf(t *rewrite.Table) *[]replica.Part {
	if len(t.Secondary) == 0 {
		return nil
	}
	if known, ok := r.parts.Load(t); ok {
		return known.(*[]replica.Part)
	}
	parts := make([]replica.Part, len(t.Secondary))
	for i, sec := range t.Secondary {
		parts[i] = replica.Part{Name: sec.Name, Column: sec.Column, Of: t.Surrogate}
		if t.Surrogate == "" || strings.EqualFold(sec.Column, t.Key) {
			parts[i].Of = t.Key
		}
	}
	known, _ := r.parts.LoadOrStore(t, &parts)
	return known.(*[]replica.Part)
}
