package admin

import "time"

// Status is the state of a proxy at one time: what the page shows, and what
// programs get as JSON. Durations are in seconds. It never holds a password, a
// session ID or session data.
type Status struct {
	Version string    `json:"version"`
	Commit  string    `json:"commit,omitempty"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"`
	State   string    `json:"state"` // starting, ready, unready (Why), draining
	Why     string    `json:"why,omitempty"`
	Listen  string    `json:"listen"`

	Copies    int    `json:"copies"`
	Placement string `json:"placement"`
	Level     string `json:"level"`

	Stores   []Store           `json:"stores"`
	Traffic  []Kind            `json:"traffic"`
	Errors   map[string]uint64 `json:"errors"` // by source: client, proxy, store, link
	Slow     uint64            `json:"slow_statements"`
	Clients  Clients           `json:"clients"`
	Writes   Writes            `json:"writes"`
	Plans    uint64            `json:"plans_made"`
	Refusals []Refusal         `json:"refusals"`
	// OtherRefusals are those of constructs beyond the ones that are told apart.
	OtherRefusals uint64  `json:"other_refusals"`
	Config        InForce `json:"config"`
	// Certificates are those of which it is known when they expire.
	Certificates []Certificate `json:"certificates"`
	// Group is nil at the level seed.
	Group *Group `json:"group,omitempty"`
}

// Store is one store.
type Store struct {
	Name      string    `json:"name"`
	Addr      string    `json:"addr"`
	State     string    `json:"state"` // up, down, unknown, drained
	Since     time.Time `json:"since"`
	LastError string    `json:"last_error,omitempty"` // the last one that made it down
	Doing     string    `json:"doing,omitempty"`      // what the proxy does about it
	Version   string    `json:"version,omitempty"`
	// Clock is how far its clock is ahead of the proxy's at least; ClockWrong: that
	// is too much.
	Clock      float64 `json:"clock_offset_seconds"`
	ClockWrong bool    `json:"clock_wrong"`

	Ping float64 `json:"ping_seconds"` // the last probe's
	P50  float64 `json:"p50_seconds"`  // until an answer's first byte, in the last minute; 0 if none was timed
	P99  float64 `json:"p99_seconds"`

	Open     int     `json:"connections"`
	Idle     int     `json:"idle_connections"`
	Max      int     `json:"max_connections"`
	Waiting  int     `json:"waiting"` // statements, for a connection
	Waits    uint64  `json:"waits"`
	Timeouts uint64  `json:"wait_timeouts"`
	Waited   float64 `json:"waited_seconds"`

	Sent       uint64 `json:"sent"`
	Dials      uint64 `json:"dials"`
	DialErrors uint64 `json:"dial_errors"`
	Broken     uint64 `json:"broken_connections"`
	Downs      uint64 `json:"downs"`

	// Records is about how many it holds, of all session tables; -1 if that is
	// not known yet.
	Records int64 `json:"records"`
	// First is for which part of all keys it is the first store, Share for which
	// part it is one of the first N.
	First float64 `json:"first_share"`
	Share float64 `json:"share"`

	Backlog Backlog `json:"backlog"`
}

// Backlog are the statements that a store has missed while it was down.
type Backlog struct {
	Pending  int    `json:"pending"`
	Replayed uint64 `json:"replayed"`
	Refused  uint64 `json:"refused"`
	Lost     uint64 `json:"lost"`
}

// Kind is the traffic of one kind of statements.
type Kind struct {
	Kind  string  `json:"kind"`
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_seconds"` // in the last minute; 0 if none was timed
	P99   float64 `json:"p99_seconds"`
}

// Clients are counts of clients.
type Clients struct {
	Now       int    `json:"now"`
	Max       int    `json:"max"`
	Accepted  uint64 `json:"accepted"`
	Inherited uint64 `json:"taken_over"`
	Refused   uint64 `json:"refused_max_clients"`
	OverUser  uint64 `json:"refused_max_user_clients"`
	Denied    uint64 `json:"denied"`
	Blocked   uint64 `json:"refused_login_failures"`
	Displaced uint64 `json:"displaced_logins"`
	Slow      uint64 `json:"refused_handshake_timeout"`
	Idled     uint64 `json:"ended_idle_timeout"`
	Oversized uint64 `json:"ended_max_allowed_packet"`
	Expired   uint64 `json:"statements_timed_out"`
	Panics    uint64 `json:"panics"`
}

// Writes are what has become of records.
type Writes struct {
	Failovers uint64 `json:"failovers"`      // statements that went on at another store; of the level seed
	Lost      uint64 `json:"lost_copies"`    // copies whose store failed under the write
	Repaired  uint64 `json:"repaired"`       // records copied between stores
	Short     uint64 `json:"too_few_copies"` // writes with fewer than N copies
}

// Refusal is a construct that clients have been refused for.
type Refusal struct {
	Construct string    `json:"construct"`
	Count     uint64    `json:"count"`
	Last      time.Time `json:"last"`
	Example   string    `json:"example,omitempty"` // without its literals
}

// Certificate is one that the proxy shows, named by its setting, or one of a
// store ("store s1") that it verifies.
type Certificate struct {
	Name    string    `json:"name"`
	Expires time.Time `json:"expires"`
}

// ExpiryNotice is how long before its end a certificate is told of.
const ExpiryNotice = 14 * 24 * time.Hour

// InForce is the configuration in force.
type InForce struct {
	File     string    `json:"file"`
	Loaded   time.Time `json:"loaded"`
	Settings []Setting `json:"settings"`
	// Stale: the file is not what is in force, as it was changed since, or refused.
	Stale bool `json:"stale"`
	// Error is why the file that was read last is not in force; "" if it is.
	Error   string     `json:"error,omitempty"`
	ErrorAt *time.Time `json:"error_at,omitempty"`
}

// Setting is one setting as it is in force; a password is hidden.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Client is one client.
type Client struct {
	ID        uint32  `json:"id"`
	User      string  `json:"user"`
	Host      string  `json:"host"`
	Via       string  `json:"via,omitempty"`
	TLS       bool    `json:"tls"`
	State     string  `json:"state"` // running, idle
	InTxn     bool    `json:"in_transaction"`
	For       float64 `json:"for_seconds"`
	Questions uint64  `json:"commands"`
}
