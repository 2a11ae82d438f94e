package replica

import (
	"context"
	"errors"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// mendSession is that of connections over which records are mended. A client
// that writes the record meanwhile is waited for, but not for long: it may hold
// the record at one store and wait for it at another.
var mendSession = (*store.Session)(nil).WithSet([]byte("SET sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone='+00:00', "+
	"foreign_key_checks=0, innodb_lock_wait_timeout=2"), []string{"sql_mode", "time_zone", "foreign_key_checks", "innodb_lock_wait_timeout"}, true)

// ErrMoved: the record that is to be copied is not there any more.
var ErrMoved = errors.New("the record has changed meanwhile")

// Mend makes a record at the stores of to what it is at store from, and removes
// it from those of remove. It is for the level seed, at which nothing else does
// so. Its row is locked at all of these stores meanwhile, so that no write comes
// in between that has reached one of them and not another.
func (s *Set) Mend(ctx context.Context, t Table, key []byte, from int, to, remove []int) error {
	for try := 1; ; try++ {
		err := s.mend(ctx, t, key, from, to, remove)
		var e *protocol.Error
		if try == maxRepairs || !errors.As(err, &e) || e.Code != protocol.ErrLockDeadlock && e.Code != protocol.ErrLockWaitTimeout {
			return err
		}
	}
}

func (s *Set) mend(ctx context.Context, t Table, key []byte, from int, to, remove []int) error {
	c := s.NewClient(nil, s.service, mendSession)
	defer c.Close()
	conns := make([]*store.Conn, len(s.stores))
	done := false
	defer func() {
		for _, conn := range conns {
			switch {
			case conn == nil:
			case done:
				conn.Release()
			default:
				conn.Discard() // the store rolls back
			}
		}
	}()
	sc, err := c.schema(t)
	if err != nil {
		return err
	}
	lock := "SELECT 1 FROM " + t.quoted() + " WHERE " + sc.keyIs("", key) + " FOR UPDATE"
	s.place.Order(c.order, key)
	for _, i := range c.order {
		if int(i) != from && !slices.Contains(to, int(i)) && !slices.Contains(remove, int(i)) {
			continue
		}
		conn, err := s.stores[i].Get(ctx, s.service, mendSession, true)
		if err != nil {
			return err
		}
		conns[i] = conn
		if _, err := conn.Exec(ctx, "START TRANSACTION"); err != nil {
			return err
		}
		if _, err := conn.Query(ctx, lock); err != nil {
			return err
		}
	}
	_, there, err := c.image(conns[from], t, key)
	if err != nil {
		return err
	}
	if !there {
		return ErrMoved
	}
	for _, i := range to {
		if err := c.carryAs(conns[from], conns[i], t, key, false, true); err != nil {
			return err
		}
	}
	for _, i := range remove {
		sqls, err := c.removal(t, key)
		if err != nil {
			return err
		}
		if err := c.install(conns[i], sqls, false); err != nil {
			return err
		}
	}
	for _, i := range append(slices.Clone(to), from) { // before those that remove it
		if !slices.Contains(remove, i) {
			if _, err := conns[i].Exec(ctx, commitSQL); err != nil {
				return err
			}
		}
	}
	for _, i := range remove {
		if _, err := conns[i].Exec(ctx, commitSQL); err != nil {
			return err
		}
	}
	done = true
	return nil
}
