package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// At the levels safe and strict a store is a member of a group: it votes, and
// remembers. So its address changes only to a server that can be taken for it:
//
//   - the server that was there, by another way: it says the number of its start;
//   - one with the memory of the store, which was moved: it remembers a proxy that
//     other servers of the group remember too. If it is older than what the
//     others remember of it, the group finds that out (fence/ticks.go);
//   - one without a memory: it is filled from the others, as one that was wiped.
//
// The old server must be gone, or be the same one. As long as it answers, proxies
// that don't know of the change act by its votes and read its records. A memory
// that is another's is refused, neither believed nor wiped: the address is
// wrong.

// addressTime bounds what is asked about a new address.
const addressTime = 10 * time.Second

// moves says why stores can't be at the addresses that next has for them; nil if
// they can.
func (f *fenced) moves(ctx context.Context, old, next *conf.Config) error {
	if f == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, addressTime)
	defer cancel()
	for i, s := range next.Stores {
		if s.Addr == old.Stores[i].Addr {
			continue
		}
		if err := f.moved(ctx, i, next); err != nil {
			return fmt.Errorf("store.%s.addr: %w", s.Name, err)
		}
	}
	return nil
}

// moved is moves for store i.
func (f *fenced) moved(ctx context.Context, i int, next *conf.Config) error {
	s := next.Stores[i]
	there, err := identityAt(ctx, next, s)
	if err != nil {
		return fmt.Errorf("the server at %s can't be asked whether it is store %s: %w; have it run there, and reload again", s.Addr, s.Name, err)
	}
	now, err := f.identityNow(ctx, i)
	switch {
	case err == nil && there.Start != 0 && there.Start == now.Start:
		return nil // it is the same server
	case err == nil || errors.As(err, new(*protocol.Error)):
		return fmt.Errorf("store %s still runs where it was, and the server at %s is another one: "+
			"other proxies may use the former. Take it out of service (dsmproxy drain %[1]s), stop it, and reload again", s.Name, s.Addr)
	case f.servers[i].State() != store.Down:
		return fmt.Errorf("it can't be told whether store %s still runs where it was: %w; reload again", s.Name, err)
	case there.Blank:
		f.log.Warn("store moves to a server without its memory", "store", s.Name, "addr", s.Addr, "action", "it is filled from the others")
		return nil
	case there.Name != s.Name:
		return fmt.Errorf("the server at %s is store %s", s.Addr, there.Name)
	}
	shares, asked := f.shares(ctx, i, there)
	switch {
	case shares:
		return nil
	case asked == 0:
		return fmt.Errorf("no other store answers that could tell whether the server at %s is store %s", s.Addr, s.Name)
	}
	return fmt.Errorf("the server at %s is a store %s of others: it knows no proxy that the other stores know. "+
		"Correct the address; or, to have that server filled from the others, DROP DATABASE %s there, and reload again", s.Addr, s.Name, sideSchema)
}

// oldAddressTime bounds what is asked of the server that is to be left.
const oldAddressTime = 3 * time.Second

// identityNow asks the server where store i is now.
func (f *fenced) identityNow(ctx context.Context, i int) (ledger.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, oldAddressTime)
	defer cancel()
	return f.ledger.Stores[i].Identity(ctx)
}

// shares asks the others of store i whether they know a proxy that id knows;
// asked is how many have answered.
func (f *fenced) shares(ctx context.Context, i int, id ledger.Identity) (shares bool, asked int) {
	var mu sync.Mutex // guards what is returned
	var wg sync.WaitGroup
	for j, w := range f.members() {
		if j == i {
			continue
		}
		wg.Go(func() {
			other, err := w.Identity(ctx)
			if err != nil || other.Blank {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			asked++
			shares = shares || id.Shares(other)
		})
	}
	wg.Wait()
	return shares, asked
}

// identityAt asks the server that a configuration has for a store.
func identityAt(ctx context.Context, cfg *conf.Config, s conf.Store) (ledger.Identity, error) {
	log := slog.New(slog.DiscardHandler)
	st, err := makeStore(cfg, s, log)
	if err != nil {
		return ledger.Identity{}, err
	}
	patient := tuning(cfg) // who asks for a new address can wait
	patient.ConnectTimeout = addressTime
	st.SetTuning(patient)
	one := ledgerConfig(cfg, log)
	one.Tables = nil
	l, err := ledger.New(one, []*store.Store{st}, nil)
	if err != nil {
		return ledger.Identity{}, err
	}
	id, err := l.Stores[0].Identity(ctx)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_ = st.Run(ended) // which closes its connection
	return id, err
}
