package inspect

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/router/store"
)

// Errors of a server's login, and of missing rights.
const (
	errTooManyConns   = 1040
	errDBAccess       = 1044
	errAccess         = 1045
	errHost           = 1130
	errTableAccess    = 1142
	errColumnAccess   = 1143
	errTooManyForUser = 1203
	errUserLimit      = 1226
	errSpecificAccess = 1227
)

// open opens one connection to a store.
func open(ctx context.Context, s Store, a Account) (*sql.DB, *sql.Conn, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd = s.Network, s.Addr, a.User, a.Password
	c.TLS = s.TLS
	c.InterpolateParams = true // fewer round trips
	c.Logger = log.New(io.Discard, "", 0)
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, nil, err
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, conn, nil
}

// logIn logs in to a store with each account that the proxy uses there, and
// returns the first connection.
func (in *inspection) logIn(ctx context.Context, store int) (db *sql.DB, conn *sql.Conn, took time.Duration) {
	s := in.Stores[store]
	accounts := in.Accounts
	if s.Own != nil {
		accounts = []Account{*s.Own}
	}
	for _, a := range accounts {
		begin := time.Now()
		oneDB, one, err := open(ctx, s, a)
		if err != nil {
			in.loginFailed(store, a, err, time.Since(begin))
			if code(err) == 0 {
				return db, conn, took // nobody gets further
			}
			continue
		}
		if conn == nil {
			db, conn, took = oneDB, one, time.Since(begin)
		} else {
			oneDB.Close()
		}
	}
	return db, conn, took
}

// loginFailed says why nobody is logged in.
func (in *inspection) loginFailed(at int, a Account, err error, took time.Duration) {
	s := in.Stores[at]
	var timeout net.Error
	switch c := code(err); {
	case c == errAccess:
		in.ofStore(Wrong, "login", at, "set the same password at the store and in the configuration: ALTER USER '"+a.User+"'@'%' IDENTIFIED BY '...'",
			"refuses the login of %q: %v", a.User, err)
	case c == errHost:
		in.ofStore(Wrong, "login", at, "make the account for the host that dsmproxy connects from, or '"+a.User+"'@'%'", "lets nobody in from here: %v", err)
	case c == errTooManyConns || c == errTooManyForUser || c == errUserLimit:
		in.ofStore(Wrong, "login", at, "raise max_connections at the store, or lower pool.max_conns", "has no connection to spare: %v", err)
	case c != 0:
		in.ofStore(Wrong, "login", at, "read the store's own log", "refuses the login of %q: %v", a.User, err)
	case errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded):
		in.ofStore(Wrong, "connect", at, "is "+s.Addr+" the right address, and does a firewall let dsmproxy through?",
			"no answer from %s within %.1f s", s.Addr, took.Seconds())
	case store.Unproven(err):
		in.ofStore(Wrong, "connect", at, "renew the server's certificate, or correct tls.ca and tls.server_name of the store",
			"its certificate is not accepted: %v", err)
	default:
		in.ofStore(Wrong, "connect", at, "is the server running, and does it listen at "+s.Addr+" (bind-address, skip-networking, TLS)?",
			"can't be reached: %v", err)
	}
}

// code is the number of a server's error, 0 for any other.
func code(err error) uint16 {
	if e := (*mysql.MySQLError)(nil); errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// lacksRight reports whether a statement failed for want of a right.
func lacksRight(err error) bool {
	switch code(err) {
	case errDBAccess, errTableAccess, errColumnAccess, errSpecificAccess:
		return true
	}
	return false
}
