package main

import (
	"errors"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// status is how the proxy is now.
func (p *proxy) status() *admin.Status {
	cfg := p.force.config()
	n, w := p.router.Counts(), p.set.Counts()
	s := &admin.Status{
		Version: programBuild().Version, Commit: programBuild().Commit, Started: p.started, Now: time.Now(), State: "ready",
		Listen: p.Addr().String(), Copies: cfg.Copies, Placement: cfg.Placement, Level: cfg.Consistency.Level,
		Stores: p.storeStatus(), Traffic: []admin.Kind{}, Errors: map[string]uint64{}, Slow: n.Slow, Clients: p.clientCounts(),
		Writes: admin.Writes{Failovers: w.Failovers, Lost: w.Lost, Repaired: w.Carried, Short: w.Short},
		Plans:  p.plans.Made(), Refusals: []admin.Refusal{}, Config: p.force.status(), Group: p.fenced.status(),
		Certificates: p.certificateEnds(),
	}
	if err := p.ready(); err != nil {
		s.State, s.Why = "unready", err.Error()
		switch {
		case p.draining.Load():
			s.State = "draining"
		case !p.serving.Load():
			s.State = "starting"
		}
	}
	before := p.recent.oldest()
	for _, k := range n.Kinds {
		latency := before.ofKind(k.Kind, k.Latency)
		s.Traffic = append(s.Traffic, admin.Kind{
			Kind: k.Kind, Count: k.Count,
			P50: latency.Quantile(0.5).Seconds(), P99: latency.Quantile(0.99).Seconds(),
		})
	}
	for source, count := range n.Errors {
		s.Errors[source.String()] = count
	}
	list, others := p.router.Refusals()
	s.OtherRefusals = others
	for _, r := range list {
		s.Refusals = append(s.Refusals, admin.Refusal(r))
	}
	return s
}

// ready says why the proxy is to get no new clients.
func (p *proxy) ready() error {
	switch {
	case p.draining.Load():
		return errors.New("draining: the proxy is about to end")
	case !p.serving.Load():
		return errors.New("starting")
	}
	return p.unable()
}

// unable is why statements can't be answered; nil if they can.
func (p *proxy) unable() error {
	for _, st := range p.Stores() {
		if st.State() == store.Up {
			return p.fenced.notServing()
		}
	}
	return p.noneUp()
}

func (p *proxy) storeStatus() []admin.Store {
	cfg := p.force.config()
	first, any := shares(p.place, cfg.Copies)
	records, backlogs, before := p.recordsHeld(), p.set.Backlogs(), p.recent.oldest()
	var list []admin.Store
	for i, st := range p.Stores() {
		h, n := st.Stats(), st.Counts()
		latency := before.ofStore(i, n.Latency)
		s := admin.Store{
			Name: st.Name(), Addr: cfg.Stores[i].Addr, State: h.State.String(), Since: h.Since, Version: h.Version,
			Ping: n.Ping.Seconds(), P50: latency.Quantile(0.5).Seconds(), P99: latency.Quantile(0.99).Seconds(),
			Open: h.Open, Idle: h.Idle, Max: h.Max, Waiting: h.Waiting,
			Waits: n.Waits, Timeouts: n.Timeouts, Waited: n.Waited.Seconds(),
			Sent: n.Sent, Dials: n.Dials, DialErrors: n.DialErrors, Broken: n.Broken, Downs: n.Downs,
			Records: records[i], First: first[i], Share: any[i], Backlog: backlog(backlogs[i]),
		}
		s.Clock, s.ClockWrong = h.Clock.Seconds(), h.ClockWrong
		if h.Err != nil {
			s.LastError = h.Err.Error()
		}
		if since, out := p.fenced.drainedSince(i); out {
			h.Drained, s.Since = true, since
		} else if since := p.fenced.turned(i); h.State == store.Up && since.After(s.Since) {
			s.Since = since
		}
		switch {
		case h.Drained:
			s.State, s.Doing = "drained", "out of service until dsmproxy undrain "+st.Name()
		case h.State == store.Down && h.Refused:
			s.Doing = "let the proxy's user in at the store, or correct user and password"
		case h.State == store.Down:
			s.Doing = "other stores serve its records; it is probed every " + cfg.Health.ProbeInterval.String()
			switch {
			case p.inService(i) == 0:
				s.Doing = "no other store is there to serve its records; it is probed every " + cfg.Health.ProbeInterval.String()
			case p.fenced.notServing() != nil:
				s.Doing = "too few other stores are there to serve its records; it is probed every " + cfg.Health.ProbeInterval.String()
			}
		}
		list = append(list, s)
	}
	return list
}

func backlog(b replica.Backlog) admin.Backlog {
	return admin.Backlog{Pending: b.Pending, Replayed: b.Replayed, Refused: b.Refused, Lost: b.Lost}
}

func (p *proxy) clientCounts() admin.Clients {
	s := p.server.Stats()
	return admin.Clients{
		Now: s.Clients, Max: p.force.config().Limits.MaxClients, Accepted: s.Accepted, Inherited: s.Inherited, Refused: s.Refused,
		OverUser: s.OverUser, Denied: s.Denied, Blocked: s.Blocked, Displaced: s.Displaced,
		Slow: s.Slow, Idled: s.Idled, Oversized: s.Oversized, Expired: s.Expired, Panics: s.Panics,
	}
}

// clientList is who is connected.
func (p *proxy) clientList() []admin.Client {
	list := []admin.Client{}
	for _, c := range p.server.List() {
		state := "idle"
		if c.Running {
			state = "running"
		}
		list = append(list, admin.Client{
			ID: c.ID, User: c.User, Host: c.Host, Via: c.Via, TLS: c.TLS, State: state, InTxn: c.InTxn,
			For: c.For.Seconds(), Questions: c.Questions,
		})
	}
	return list
}

// status is what the page shows of the configuration.
func (f *inForce) status() admin.InForce {
	stale := f.stale()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := admin.InForce{File: f.path, Loaded: f.loaded, Stale: stale}
	for _, one := range f.cfg.Settings() {
		s.Settings = append(s.Settings, admin.Setting{Key: one.Key, Value: one.Value})
	}
	if f.err != nil {
		at := f.errAt
		s.Error, s.ErrorAt = f.err.Error(), &at
	}
	return s
}
