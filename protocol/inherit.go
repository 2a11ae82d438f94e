package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"runtime/debug"
)

// Clients that another process passes on (pass.go) are served as if they had
// always been here, under the ids that they have. They are not held against
// max_clients or max_user_clients, for the other process has let them in, but
// count for who comes after them. A process that is to end itself takes clients
// on as long as it can pass them on in turn.

// Inherited is what became of a client that was passed on, as one byte.
type Inherited byte

// What becomes of a client.
const (
	Served         Inherited = '+'
	RefusedRecord  Inherited = 'r' // the record has another version, or what is not known here
	RefusedUser    Inherited = 'u' // the user is not configured any more
	RefusedTLS     Inherited = 't' // clients have to use TLS now
	RefusedID      Inherited = 'i' // another client has its id
	RefusedEnding  Inherited = 'e' // the process ends
	RefusedSession Inherited = 's' // the session can't be made again
	// RefusedDescriptor is for an Estate to say that it has got no connection.
	RefusedDescriptor Inherited = 'd'
)

// String says it for the log.
func (i Inherited) String() string {
	switch i {
	case Served:
		return "served"
	case RefusedRecord:
		return "record of another version"
	case RefusedUser:
		return "user not configured"
	case RefusedTLS:
		return "TLS required"
	case RefusedID:
		return "id taken"
	case RefusedEnding:
		return "ending itself"
	case RefusedSession:
		return "session refused"
	case RefusedDescriptor:
		return "no descriptor to spare"
	}
	return "unknown answer"
}

// Adopter is a Handler that goes on with sessions that were packed.
type Adopter interface {
	// Adopt makes the session that Portable.Pack has described. The client is as
	// it was but for its Status, which the caller sets afterwards.
	Adopt(c *Client, record json.RawMessage) (Session, error)
}

// Estate is where clients come from that another process passes on.
type Estate interface {
	// Next waits for the next client; io.EOF says that there is none any more.
	Next() (nc net.Conn, record []byte, err error)
	// Answer says what has become of it.
	Answer(Inherited) error
	// Close ends a Next that waits.
	Close() error
}

// Inherit serves the clients of an estate, and returns how many when there are
// none any more. A Shutdown that can't pass them on ends it at once, another one
// waits for it, and Close ends it.
func (s *Server) Inherit(from Estate) (served int, err error) {
	s.begin.Do(s.init)
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return 0, errors.Join(net.ErrClosed, from.Close())
	}
	s.estates[from] = struct{}{}
	s.wg.Add(1) // so that the clients' can be added to it as long as this lasts
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.estates, from)
		s.mu.Unlock()
		from.Close()
		s.wg.Done()
	}()
	for {
		nc, record, err := from.Next()
		if err != nil {
			return served, err
		}
		became := s.adopt(nc, record)
		if became == Served {
			served++
		} else {
			nc.Close()
		}
		if err := from.Answer(became); err != nil {
			return served, err
		}
	}
}

// closeEstates has no further clients passed on to this process.
func (s *Server) closeEstates() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for from := range s.estates {
		from.Close()
	}
}

// adopt serves a client from now on, in a goroutine of its own.
func (s *Server) adopt(nc net.Conn, record []byte) (became Inherited) {
	var r passedClient
	d := json.NewDecoder(bytes.NewReader(record))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || r.Version != PassVersion || len(r.Scramble) != scrambleSize {
		s.log.Debug("record of a client not understood", "error", err, "version", r.Version)
		return RefusedRecord
	}
	adopter, ok := s.Handler.(Adopter)
	if !ok {
		return RefusedSession
	}
	if _, known := s.Credentials.Password(string(r.User)); !known {
		return RefusedUser
	}
	if s.RequireTLS && r.RemoteAddr.IsValid() {
		return RefusedTLS
	}
	stayAlive(nc)
	c := r.client(s, nc)
	if became := s.inherits(c); became != Served {
		return became
	}
	session, err := openPassed(adopter, c, r.Session)
	if err != nil {
		s.log.Debug("session of a client not made again", "client", c, "error", err)
		s.forget(c)
		return RefusedSession
	}
	c.Status = r.Status
	c.SetIdleTimeout(r.IdleTimeout)
	c.open(session)
	c.conn.arrived(r.Unread)
	if c.codec != nil {
		c.conn.startCompression(c.codec, s.maxPacket())
	}
	c.since.Store(min(r.Idle-s.tick.Load(), -1))
	s.loggedIn.Add(1)
	s.inherited.Add(1)
	go s.run(c)
	return Served
}

// client makes the client, without its session.
func (r *passedClient) client(s *Server, nc net.Conn) *Client {
	c := newClient(s, nc)
	c.ID, c.Capabilities, c.Collation = r.ID, r.Capabilities, r.Collation
	c.setUser(string(r.User))
	c.SetDB(string(r.DB))
	c.Attributes, c.RemoteAddr, c.via = Attributes(r.Attributes), r.RemoteAddr, r.Via
	c.zstdLevel = r.ZstdLevel
	c.codec = s.codecs.forClient(c.Capabilities, r.ZstdLevel)
	copy(c.scramble[:], r.Scramble)
	c.last, c.failedChanges = r.Last, r.FailedChanges
	return c
}

// inherits is enter and seat for a client that was let in elsewhere.
func (s *Server) inherits(c *Client) Inherited {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed, s.closing && s.passing.Load() == nil:
		return RefusedEnding
	case c.ID == 0 || s.clients[c.ID] != nil:
		return RefusedID
	}
	s.clients[c.ID] = c
	c.seated = true
	s.seated++
	s.users[c.User]++
	s.wg.Add(1)
	return Served
}

// openPassed is the Adopter's session; a panic is an error.
func openPassed(a Adopter, c *Client, record json.RawMessage) (session Session, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.server.panics.Add(1)
			c.server.log.Error("a session panicked; its client is disconnected", "client", c, "panic", p, "stack", string(debug.Stack()))
			err = errors.New("panic")
		}
	}()
	return a.Adopt(c, record)
}

// LastID returns the id that was given last, for a successor to begin behind it.
func (s *Server) LastID() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastID
}

// StartIDs has the ids of clients begin behind one. It is called before Serve.
func (s *Server) StartIDs(after uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID = after
}
