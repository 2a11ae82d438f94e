package protocol

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ClientInfo is one client as an operator sees it.
type ClientInfo struct {
	ID        uint32
	User      string
	Host      string // as RemoteAddr, or "localhost"
	DB        string // its default database, "" for none
	Via       string // who connected for the client, by the PROXY protocol
	TLS       bool
	Running   bool          // a command is under way
	InTxn     bool          // behind its last command a transaction was open
	For       time.Duration // it has been running, or idle, to the second
	Questions uint64        // commands
}

// List returns the clients that have logged in, by their ID.
func (s *Server) List() []ClientInfo {
	s.begin.Do(s.init)
	now := s.tick.Load()
	s.mu.Lock()
	list := make([]ClientInfo, 0, len(s.clients))
	for _, c := range s.clients {
		since := c.since.Load()
		if since == 0 {
			continue
		}
		i := ClientInfo{ID: c.ID, User: *c.owner.Load(), Host: "localhost", Via: c.via, TLS: c.TLS, Running: since > 0, InTxn: c.inTxn.Load(), Questions: c.questions.Load()}
		if c.RemoteAddr.IsValid() {
			i.Host = c.RemoteAddr.String()
		}
		if db := c.inDB.Load(); db != nil {
			i.DB = *db
		}
		i.For = time.Duration(now-max(since, -since)) * sweepEvery
		list = append(list, i)
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b ClientInfo) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// versionOf are the numbers that a server version begins with; 0 for those that
// are not there.
func versionOf(version string) (major, minor, patch int) {
	_, _ = fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch)
	return major, minor, patch
}

// isMariaDB reports whether a server version is MariaDB's.
func isMariaDB(version string) bool { return strings.Contains(version, "MariaDB") }
