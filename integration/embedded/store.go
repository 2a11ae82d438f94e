package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
)

// version is what the stores greet with: the MySQL that the engine follows.
const version = "8.0.33-dsmproxy-embedded"

// store is one engine and, while it runs, the server in front of it. The
// engine outlives the server: a store that was killed returns with its data.
// It is used by one goroutine at a time.
type store struct {
	name, addr     string
	user, password string

	engine   *sqle.Engine
	provider *memory.DbProvider
	gate     *gate

	server   *server.Server // nil while it is down
	listener *listener
	served   chan struct{} // closed when the accept loop has ended
	down     chan struct{} // closed by kill
}

func newStore(name, addr, user, password string) (*store, error) {
	s := &store{name: name, addr: addr, user: user, password: password}
	s.newEngine()
	return s, s.start()
}

func (s *store) newEngine() {
	s.provider = memory.NewDBProvider()
	s.engine = sqle.NewDefault(s.provider)
	s.gate = newGate()
	accounts := s.engine.Analyzer.Catalog.MySQLDb
	ed := accounts.Editor()
	defer ed.Close()
	accounts.AddSuperUser(ed, s.user, "%", s.password)
}

func (s *store) running() bool { return s.server != nil }

// start listens, on the port that the store had before.
func (s *store) start() error {
	if s.running() {
		return fmt.Errorf("%s is running", s.name)
	}
	l, err := listen(s.addr)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	s.addr = l.Addr().String()
	sessions := newSessions(s.provider)
	config := server.Config{
		Protocol: "tcp",
		Address:  s.addr,
		Listener: l,
		Version:  version,
		// The gate looks at one statement at a time.
		DisableClientMultiStatements: true,
	}
	down := make(chan struct{})
	srv, err := server.NewServerWithHandler(config, s.engine, newContext, sessions.build, nil,
		func(h mysql.Handler) (mysql.Handler, error) {
			return &handler{Handler: h, sessions: sessions, gate: s.gate, down: down}, nil
		})
	if err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", s.name, err), l.Close())
	}
	s.server, s.listener, s.served, s.down = srv, l, make(chan struct{}), down
	go func(served chan struct{}) {
		defer close(served)
		srv.Start()
	}(s.served)
	return nil
}

// kill makes the store vanish as a killed process does: nobody listens, and
// all connections are reset. What was not committed is lost.
func (s *store) kill() error {
	if !s.running() {
		return fmt.Errorf("%s is not running", s.name)
	}
	s.server.Close()
	<-s.served
	close(s.down)
	s.listener.cut()
	for _, p := range s.engine.ProcessList.Processes() {
		s.engine.ProcessList.Kill(p.Connection)
	}
	// The connections' numbers begin at 1 again with the next start, so none of
	// the old ones may be left.
	sessions := s.server.SessionManager()
	s.server = nil
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		sessions.WaitForClosedConnections()
	}()
	select {
	case <-closed:
		return nil
	case <-time.After(30 * time.Second):
		return fmt.Errorf("%s is down, yet a statement of it still runs", s.name)
	}
}

// wipe gives the store an empty engine, as if its disk had been replaced. One
// that runs is killed and started again.
func (s *store) wipe() error {
	running := s.running()
	if running {
		if err := s.kill(); err != nil {
			return err
		}
	}
	s.engine.Close()
	s.newEngine()
	if running {
		return s.start()
	}
	return nil
}

// stop ends the store for good.
func (s *store) stop() {
	if s.running() {
		s.kill()
	}
	s.engine.Close()
}

// sessions are the engine's sessions of one run of a store, by connection.
type sessions struct {
	builder server.SessionBuilder

	mu   sync.Mutex // guards byID
	byID map[uint32]*memory.Session
}

func newSessions(p *memory.DbProvider) *sessions {
	return &sessions{builder: memory.NewSessionBuilder(p), byID: make(map[uint32]*memory.Session)}
}

func (s *sessions) build(ctx context.Context, c *mysql.Conn, addr string) (sql.Session, error) {
	session, err := s.builder(ctx, c, addr)
	if m, ok := session.(*memory.Session); ok && err == nil {
		s.mu.Lock()
		s.byID[c.ConnectionID] = m
		s.mu.Unlock()
	}
	return session, err
}

// unsetTimestamp is the value of a session's timestamp variable until it is
// set.
const unsetTimestamp = 1000

// newContext makes SET timestamp work, which the engine takes and ignores: the
// proxy gives all copies the same time with it.
func newContext(ctx context.Context, opts ...sql.ContextOption) *sql.Context {
	c := sql.NewContext(ctx, opts...)
	if v, err := c.GetSessionVariable(c, "timestamp"); err == nil {
		if seconds, ok := v.(float64); ok && seconds != unsetTimestamp {
			c.SetQueryTime(time.UnixMicro(int64(seconds * 1e6)))
		}
	}
	return c
}

// get returns a connection's session; nil before its first statement.
func (s *sessions) get(c *mysql.Conn) *memory.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[c.ConnectionID]
}

func (s *sessions) forget(c *mysql.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, c.ConnectionID)
}
