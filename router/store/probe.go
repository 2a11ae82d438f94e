package store

import (
	"context"
	"fmt"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// The probe decides if a store is alive. It has a connection of its own, so
// that a store whose connections are all busy, or all waiting for a lock, is
// not taken for a dead one. On that it asks COM_PING; while there is none, it
// logs in, in full, which is what clients need. One failure is enough: a store
// that does not answer holds up everyone who waits for it.

// probe probes at each interval, and when suspectNow asks, until ctx ends.
func (s *Store) probe(ctx context.Context) {
	interval := s.tuning.Load().ProbeInterval
	t := time.NewTicker(interval)
	defer t.Stop()
	var c *Conn
	for ctx.Err() == nil {
		if now := s.tuning.Load().ProbeInterval; now != interval {
			interval = now
			t.Reset(interval)
		}
		began := time.Now()
		c = s.probeOnce(ctx, c)
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-s.suspect:
			// Many connections fail at once, each asking for a probe.
			select {
			case <-ctx.Done():
			case <-time.After(interval/suspicions - time.Since(began)):
			}
		}
	}
	if c != nil {
		c.quit()
	}
}

// suspicions bounds the probes in one interval.
const suspicions = 20

// probeOnce asks once, on c or, if it is nil or broken, by a new login, and
// notes the outcome. It returns the connection for the next time.
func (s *Store) probeOnce(ctx context.Context, c *Conn) *Conn {
	began, access, timeout := time.Now(), s.access.Load(), s.tuning.Load().ProbeTimeout
	if anew := s.anew.Swap(false); c != nil && (anew || c.access != access) {
		c.quit()
		c = nil
	}
	if c != nil {
		err := c.ping(timeout)
		if err == nil {
			s.lastGood.Store(time.Now().UnixNano())
			s.counts.ping.Store(int64(time.Since(began)))
			s.alive(true)
			if s.readClock(c, timeout); c.broken {
				c.close()
				return nil
			}
			return c
		}
		c.close()
		if isTimeout(err) {
			s.down(fmt.Errorf("no answer within %v", timeout), began)
			return nil
		}
		// It may have been restarted, or someone has killed the connection.
	}
	lctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := s.login(lctx, access, access.ProbeLogin)
	if err == nil {
		c.probes = true
		if err = c.ping(timeout); err == nil {
			s.alive(true)
			return c
		}
		c.close()
	}
	if ctx.Err() == nil {
		s.probeFailed(err, began)
	}
	return nil
}

// probeFailed notes what the failure of a login says of the store.
func (s *Store) probeFailed(err error, began time.Time) {
	e, answered := err.(*protocol.Error)
	switch {
	case answered && refusesLogin(e) && s.access.Load().ProbeLogin.User != "":
		s.refused(fmt.Errorf("login refused: %w", e))
	case answered && !endsConnection(e):
		// It has no room for us (1040), say, but is alive; if it was Down, it
		// stays so until it lets us in.
		if s.health.Load().state != Down {
			s.alive(false)
		}
		s.stillDown(err)
	case !answered && judge(err) == unrelated:
		s.cfg.Log.Debug("probe not made", "store", s.cfg.Name, "err", err)
	default:
		s.down(err, began)
	}
}

// grace is how long a timeout is doubted: if the proxy itself was stopped, the
// answer is there.
const grace = 20 * time.Millisecond

// ping asks for a sign of life.
func (c *Conn) ping(timeout time.Duration) error {
	c.pc.SetDeadline(time.Now().Add(timeout))
	if err := c.queue([]byte{byte(protocol.ComPing)}); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	err := c.readAnswers(1)
	if isTimeout(err) {
		c.pc.SetDeadline(time.Now().Add(grace))
		err = c.readAnswers(1)
	}
	if _, ok := err.(*protocol.Error); ok {
		err = nil // an answer is an answer
	}
	return err
}
