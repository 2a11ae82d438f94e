package store

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// dial opens a connection of the right that take gave, which it gives back if
// it fails. What a failure tells of the store is noted.
func (s *Store) dial(ctx context.Context, l Login, force bool) (*Conn, error) {
	began := time.Now()
	dctx, cancel := context.WithTimeout(ctx, s.tuning.Load().ConnectTimeout)
	defer cancel()
	up := context.Background()
	if !force {
		s.mu.Lock()
		up = s.up
		s.mu.Unlock()
		defer context.AfterFunc(up, cancel)()
	}
	s.counts.dials.Add(1)
	to := s.access.Load()
	c, err := s.login(dctx, to, to.as(l)) // it may have changed since Get
	if err == nil {
		c.login = l
		s.enroll(c)
		if err = c.learnRestore(dctx); err == nil {
			s.alive(false)
			return c, nil
		}
		c.Discard()
	} else {
		s.free()
	}
	s.counts.dialErrors.Add(1)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case up.Err() != nil:
		return nil, ErrDown
	}
	if e, ok := err.(*protocol.Error); ok && !endsConnection(e) {
		return nil, e
	}
	if Unproven(err) {
		// A certificate that has expired: connections from before go on, the
		// probe's among them. The probe is to see what clients see.
		s.anew.Store(true)
		s.suspectNow()
		return nil, s.netError(err, false)
	}
	switch judge(err) {
	case guilty:
		// A store that answers others is slow to let us in, but alive.
		if isTimeout(err) && s.lastGood.Load() > began.UnixNano() {
			s.suspectNow()
		} else {
			s.down(err, began)
		}
	case suspected:
		s.suspectNow()
	}
	return nil, s.netError(err, false)
}

// login dials and logs in until ctx ends. The connection is not registered
// with the store. Errors that the store sends are *protocol.Error.
func (s *Store) login(ctx context.Context, a *Access, l Login) (*Conn, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3,
	}}
	raw, err := d.DialContext(ctx, a.Network, a.Addr)
	if err != nil {
		return nil, err
	}
	past := time.Unix(1, 0)
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(past) })
	c, err := s.handshake(ctx, a, raw, l)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		raw.Close()
		if _, ok := err.(*protocol.Error); !ok {
			err = fmt.Errorf("log in at %s: %w", a.Addr, err)
		}
		return nil, err
	}
	s.lastGood.Store(time.Now().UnixNano())
	return c, nil
}
