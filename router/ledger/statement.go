package ledger

import (
	"context"

	"github.com/dsmproxy/dsmproxy/router/store"
)

// Kind says how a Statement stands to a transaction.
type Kind uint8

// The kinds of statements.
const (
	// Alone: it is a transaction by itself.
	Alone Kind = iota
	// Within: it is part of the client's open transaction, on whose connection
	// it runs. Only reads are told to the Group while a transaction is open.
	Within
	// Commit: it commits the transaction that is open on the connection. It has
	// no packets and no answer of its own, so Queue and Answer are not called:
	// the ledger commits without CHAIN and RELEASE.
	Commit
)

// Statement is a statement of a client, as package router implements it. A
// fence.Statement that is given to a Store must be one. Its methods are called
// in the order Acquire, Queue, Answer, Settle, by one goroutine, and from the
// beginning again if the statement is run again, be it at another store.
type Statement interface {
	// Kind says how it stands to a transaction. It does not change.
	Kind() Kind
	// Acquire returns a connection to the store whose state is the client's. It
	// may return none, without an error, if the client has its answer already (a
	// database that is not there); then the statement has changed nothing. With
	// an error nothing has been sent.
	Acquire(ctx context.Context, s *store.Store) (*store.Conn, error)
	// Queue queues the statement's packets, with what must precede or follow
	// them, but does not send them. What follows a writing statement must leave
	// ROW_COUNT() alone, or Changed must not ask it.
	Queue(ctx context.Context, c *store.Conn) error
	// Answer reads the answers to what Queue has queued to their ends. It keeps
	// the client's, in the place of a former one, until the Group's method
	// returns. An answer that is too long to be kept is read to its end all the
	// same, and an error put in its place: an error of Answer means that the
	// connection has failed. The status flags of an Alone write say that a
	// transaction is open, which is to be cleared (protocol.Framer.Clear).
	Answer(c *store.Conn) error
	// Changed is an SQL condition that holds behind the statement if it has
	// changed something: RowsChanged; or AlwaysChanged for a statement that
	// changes rows and answers with a result set (RETURNING); or one of a user
	// variable that Queue has set behind it by GET DIAGNOSTICS, which leaves the
	// warnings as they are, so that SHOW WARNINGS may follow.
	Changed() string
	// Settle gives the connection back, or keeps it if a transaction is open
	// there. With an error the connection has failed, or is in a state that
	// nobody knows, and must be discarded.
	Settle(c *store.Conn, err error)
}

// Trailing is a Statement that has something to ask or to undo behind an Alone
// write, which must not disturb ROW_COUNT(): its Changed is RowsChanged or
// AlwaysChanged.
type Trailing interface {
	Statement
	// Trail queues packets behind the statement's, Trailed reads the answers to
	// them. An error of either means that the connection has failed.
	Trail(c *store.Conn) error
	Trailed(c *store.Conn) error
}

// Refusable is a Statement that can say, behind Answer, whether its answer is an
// error. What follows it is cut short then, for that would wait for what the
// statement has waited for in vain.
type Refusable interface {
	Refused() bool
	// Deadlocked reports whether that error says that the store has rolled an Alone
	// write back to end a deadlock, and the write may be run again by itself: it has
	// left nothing in the client's session.
	Deadlocked() bool
}

// Conditions for Statement.Changed.
const (
	RowsChanged = "ROW_COUNT()>0"
	// AlwaysChanged makes a new version also where nothing has changed, which
	// does no harm.
	AlwaysChanged = "ROW_COUNT()<>0"
)
