package main

import (
	"context"

	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// handler stands before the engine's own handler: it lets statements through
// the gate, and puts right what the engine answers otherwise than MySQL.
type handler struct {
	mysql.Handler
	sessions *sessions
	gate     *gate
	down     <-chan struct{} // closed when the store is killed
}

// ComQuery is mysql.Handler's.
func (h *handler) ComQuery(ctx context.Context, c *mysql.Conn, query string, callback mysql.ResultSpoolFn) error {
	return h.pass(ctx, c, query, func() error { return h.Handler.ComQuery(ctx, c, query, callback) })
}

// ComStmtExecute is mysql.Handler's.
func (h *handler) ComStmtExecute(ctx context.Context, c *mysql.Conn, p *mysql.PrepareData, callback func(*sqltypes.Result) error) error {
	return h.pass(ctx, c, p.PrepareStmt, func() error { return h.Handler.ComStmtExecute(ctx, c, p, callback) })
}

// ComPrepare is mysql.Handler's. It reads tables' definitions.
func (h *handler) ComPrepare(ctx context.Context, c *mysql.Conn, query string, p *mysql.PrepareData) ([]*querypb.Field, error) {
	if err := acquire(h.gate.statement, h.down); err != nil {
		return nil, err
	}
	defer release(h.gate.statement)
	if !of(c).writes {
		drop(h.sessions.get(c))
	}
	fields, err := h.Handler.ComPrepare(ctx, c, query, p)
	return fields, asMySQL(err)
}

// ComResetConnection is mysql.Handler's.
func (h *handler) ComResetConnection(c *mysql.Conn) error {
	h.endTransaction(c)
	if err := h.Handler.ComResetConnection(c); err != nil {
		return err
	}
	c.StatusFlags = c.StatusFlags&^uint16(mysql.ServerInTransaction) | uint16(mysql.ServerStatusAutocommit)
	of(c).resets = true
	return nil
}

// ConnectionClosed is mysql.Handler's.
func (h *handler) ConnectionClosed(c *mysql.Conn) {
	h.endTransaction(c)
	h.Handler.ConnectionClosed(c)
	h.sessions.forget(c)
}

// pass runs a statement when the gate lets it.
func (h *handler) pass(ctx context.Context, c *mysql.Conn, query string, run func() error) error {
	// This also makes the session at a connection's first statement.
	options, err := h.ParserOptionsForConnection(c)
	if err != nil {
		return err
	}
	kind := touchWrite
	if stmt, err := sqlparser.ParseWithOptions(ctx, query, options); err == nil {
		if err := refusal(stmt, query); err != nil {
			return err
		}
		kind = touches(stmt)
	}
	if kind == touchNone {
		return asMySQL(run())
	}
	if kind == touchWrite && !of(c).writes {
		if err := acquire(h.gate.writer, h.down); err != nil {
			return err
		}
		of(c).writes = true
		drop(h.sessions.get(c))
	}
	defer h.settle(c)
	if err := acquire(h.gate.statement, h.down); err != nil {
		return err
	}
	defer release(h.gate.statement)
	if !of(c).writes {
		drop(h.sessions.get(c))
	}
	return asMySQL(run())
}

// settle gives up the write lock if no transaction is open any more.
func (h *handler) settle(c *mysql.Conn) {
	if of(c).writes && !inTransaction(h.sessions.get(c)) {
		h.endTransaction(c)
	}
}

// endTransaction forgets what the session has not committed.
func (h *handler) endTransaction(c *mysql.Conn) {
	if !of(c).writes {
		return
	}
	drop(h.sessions.get(c))
	of(c).writes = false
	release(h.gate.writer)
}

// of returns the connection as the listener knows it.
func of(c *mysql.Conn) *conn { return c.Conn.(*conn) }

// drop drops a session's copies of tables.
func drop(s *memory.Session) {
	if s != nil {
		s.Rollback(nil, nil)
	}
}

// inTransaction reports whether a session's next statement belongs to the
// transaction of its last.
func inTransaction(s *memory.Session) bool {
	if s == nil || s.GetTransaction() == nil {
		return false
	}
	if s.GetIgnoreAutoCommit() { // after BEGIN
		return true
	}
	ctx := sql.NewContext(context.Background(), sql.WithSession(s))
	on, err := s.GetSessionVariable(ctx, sql.AutoCommitSessionVar)
	if err != nil {
		return true
	}
	autocommit, err := sql.ConvertToBool(ctx, on)
	return err != nil || !autocommit
}
