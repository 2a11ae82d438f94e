package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Reads under a lease go by lanes (store.Lanes) where there are many at a time:
// the client's statement with HANDLER behind it, which reads the version. On a
// lane, too, nothing is between the two, and neither is part of a transaction.
// When a lane begins, its connection is shown to be from a time when the gate
// was open, and the table of versions is opened.

// Shared is a Statement that may be able to go by a connection that others use
// at the same time. It reads, leaves nothing behind in its session, and may be
// carried out twice.
type Shared interface {
	Statement
	// Share says what is to be sent; ok is false if the statement needs a
	// connection of its own. What a former run has left is forgotten.
	Share(s *store.Store) (r Request, ok bool)
	// Take takes the answer over, as Answer does. It is false if the statement
	// must be run on a connection of its own all the same.
	Take(a *store.LaneAnswer) bool
}

// Request is what a Shared statement sends by Lanes, which are nil if there are
// none. Payload is a command; if it executes Prepared, the statement's id is put
// into it. The answer is numbered from Sequence on.
type Request struct {
	Lanes    *store.Lanes
	Payload  []byte
	Prepared *store.Stmt
	Answer   protocol.AnswerKind
	Sequence byte
}

// lanesFor returns what st sends by lanes; nil Lanes if it can't.
func (s *Store) lanesFor(g fence.Guard, st Statement, keys []fence.Key) (Shared, Request) {
	sh, ok := st.(Shared)
	if !ok || !g.Leased || len(keys) != 1 {
		return nil, Request{}
	}
	r, ok := sh.Share(s.st)
	if !ok {
		return nil, Request{}
	}
	return sh, r
}

// readShared carries st out by a lane. done is false if it is to be carried out
// on a connection of its own.
func (s *Store) readShared(ctx context.Context, g fence.Guard, st Shared, r *Request, key *fence.Key, mark *fence.Entry) (done bool, err error) {
	j := s.begin()
	defer s.end(j)
	j.readHandle(key)
	j.sequel = store.Sequel{Payload: j.buf, Mark: g.Boot, Fit: s.fit}
	a, err := r.Lanes.Read(ctx, r.Payload, r.Prepared, r.Answer, r.Sequence, &j.sequel)
	if err == store.ErrLane {
		return false, nil
	}
	if err != nil {
		return true, unsent(err)
	}
	defer a.Done()
	version := a.Sequel
	if err := j.reply.parse(version.Frames, version.DeprecateEOF(), version.Framer.Answer().Err); err != nil {
		a.Spoilt()
		return false, nil
	}
	if !j.handled() { // somebody has closed it, or changed the table
		a.Spoilt()
		return false, nil
	}
	if !st.Take(a) {
		return false, nil
	}
	*mark, err = s.readVersion(j, true)
	return true, err
}

// fitLane makes a connection fit for a lane: the gate under boot is open, so
// that it is from a time when it was, and the table of versions is open.
func (s *Store) fitLane(ctx context.Context, c *store.Conn, boot uint64) error {
	j := s.begin()
	defer s.end(j)
	if c.Mark() != boot {
		j.add("SELECT CONCAT_WS(_binary',',w.boot,w.tick,COALESCE((SELECT MAX(boot) FROM ", s.texts.gate, "),0)) FROM ", s.texts.view, " w WHERE w.id=").num(uint64(c.ThreadID() % shards)).add(" LIMIT 1")
		if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
			return err
		}
		var n [3]uint64
		r := &j.reply
		if r.err != nil || len(r.sets) != 1 || r.sets[0].rows != 1 || numbers(r.row(0, 0)[0], n[:]) != 3 || n[0] != boot || n[2] != boot {
			return fence.ErrClosed
		}
		c.SetMark(boot)
	}
	if c.Trait()&traitOfHandler != traitOpen {
		j.buf = append(j.buf[:0], s.texts.open...)
		if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
			return err
		}
		if j.reply.err != nil {
			return fmt.Errorf("HANDLER is refused: %w", j.reply.err)
		}
		handler(c, traitOpen)
		c.KeepsOpen()
	}
	c.Begin(time.Time{})
	return nil
}
