package replica

import (
	"context"
	"errors"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// movesEvery is how often moves are looked for that have not come to their end.
const movesEvery = 2 * time.Second

// noteMove notes, in the part of the new key's primary, that the old key's
// record is to be deleted. list is the keys' as the Group names them. An account
// that may not write notes makes moves without.
func (c *Client) noteMove(src, dst *store.Conn, list []fence.Key) error {
	from, to := list[0], list[1]
	key, err := c.set.ledger.NoteOf(to)
	if err != nil {
		return protocol.Errorf(protocol.ErrUnknown, "dsmproxy: %v", err)
	}
	// The record is locked, and so its version is.
	v, err := c.set.ledger.Stores[c.set.index(src.Store())].Version(c.ctx, from)
	if err != nil {
		return lostPart(err)
	}
	at := c.set.ledger.Stores[c.set.index(dst.Store())]
	part, err := c.part([]fence.Key{key})
	if err != nil {
		return err
	}
	if _, err := dst.Exec(c.ctx, at.Noting(to, ledger.Moved{Key: from, Version: v})); err != nil {
		var e *protocol.Error
		if errors.As(err, &e) && (e.Code == protocol.ErrTableAccessDenied || e.Code == protocol.ErrNoSuchTable) {
			c.set.log.Warn("move not noted", "store", at.Name(), "err", e,
				"action", "grant the rights to the table: a proxy that dies in a move leaves both keys else")
			return nil
		}
		return lostPart(err)
	}
	part.wrote([]fence.Key{key})
	return nil
}

// finishMoves finishes what others have left of moves, until ctx ends.
func (s *Set) finishMoves(ctx context.Context) {
	ticker := time.NewTicker(movesEvery)
	defer ticker.Stop()
	asked := make([]bool, len(s.stores))
	for {
		for i := range s.stores {
			// One that has not been asked yet may lack the table, and can be Down.
			if ctx.Err() == nil && (s.group.IsUp(i) || !asked[i]) {
				asked[i] = s.finishMovesAt(ctx, i)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// finishMovesAt does so for those whose notes have their primary at store i, and
// reports whether the store has told of them.
func (s *Set) finishMovesAt(ctx context.Context, i int) bool {
	about, err := s.ledger.NoteOf(fence.Key{})
	if err != nil {
		return false
	}
	notes, err := s.ledger.Stores[i].Notes(ctx, about.Table)
	if err != nil { // a store that fails, or has no such table yet
		s.log.Debug("moves not looked for", "store", s.stores[i].Name(), "err", err)
		return false
	}
	for _, n := range notes {
		if s.group.Primary(n.Key) != i {
			continue
		}
		if err := s.finishMove(ctx, n); err != nil {
			s.log.Debug("move not finished", "store", s.stores[i].Name(), "err", err)
			break
		}
	}
	return true
}

// finishMove deletes the records that have other keys now, unless they have been
// written since, and then the note.
func (s *Set) finishMove(ctx context.Context, n ledger.Note) error {
	for _, old := range n.Old {
		removed, err := s.group.Remove(ctx, old.Key, old.Version)
		if err != nil {
			return err
		}
		if removed {
			s.log.Info("move finished", "store", s.stores[s.group.Primary(old.Key)].Name(), "action", "the record is gone under its old key")
		}
	}
	_, err := s.group.Remove(ctx, n.Key, n.Version)
	return err
}
