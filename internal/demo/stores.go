// Package demo is `dsmproxy demo` without its proxy: the stores, real servers
// or embedded ones, and the console that kills them and shows which of them
// holds a record. It knows no configuration and starts no proxy; cmd/dsmproxy
// calls it.
package demo

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Stores are a demo's stores, named s1, s2, ... They are used by one goroutine
// at a time.
type Stores interface {
	// Kind says what they are, for a person.
	Kind() string
	// Fences reports whether they can be stores of the levels safe and strict.
	Fences() bool
	// Names are their names in order.
	Names() []string
	// Addr is a store's host:port, which it keeps.
	Addr(name string) string
	// Pid is the process of a store that runs, 0 of one that doesn't.
	Pid(name string) int
	// Kill ends a store as a crash does and says what it did.
	Kill(name string) (done string, err error)
	// Start brings a killed store back, with its data.
	Start(ctx context.Context, name string) error
	// Close ends all of them and returns when no process is left.
	Close() error
}

// Account is who the demo's stores and its proxy let in.
type Account struct{ User, Password string }

// NewAccount returns an account with a password of this run's own.
func NewAccount() Account { return Account{User: "app", Password: rand.Text()[:12]} }

// Options say which stores to start.
type Options struct {
	Count   int
	Account Account
	// Dir is where real servers have their data. It must exist.
	Dir string
	// Embedded is the path of dsmproxy-embedded; "" looks for it beside this
	// program and in PATH.
	Embedded string
	// Notes gets what the user should know of the choice, a line each.
	Notes io.Writer
}

// StartAuto starts real servers if this machine has a server that works, and
// embedded stores otherwise.
func StartAuto(ctx context.Context, o Options) (Stores, error) {
	real, realErr := StartReal(ctx, o)
	if realErr == nil || ctx.Err() != nil {
		return real, realErr
	}
	fmt.Fprintf(o.Notes, "no real servers: %v\n", realErr)
	embedded, err := StartEmbedded(ctx, o)
	if err != nil {
		return nil, errors.Join(err, errors.New(`the demo needs stores: install mariadb-server or mysql-server, or build the embedded stores with "make demo"`))
	}
	return embedded, nil
}

// names are s1 to sN.
func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("s%d", i+1)
	}
	return list
}

// Open opens a database at addr as the account. What it does there takes no
// more than a few seconds.
func Open(addr string, a Account, db string) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", addr, db
	c.User, c.Passwd = a.User, a.Password
	c.Timeout = 2 * time.Second
	c.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Database and Table are where the demo's sessions are.
const (
	Database = "app"
	Table    = "sessions"
	schema   = "CREATE TABLE IF NOT EXISTS sessions (" + // a store whose answer is lost is asked again
		"id VARCHAR(128) NOT NULL PRIMARY KEY, " +
		"data LONGBLOB NOT NULL, " +
		"expires INT UNSIGNED NOT NULL DEFAULT 0" +
		") DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
)

// CreateDatabase creates the demo's database on each store, which is not the
// proxy's to do: its sessions' tables are in databases that exist.
func CreateDatabase(ctx context.Context, s Stores, a Account) error {
	for _, name := range s.Names() {
		db, err := Open(s.Addr(name), a, "")
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, "CREATE DATABASE "+Database+" DEFAULT CHARACTER SET utf8mb4")
		if err = errors.Join(err, db.Close()); err != nil {
			return fmt.Errorf("create the database on %s: %w", name, err)
		}
	}
	return nil
}

// CreateTable creates the session table through the proxy, on all stores.
func CreateTable(ctx context.Context, proxy *sql.DB) error {
	if _, err := proxy.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("create the table through the proxy: %w", err)
	}
	return nil
}

// embeddedName is the program that StartEmbedded looks for.
const embeddedName = "dsmproxy-embedded"

// besideThis is the path of a program in this program's own directory.
func besideThis(name string) string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	return filepath.Join(filepath.Dir(exe), name)
}
