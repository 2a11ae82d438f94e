package main

import (
	"time"

	"github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// gate makes up for the engine's lack of concurrency control. The engine
// copies a table into a session at the first touch, even by a SELECT, and puts
// the whole copy back at COMMIT: two sessions that run freely undo each
// other's writes. So
//
//   - statements that touch a table run one at a time (statement), and
//   - a transaction has the store's write lock (writer) from its first write to
//     its end; before each statement outside of it the session's copies are
//     dropped, so that they are never stale when they are put back.
//
// That amounts to READ COMMITTED with one lock for the whole store. Statements
// without a table pass freely: GET_LOCK may wait for what another releases.
type gate struct {
	statement chan struct{}
	writer    chan struct{}
}

// lockWait is how long a statement waits for another's transaction:
// innodb_lock_wait_timeout's default.
const lockWait = 50 * time.Second

func newGate() *gate {
	return &gate{statement: make(chan struct{}, 1), writer: make(chan struct{}, 1)}
}

// acquire takes a lock of the gate unless lockWait passes or the store goes down.
func acquire(lock chan struct{}, down <-chan struct{}) error {
	t := time.NewTimer(lockWait)
	defer t.Stop()
	select {
	case lock <- struct{}{}:
		return nil
	case <-down:
		return mysql.NewSQLError(mysql.ERServerShutdown, mysql.SSServerShutdown, "Server shutdown in progress")
	case <-t.C:
		return mysql.NewSQLError(mysql.ERLockWaitTimeout, mysql.SSUnknownSQLState,
			"Lock wait timeout exceeded; try restarting transaction")
	}
}

func release(lock chan struct{}) { <-lock }

// touch is what a statement does to tables.
type touch uint8

const (
	touchNone   touch = iota // none is named
	touchRead                // reads some
	touchWrite               // changes or locks some, or may
	touchCommit              // ends a transaction
)

// touches classifies a statement. What it doesn't know is a write.
func touches(stmt sqlparser.Statement) touch {
	switch s := stmt.(type) {
	case *sqlparser.Select:
		if s.Lock != "" || s.Into != nil {
			return touchWrite
		}
		return touchesTable(s)
	case sqlparser.SelectStatement:
		return touchesTable(s)
	case *sqlparser.Begin, *sqlparser.Commit, *sqlparser.Rollback:
		// BEGIN ends the transaction before it.
		return touchCommit
	case *sqlparser.Set:
		for _, e := range s.Exprs {
			if e.Name != nil && e.Name.Name.Lowered() == "autocommit" {
				return touchCommit
			}
		}
		return touchNone
	case *sqlparser.Use, *sqlparser.Kill, *sqlparser.Deallocate:
		return touchNone
	case *sqlparser.Show, *sqlparser.Explain, *sqlparser.OtherRead:
		return touchRead
	default:
		return touchWrite
	}
}

// touchesTable looks for a table in a SELECT, in its subqueries as well.
func touchesTable(s sqlparser.SelectStatement) touch {
	found := touchNone
	sqlparser.Walk(func(node sqlparser.SQLNode) (bool, error) {
		switch n := node.(type) {
		case *sqlparser.AliasedTableExpr:
			if name, ok := n.Expr.(sqlparser.TableName); !ok || name.Name.String() != "dual" {
				found = touchRead
			}
		case *sqlparser.Select:
			if n.Lock != "" {
				found = touchWrite
				return false, nil
			}
		}
		return found != touchWrite, nil
	}, s)
	return found
}
