package router

import (
	"context"
	"strconv"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A statement waits in the proxy for the keys that others write, as long as it
// would wait at a store for their rows: as innodb_lock_wait_timeout says, or
// NOWAIT, SKIP LOCKED and WAIT n, and no longer than max_statement_time (MariaDB)
// or, for a SELECT, max_execution_time (MySQL). What it has waited here does not
// count at the store, where the clock begins anew.

// defaults are the limits that a fresh session has, as the stores have them.
type defaults struct{ lock, statement time.Duration }

// learnLimits asks a store for the defaults. A server that knows none of them
// has those of the proxy.
func (r *Router) learnLimits(ctx context.Context) {
	d := &defaults{}
	if rows, err := r.Set.Query(ctx, "", "SELECT @@GLOBAL.innodb_lock_wait_timeout"); err == nil {
		d.lock = lockWait(rows[0][0])
	}
	if rows, err := r.Set.Query(ctx, "", "SELECT @@GLOBAL."+limitName(r.Set.Version())); err == nil {
		d.statement = statementTime(rows[0][0], r.Set.Version())
	}
	r.limits.Store(d)
}

// lockWait reads innodb_lock_wait_timeout.
func lockWait(text []byte) time.Duration {
	seconds, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil {
		return 0
	}
	return max(time.Duration(seconds)*time.Second, time.Millisecond)
}

// limitName is the variable that limits a statement's time.
func limitName(version string) string {
	if mysql8(version) {
		return "max_execution_time"
	}
	return "max_statement_time"
}

// statementTime reads it: milliseconds in MySQL, seconds with their fraction in
// MariaDB.
func statementTime(text []byte, version string) time.Duration {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0
	}
	if mysql8(version) {
		f /= 1000
	}
	return time.Duration(f * float64(time.Second))
}

// learnTime takes over what a SET has made of it.
func (s *session) learnTime(conn *store.Conn) error {
	version := s.router.Set.Version()
	rows, err := conn.Query(context.Background(), "SELECT @@"+limitName(version))
	if err != nil {
		return err
	}
	s.maxTime = statementTime(rows[0][0], version)
	return nil
}

// limit bounds the waits of a statement in the proxy.
func (s *session) limit(st *rewrite.Statement, args rewrite.Args) {
	p := st.Plan
	mysql := mysql8(s.router.Set.Version())
	w, most := replica.Waits{}, s.maxTime
	if mysql && p.Verb != rewrite.VerbSelect {
		most = 0
	}
	if own := p.Waits; own != nil {
		w.No, w.Skip = own.No, own.Skip
		if own.Lock != nil {
			w.Lock, w.Own = st.Seconds(*own.Lock, args)
		}
		if own.Time != nil {
			most, _ = st.Seconds(*own.Time, args)
		}
		if mysql && own.Hint != 0 {
			most = own.Hint
		}
	}
	if w.No && mysql {
		w.Locked = &protocol.Error{Code: 3572, State: "HY000",
			Message: "Statement aborted because lock(s) could not be acquired immediately and NOWAIT is set."}
	}
	if most > 0 {
		w.Until = time.Now().Add(most)
		w.Late = &protocol.Error{Code: 1969, State: "70100",
			Message: "Query execution was interrupted (max_statement_time exceeded)"}
		if mysql {
			w.Late = &protocol.Error{Code: 3024, State: "HY000",
				Message: "Query execution was interrupted, maximum statement execution time exceeded"}
		}
	}
	s.data.Waits = w
}
