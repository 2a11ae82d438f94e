package metrics

import "github.com/prometheus/client_golang/prometheus"

// metric is one metric with its labels.
type metric struct {
	name, help string
	labels     []string
	kind       prometheus.ValueType // a histogram's is UntypedValue
	desc       *prometheus.Desc
}

func gauge(name, help string, labels ...string) *metric {
	return newMetric(name, help, prometheus.GaugeValue, labels)
}

func counter(name, help string, labels ...string) *metric {
	return newMetric(name, help, prometheus.CounterValue, labels)
}

func histogram(name, help string, labels ...string) *metric {
	return newMetric(name, help, prometheus.UntypedValue, labels)
}

func newMetric(name, help string, kind prometheus.ValueType, labels []string) *metric {
	name = "dsmproxy_" + name
	return &metric{name, help, labels, kind, prometheus.NewDesc(name, help, labels, nil)}
}

// The metrics, as docs/METRICS.md has them.
var (
	buildInfo = gauge("build_info", "Always 1; the labels say which version of the program runs, and from which commit it was built.", "version", "commit")
	ready     = gauge("ready", "1 if new clients may come, as /readyz says it.")
	copies    = gauge("copies", "N: on how many stores each record is to be.")
	reloads   = counter("config_reloads_total", "Configurations that were read while the proxy ran: applied, or refused for what is in them.", "outcome")
	stale     = gauge("config_stale", "1 if the configuration file is not what is in force: it was changed and not read since, or refused.")

	clients           = gauge("clients", "Clients that have logged in.")
	connections       = counter("client_connections_total", "Connections that clients have made.")
	takenOver         = counter("clients_taken_over_total", "Clients that the process before this one has passed on at an upgrade; they are not among the connections that were made.")
	refusedLogins     = counter("client_refused_total", "Clients that were not let in: max_clients, max_user_clients, login_failures, pending_logins, handshake_timeout for these limits, access_denied for a wrong password.", "reason")
	idleTimeouts      = counter("client_idle_timeouts_total", "Clients that were ended for limits.idle_timeout.")
	statementTimeouts = counter("statement_timeouts_total", "Statements that were ended for limits.statement_timeout.")
	packetsTooLarge   = counter("packets_too_large_total", "Clients that were ended for a packet of more than limits.max_allowed_packet.")
	panics            = counter("panics_total", "Sessions that ended by a fault of the proxy; its log has each.")

	statements       = counter("statements_total", "Statements by their kind, in the words of dsmproxy explain; command is what carries none, as COM_STMT_PREPARE.", "kind")
	statementSeconds = histogram("statement_seconds", "How long statements took; one in metrics.timed_every is timed, so that its count is not that of the statements.", "kind")
	errors           = counter("errors_total", "Statements that came to an error: client (no SQL, or the client went away), proxy (it can't carry it out), store (a store has answered so), link (a store was lost in the middle of an answer).", "source")
	slowStatements   = counter("slow_statements_total", "Statements that took log.slow_statement and more.")
	refusals         = counter("refusals_total", "Statements that were refused with error 1235; the status page has the constructs.")
	plansMade        = counter("plans_made_total", "Statements whose plan was not in the cache.")

	certificateEnd = gauge("certificate_expiry_timestamp_seconds", "When a certificate expires, in seconds since 1970: one that the proxy shows, named by its setting (tls.cert, admin.cert, store.s1.tls.cert), or one of a store that it verifies (store s1).", "certificate")

	failovers   = counter("failovers_total", "Statements that went on at the next store, for one failed under them; at seed, for at safe and strict a store is excluded first (dsmproxy_group_exclusions_total).")
	lostCopies  = counter("write_lost_copies_total", "Copies of writes whose store failed under the write.")
	repairs     = counter("repaired_records_total", "Records copied from one store to another, to make copies equal or because their key changed.")
	shortWrites = counter("short_writes_total", "Writes that had fewer live stores than copies.")

	storeUp      = gauge("store_up", "1 if the store is believed to be alive and is in service.", "store")
	storeDrained = gauge("store_drained", "1 if the store was taken out of service by dsmproxy drain.", "store")
	storeDowns   = counter("store_downs_total", "Times that the store was found dead.", "store")
	storePing    = gauge("store_ping_seconds", "How long the last probe took that the store has answered.", "store")
	storeClock   = gauge("store_clock_offset_seconds", "How far the store's clock is ahead of the proxy's at least, or behind (negative); read once a minute.", "store")
	storeSent    = counter("store_statements_total", "Rounds of statements sent to the store, the proxy's own included.", "store")
	storeSeconds = histogram("store_seconds", "How long the store took until the first byte of its answer; one round in metrics.timed_every is timed.", "store")

	poolConns       = gauge("pool_connections", "Connections to the store: idle, used.", "store", "state")
	poolMax         = gauge("pool_max_connections", "pool.max_conns.", "store")
	poolWaiting     = gauge("pool_waiting", "Statements that wait for a connection now.", "store")
	poolWaits       = counter("pool_waits_total", "Statements that had to wait for a connection.", "store")
	poolTimeouts    = counter("pool_wait_timeouts_total", "Of these, the ones that got none within pool.wait_timeout.", "store")
	poolWaitSeconds = counter("pool_wait_seconds_total", "How long they all have waited.", "store")
	dials           = counter("pool_dials_total", "Connections that were dialled: ok, error.", "store", "outcome")
	broken          = counter("pool_broken_total", "Connections that have failed in use.", "store")

	backlogPending    = gauge("backlog_pending", "Statements that the store has missed while it was down and is yet to run.", "store")
	backlogStatements = counter("backlog_statements_total", "Statements that it had missed: replayed, refused (it differs from the others), lost (there were too many).", "store", "outcome")
)

// all are the metrics.
var all = append([]*metric{
	buildInfo, ready, copies, reloads, stale,
	clients, connections, takenOver, refusedLogins, idleTimeouts, statementTimeouts, packetsTooLarge, panics,
	certificateEnd, statements, statementSeconds, errors, slowStatements, refusals, plansMade,
	failovers, lostCopies, repairs, shortWrites,
	storeUp, storeDrained, storeDowns, storePing, storeClock, storeSent, storeSeconds,
	poolConns, poolMax, poolWaiting, poolWaits, poolTimeouts, poolWaitSeconds, dials, broken,
	backlogPending, backlogStatements,
}, ofGroup...)
