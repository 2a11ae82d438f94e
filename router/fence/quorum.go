package fence

import "github.com/dsmproxy/dsmproxy/router/view"

// When a view counts.
//
// With the majority quorum, once more than half of the voters hold it. Every
// later view is then above it: one of those voters is in every later majority.
//
// With the solo quorum, for two voters, once every store holds it that is not
// Down in it: the last store to fail knows that it was. A store that is blank,
// or was put back to an earlier copy, knows nothing of that and need not agree.
// Such views alone would still let two proxies cut off from each other take one
// store each; so a view has an owner's term, only its owner serves, and what it
// has once proposed it does not take back (propose).

// vote is what a voter answered.
type vote struct {
	peer   *peer
	status Status
}

// need is how many voters must answer at least.
func (g *Group) need() int {
	if g.cfg.Solo {
		return 1
	}
	return len(g.voters)/2 + 1
}

// counted reports whether j counts, given all votes.
func (g *Group) counted(j *view.View, votes []vote) bool {
	same := 0
	for _, v := range votes {
		if v.status.View.Equal(j) {
			same++
		}
	}
	if !g.cfg.Solo {
		return same >= g.need()
	}
	agree := 0
	for _, p := range g.stores {
		if !g.mustAgree(p, j) {
			continue
		}
		if !holds(votes, p, j) {
			return false
		}
		agree++
	}
	return agree > 0
}

// mustAgree reports whether, with the solo quorum, p has to hold j.
func (g *Group) mustAgree(p *peer, j *view.View) bool {
	if j.State(p.index) == view.Down {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil || !(p.last.Boot == 0 && (p.last.Blank || p.rewound))
}

func holds(votes []vote, p *peer, j *view.View) bool {
	for _, v := range votes {
		if v.peer == p && v.status.View.Equal(j) {
			return true
		}
	}
	return false
}

// join is the least view above what this proxy has, what it wants and what the
// votes say; nil if nobody has any.
func (g *Group) join(votes []vote) *view.View {
	var j *view.View
	if c := g.now.Load(); c != nil {
		j = c.view
	}
	for _, v := range votes {
		if j == nil {
			j = v.status.View
		} else {
			j = j.Join(v.status.View)
		}
	}
	if j == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.proposal == nil {
		return j
	}
	if g.cfg.Solo && j.Term() > g.proposal.Term() && !g.cfg.ablate.soloLaunder {
		// Another owner. What this one wanted must not be published under the
		// other's term, where no store would refuse it any more.
		g.proposal = nil
		return j
	}
	return j.Join(g.proposal)
}
