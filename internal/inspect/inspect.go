// Package inspect asks stores, as a plain SQL client, for what decides whether
// dsmproxy can serve its clients well with them: versions, settings, clocks,
// rights, tables. It changes nothing at a store.
//
// Run compares all stores of a configuration and judges what it finds
// (`dsmproxy check -online`); Candidates looks for session tables at one store
// (`dsmproxy init-config`).
package inspect

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Config says what is inspected, and what the proxy will ask of it.
type Config struct {
	Stores   []Store
	Accounts []Account // the clients'; at a store without an account of its own
	Tables   []Table
	Fenced   *Fenced // nil at the level seed

	MaxConns       int           // a proxy's connections to one store, at most
	Proxies        int           // that use the stores, if more than run now at the level safe or strict
	MaxLifetime    time.Duration // of a connection; 0: no bound
	MaxPacket      int64         // the longest packet of a client
	ConnectTimeout time.Duration // what the proxy will wait for dial and login

	Timeout time.Duration // for all that one store is asked
	// Progress is told of a store that takes longer than Patience; nobody is if
	// it is nil.
	Progress io.Writer
	Patience time.Duration
}

// Store is one store. It has an account of its own, or is logged in to with
// each of the clients'.
type Store struct {
	Name, Network, Addr string
	Own                 *Account
	TLS                 *tls.Config // nil for none
}

// Account is whom to log in as.
type Account struct{ User, Password string }

// Table is a session table as it is configured.
type Table struct {
	Schema, Name, Key, Surrogate string
	Secondary                    []Secondary
	// FoldCase and Collated: its collation is configured as "ci" or "auto".
	FoldCase, Collated bool
}

// Secondary is a table that belongs to a session table.
type Secondary struct{ Name, Column string }

// Level says how bad a finding is.
type Level string

// The levels.
const (
	// Wrong: statements fail or are answered wrongly until it is mended.
	Wrong Level = "wrong"
	// Note: it works, and has a price that should be known.
	Note Level = "note"
)

// Finding is one thing that was found.
type Finding struct {
	Level   Level  `json:"level"`
	Check   string `json:"check"`           // what was looked at: "login", "clock", ...
	Store   string `json:"store,omitempty"` // "" for several
	Table   string `json:"table,omitempty"`
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
}

// String is "wrong: s1: clock: ...", without the remedy.
func (f Finding) String() string {
	s := string(f.Level) + ": "
	if f.Store != "" {
		s += f.Store + ": "
	}
	if f.Table != "" {
		s += f.Table + ": "
	}
	return s + f.Message
}

// StoreReport is what one store says of itself.
type StoreReport struct {
	Name      string  `json:"name"`
	Addr      string  `json:"addr"`
	Reached   bool    `json:"reached"`
	Version   string  `json:"version,omitempty"`
	TLS       string  `json:"tls,omitempty"`        // the protocol's version, "" for none
	LoginMS   float64 `json:"login_ms,omitempty"`   // dial and login
	ClockSkew float64 `json:"clock_skew,omitempty"` // seconds ahead of the proxy's clock
}

// Report is what Run found.
type Report struct {
	OK       bool          `json:"ok"` // nothing is wrong
	Stores   []StoreReport `json:"stores"`
	Findings []Finding     `json:"findings"`
}

// inspection is one call of Run.
type inspection struct {
	Config
	tag string // of the locks by which stores are told apart

	mu       sync.Mutex // guards what follows
	doing    []string   // what each store is being asked; "" when it is done
	findings []Finding
}

// Run asks all stores at once and judges their answers. It takes no longer than
// Timeout for each thing that is asked of all; what a store did not answer is a
// finding.
func Run(ctx context.Context, c Config) *Report {
	in := &inspection{Config: c, tag: newTag(), doing: make([]string, len(c.Stores))}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var background sync.WaitGroup
	background.Go(func() { in.tell(ctx) })

	facts := make([]*facts, len(c.Stores))
	var asked sync.WaitGroup
	for i := range c.Stores {
		asked.Go(func() { facts[i] = in.ask(ctx, i) })
	}
	asked.Wait()
	defer func() {
		for _, f := range facts {
			f.close()
		}
	}()
	in.askWitnesses(ctx)
	in.judgeStores(ctx, facts)
	in.judgeTables(facts)
	cancel()
	background.Wait()
	return in.report(facts)
}

func (in *inspection) report(all []*facts) *Report {
	r := &Report{OK: true, Findings: in.findings}
	for i, f := range all {
		s := in.Stores[i]
		r.Stores = append(r.Stores, StoreReport{
			Name: s.Name, Addr: s.Addr, Reached: f.reached(), Version: f.variables["version"], TLS: f.tls,
			LoginMS: float64(f.login.Microseconds()) / 1000, ClockSkew: f.skew.Seconds(),
		})
	}
	// The stores were looked at side by side.
	place := func(f Finding) int {
		i := slices.IndexFunc(in.Stores, func(s Store) bool { return s.Name == f.Store })
		if i < 0 {
			return len(in.Stores)
		}
		return i
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(-cmp.Compare(a.Level, b.Level), cmp.Compare(place(a), place(b))) // wrong before note
	})
	for _, f := range r.Findings {
		r.OK = r.OK && f.Level != Wrong
	}
	return r
}

// find adds a finding.
func (in *inspection) find(f Finding) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.findings = append(in.findings, f)
}

// ofStore is a finding about one store.
func (in *inspection) ofStore(l Level, check string, store int, remedy, format string, args ...any) {
	in.find(Finding{Level: l, Check: check, Store: in.Stores[store].Name, Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

// does notes what a store is being asked.
func (in *inspection) does(store int, what string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.doing[store] = what
}

// tell says, while it takes long, what is being waited for.
func (in *inspection) tell(ctx context.Context) {
	if in.Progress == nil || in.Patience == 0 {
		return
	}
	tick := time.NewTicker(in.Patience)
	defer tick.Stop()
	for begin := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		in.mu.Lock()
		for i, what := range in.doing {
			if what != "" {
				fmt.Fprintf(in.Progress, "%.0f s: waiting for %s (%s): %s\n", time.Since(begin).Seconds(), in.Stores[i].Name, in.Stores[i].Addr, what)
			}
		}
		in.mu.Unlock()
	}
}
