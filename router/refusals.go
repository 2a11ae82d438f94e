package router

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
)

// maxRefusals bounds how many constructs are told apart.
const maxRefusals = 200

// refusals counts by construct what the proxy does not carry out. It costs
// nothing to statements that are.
type refusals struct {
	mu   sync.Mutex // guards what follows
	list map[string]*Refused
	rest uint64
}

// Refused is a construct that clients have been refused for.
type Refused struct {
	Construct string
	Count     uint64
	Last      time.Time
	Example   string // the last such statement, without its literals
}

// add counts one more; st is nil if it is not known.
func (r *refusals) add(e *protocol.Error, st *rewrite.Statement) {
	construct := strings.TrimPrefix(strings.TrimPrefix(e.Message, refusedPrefix), "dsmproxy: ")
	construct, _, _ = strings.Cut(construct, " near '") // it may be what the client took for a literal
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.list[construct]
	switch {
	case f != nil:
	case len(r.list) >= maxRefusals:
		r.rest++
		return
	default:
		if r.list == nil {
			r.list = make(map[string]*Refused)
		}
		f = &Refused{Construct: construct}
		r.list[construct] = f
	}
	f.Count++
	f.Last = time.Now()
	if st != nil {
		f.Example = st.Digest()
	}
}

// Refusals are the constructs that clients have been refused for, the most
// frequent first, and how many times it was for yet others.
func (r *Router) Refusals() (list []Refused, others uint64) {
	n := &r.counts.refusals
	n.mu.Lock()
	for _, f := range n.list {
		list = append(list, *f)
	}
	others = n.rest
	n.mu.Unlock()
	slices.SortFunc(list, func(a, b Refused) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Construct, b.Construct))
	})
	return list, others
}
