// Package metrics gives what the proxy counts to Prometheus. It counts nothing
// itself: at each scrape it reads the counts that packages protocol, router,
// router/replica and router/store keep, so that no statement pays for it.
// docs/METRICS.md lists the metrics; a test holds the two equal.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router"
	"github.com/dsmproxy/dsmproxy/router/meter"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Source is the proxy whose counts are read.
type Source struct {
	Version string // of the program
	Commit  string // from which it was built; "" if that is not known
	Copies  int
	Server  *protocol.Server
	Router  *router.Router
	Planner *rewrite.Planner
	Set     *replica.Set
	// Reloads is how often the configuration was read again and taken over, and
	// how often it was not.
	Reloads func() (applied, refused uint64)
	// Stale reports whether the configuration file is not what is in force.
	Stale func() bool
	Ready func() bool
	// Certificates are those of which it is known when they expire.
	Certificates func() []admin.Certificate
	// Group is how the group of stores is; nil at the level seed.
	Group func() *admin.Group
}

// Handler serves the metrics, those of Go's runtime and of the process with
// them.
func Handler(s Source) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collector{s},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// collector implements prometheus.Collector.
type collector struct{ Source }

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range all {
		ch <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	e := emitter{ch}
	e.value(buildInfo, 1, c.Version, c.Commit)
	e.value(ready, boolean(c.Ready()))
	e.value(copies, float64(c.Copies))
	applied, refused := c.Reloads()
	e.count(reloads, applied, "applied")
	e.count(reloads, refused, "refused")
	e.value(stale, boolean(c.Stale()))
	for _, one := range c.Certificates() {
		e.value(certificateEnd, float64(one.Expires.Unix()), one.Name)
	}
	c.clients(e)
	c.statements(e)
	group := c.Group()
	c.group(e, group)
	backlogs := c.Set.Backlogs()
	for i, s := range c.Set.Stores() {
		c.store(e, s, backlogs[i], group != nil && group.Members[i].Drained)
	}
}

func (c collector) clients(e emitter) {
	s := c.Server.Stats()
	e.value(clients, float64(s.Clients))
	e.count(connections, s.Accepted)
	for reason, n := range map[string]uint64{
		"max_clients": s.Refused, "max_user_clients": s.OverUser, "access_denied": s.Denied,
		"login_failures": s.Blocked, "pending_logins": s.Displaced, "handshake_timeout": s.Slow,
	} {
		e.count(refusedLogins, n, reason)
	}
	e.count(takenOver, s.Inherited)
	e.count(idleTimeouts, s.Idled)
	e.count(statementTimeouts, s.Expired)
	e.count(packetsTooLarge, s.Oversized)
	e.count(panics, s.Panics)
}

func (c collector) statements(e emitter) {
	n := c.Router.Counts()
	for _, k := range n.Kinds {
		e.count(statements, k.Count, k.Kind)
		if k.Latency.Count() > 0 {
			e.histogram(statementSeconds, k.Latency, k.Kind)
		}
	}
	for source, count := range n.Errors {
		e.count(errors, count, source.String())
	}
	e.count(slowStatements, n.Slow)
	e.count(plansMade, c.Planner.Made())
	list, refused := c.Router.Refusals()
	for _, r := range list {
		refused += r.Count
	}
	e.count(refusals, refused)
	w := c.Set.Counts()
	e.count(failovers, w.Failovers)
	e.count(lostCopies, w.Lost)
	e.count(repairs, w.Carried)
	e.count(shortWrites, w.Short)
}

func (c collector) store(e emitter, s *store.Store, b replica.Backlog, drained bool) {
	name, st, n := s.Name(), s.Stats(), s.Counts()
	e.value(storeUp, boolean(st.State == store.Up), name)
	e.value(storeDrained, boolean(drained || st.Drained), name)
	e.count(storeDowns, n.Downs, name)
	e.value(storePing, n.Ping.Seconds(), name)
	e.value(storeClock, st.Clock.Seconds(), name)
	e.count(storeSent, n.Sent, name)
	if n.Latency.Count() > 0 {
		e.histogram(storeSeconds, n.Latency, name)
	}
	e.value(poolConns, float64(st.Idle), name, "idle")
	e.value(poolConns, float64(st.Open-st.Idle), name, "used")
	e.value(poolMax, float64(st.Max), name)
	e.value(poolWaiting, float64(st.Waiting), name)
	e.count(poolWaits, n.Waits, name)
	e.count(poolTimeouts, n.Timeouts, name)
	e.value(poolWaitSeconds, n.Waited.Seconds(), name)
	e.count(dials, n.Dials-min(n.DialErrors, n.Dials), name, "ok")
	e.count(dials, n.DialErrors, name, "error")
	e.count(broken, n.Broken, name)
	e.value(backlogPending, float64(b.Pending), name)
	for outcome, count := range map[string]uint64{"replayed": b.Replayed - min(b.Refused, b.Replayed), "refused": b.Refused, "lost": b.Lost} {
		e.count(backlogStatements, count, name, outcome)
	}
}

// emitter sends what is collected.
type emitter struct{ ch chan<- prometheus.Metric }

func (e emitter) value(m *metric, v float64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
}

func (e emitter) count(m *metric, n uint64, labels ...string) { e.value(m, float64(n), labels...) }

func (e emitter) histogram(m *metric, l meter.Latency, labels ...string) {
	buckets := make(map[float64]uint64, len(meter.Bounds))
	var below uint64
	for i, bound := range meter.Bounds {
		below += l.Buckets[i]
		buckets[bound.Seconds()] = below
	}
	e.ch <- prometheus.MustNewConstHistogram(m.desc, l.Count(), l.Sum.Seconds(), buckets, labels...)
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
