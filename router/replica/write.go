package replica

import (
	"errors"
	"slices"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A write goes to the first N live stores of the key's order. All packets are
// out before the first answer is awaited. The first copy that answers decides
// what the client sees; a copy that says something else, or nothing although
// its store lives, or that stands in for a store that is down, gets the
// record as the first copy has it (image.go). A store that fails is replaced
// by the next in order.
//
// In a transaction the others get the statement once the first store of the
// key's order has answered: its row lock orders the writers of all proxies. Two
// that had each taken a lock at another store would wait for each other's end.

// Write is a write of one record, or of several that have the same stores.
type Write struct {
	Req   Request
	Keys  [][]byte // at least one, all different
	Table Table
	// Spelled are the keys as the statement has them, where Keys are folded,
	// for a collation may tell apart what placement does not; nil: as Keys.
	Spelled [][]byte
	// Image: run the statement on the first copy only and carry the record
	// over, for it would not give the same on each.
	Image bool
	// FixTime: give the statement one time for all copies.
	FixTime bool
	// Partial: the statement needs the record as it is (an UPDATE), so that a
	// store that stands in for another can't run it by itself.
	Partial bool

	// Updates: it is an UPDATE, which removes no record. Removes: it is a DELETE.
	Updates, Removes bool
	// Returns: it answers with rows (RETURNING).
	Returns bool

	// fix is the statement that fixes its time at the levels safe and strict; nil
	// for none.
	fix []byte

	// Number is what an AUTO_INCREMENT column of the record gets on all copies;
	// 0 if the proxy does not supply it.
	Number uint64

	at    time.Time // of FixTime; zero means now
	tries int
	// instead is the answer in the place of the deciding copy's.
	instead *protocol.OK
}

// copyOf is one copy in the course of a write.
type copyOf struct {
	store  int
	conn   *store.Conn // nil once it has failed
	sent   bool        // it ran the statement itself, or may have
	later  bool        // it is to run it once the first copy has
	read   bool        // its answer has been read
	answer protocol.Answer
	notes  [][][]byte // its warnings, where they are gone once it is answered
}

// maxHeld bounds an answer to a write (RETURNING) that is kept back until all
// copies have answered.
const maxHeld = 16 << 20

// Write carries w out.
func (c *Client) Write(w *Write) error {
	if c.fenced() {
		return c.fencedWrite(w)
	}
	for _, key := range w.Keys {
		if err := c.lockKey(key); err != nil {
			c.unlockKeys()
			return err
		}
	}
	if !c.InTxn() && c.state.Autocommit() {
		defer c.unshield(c.whole())
	}
	err := c.write(w)
	c.unlockKeys()
	return err
}

func (c *Client) write(w *Write) error {
	if err := c.decide(w); err != nil {
		return err
	}
	if w.instead != nil {
		c.settle()
		return c.writeOK(*w.instead)
	}
	if _, err := c.out.Conn().Write(c.held); err != nil {
		return err
	}
	c.answered()
	c.settle()
	return nil
}

// decide carries w out up to the answer, which is kept in c.held.
func (c *Client) decide(w *Write) error {
	c.set.place.Order(c.order, w.Keys[0])
	if err := c.gather(w); err != nil {
		return err
	}
	if !c.state.Autocommit() {
		c.enroll()
	}
	c.sendAll(w)
	first, err := c.readAll(w)
	if err != nil {
		return err
	}
	if c.victim.Load() {
		for i := range c.copies {
			if err := c.sacrificed(c.copies[i].answer.Err); err != nil {
				return err
			}
		}
	}
	if first, err = c.witness(w, first); err != nil {
		return err
	}
	if err := c.equalise(w, first); err != nil {
		return err
	}
	if (c.InTxn() || !c.state.Autocommit()) && c.copies[first].answer.Err == nil {
		c.note(w)
	}
	if err := c.learn(c.copies[first].store, c.copies[first].conn); err != nil {
		c.copies[first].conn = nil
		c.releaseCopies()
		return err
	}
	if err := c.readNotes(c.copies[first].conn); err != nil {
		c.set.log.Warn("warnings not read", "store", c.set.stores[c.copies[first].store].Name(), "err", err)
	}
	c.releaseCopies()
	return nil
}

// sendAll sends the statement to every copy that runs it itself; in a
// transaction to the first, and leaves the others to sendLater.
func (c *Client) sendAll(w *Write) {
	inTxn, first := c.InTxn() || !c.state.Autocommit(), true
	if inTxn && w.FixTime && w.at.IsZero() {
		w.at = time.Now() // for all of them
	}
	fix := c.fix(w)
	for i := range c.copies {
		cp := &c.copies[i]
		switch {
		case !cp.sent:
			continue
		case inTxn && !first:
			cp.sent, cp.later = false, true
			continue
		}
		if err := c.sendFixed(cp.conn, w.Req, fix); err != nil {
			c.lose(cp, err)
			continue
		}
		first = false
	}
}

// sendLater sends the statement to the copies that the first was awaited for,
// unless that one has refused it, and so has written nothing.
func (c *Client) sendLater(w *Write, refused bool) error {
	var fix []byte
	for i := range c.copies {
		cp := &c.copies[i]
		if !cp.later {
			continue
		}
		cp.later = false
		if refused {
			continue
		}
		if fix == nil {
			fix = c.fix(w)
		}
		cp.sent = true
		if err := c.sendFixed(cp.conn, w.Req, fix); err != nil {
			c.lose(cp, err)
			return err
		}
	}
	return nil
}

func (c *Client) sendOne(conn *store.Conn, req Request, fix []byte) error {
	return c.sendNoting(conn, req, fix, false)
}

// sendFixed is sendOne for what readOne or readFixed reads.
func (c *Client) sendFixed(conn *store.Conn, req Request, fix []byte) error {
	return c.sendNoting(conn, req, fix, c.set.forgetsNotes())
}

func (c *Client) sendNoting(conn *store.Conn, req Request, fix []byte, notes bool) error {
	conn.Begin(time.Time{})
	if fix != nil {
		if err := conn.Queue(fix); err != nil {
			return err
		}
	}
	if err := req.Queue(c.ctx, conn); err != nil {
		return err
	}
	if fix != nil {
		if notes {
			if err := conn.Queue(showNotes); err != nil {
				return err
			}
		}
		if err := conn.Queue(unfixOf(fix)); err != nil {
			return err
		}
	}
	return conn.Send()
}

// lose drops a copy's connection. What err says is remembered for the case
// that no copy is left.
func (c *Client) lose(cp *copyOf, err error) {
	if cp.conn == nil {
		return
	}
	c.set.counts.lost.Add(1)
	var refused *protocol.Error
	if errors.As(err, &refused) { // while preparing: the store's own answer
		cp.answer = protocol.Answer{Err: refused}
	}
	if !store.MayHaveRun(err) {
		cp.sent = false
	}
	c.drop(cp.store, cp.conn)
	cp.conn = nil
}

// readAll reads the answers of all copies and returns the index of the one
// that decides. Its frames are in c.held.
func (c *Client) readAll(w *Write) (first int, err error) {
	first = -1
	inTxn := c.txn.open || c.InTxn()
	var last error
	for i := range c.copies {
		cp := &c.copies[i]
		if cp.later && cp.conn != nil { // the ones before it are lost
			cp.later, cp.sent = false, true
			if err := c.sendFixed(cp.conn, w.Req, c.fix(w)); err != nil {
				last = err
				c.lose(cp, err)
			}
		}
		if cp.conn == nil || !cp.sent {
			continue
		}
		decides := first < 0
		if err := c.readOne(w, cp, decides); err != nil {
			last = err
			c.lose(cp, err)
			if inTxn {
				return 0, c.failUnread(err)
			}
			continue
		}
		if decides {
			first = i
			if err := c.sendLater(w, cp.answer.Err != nil); err != nil {
				return 0, c.failUnread(err)
			}
		}
	}
	switch {
	case first >= 0:
		return first, nil
	case c.ctx.Err() != nil:
		return 0, c.aborted()
	}
	return c.noAnswer(w, last)
}

// readOne reads the answer of one copy: into c.held if it decides.
func (c *Client) readOne(w *Write, cp *copyOf, decides bool) error {
	fix := w.fixed()
	f := &c.scratch
	if fix {
		if err := c.skip(cp.conn); err != nil {
			return err
		}
		if e := c.scratch.Answer().Err; e != nil && w.Number != 0 {
			return c.set.refusesNumbers(cp.store, e) // the connection is closed
		}
	}
	if _, err := c.await(cp.store, cp.conn); err != nil {
		return err
	}
	if decides {
		f = &c.frame
		c.resetFrame(w.Req.Answer(), c.pinned[cp.store] == cp.conn)
	} else {
		f.Reset(w.Req.Answer(), c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), 1)
	}
	frames, err := cp.conn.Read(f, maxHeld)
	if err != nil {
		return err
	}
	if decides {
		c.held = append(c.held[:0], frames...)
	}
	cp.answer = *f.Answer()
	if fix {
		if c.set.forgetsNotes() {
			notes, err := cp.conn.ReadRows()
			if err != nil {
				return err
			}
			if decides {
				c.noted = notes
			}
		}
		if err := c.skip(cp.conn); err != nil {
			return err
		}
	}
	cp.read = true
	return nil
}

// failUnread ends a transaction that has lost a store in the course of a
// statement.
func (c *Client) failUnread(err error) error {
	c.dropUnread()
	if c.ctx.Err() != nil {
		return c.aborted()
	}
	return c.fail(err)
}

// dropUnread closes the connections of copies whose answers have not been
// read: nothing can be asked of them.
func (c *Client) dropUnread() {
	for i := range c.copies {
		if cp := &c.copies[i]; cp.conn != nil && cp.sent && !cp.read {
			c.drop(cp.store, cp.conn)
			cp.conn = nil
		}
	}
}

// skip reads an answer that only concerns the proxy.
func (c *Client) skip(conn *store.Conn) error {
	if _, err := conn.Await(); err != nil {
		return err
	}
	c.scratch.Reset(protocol.AnswerResult, c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), 1)
	_, err := conn.Read(&c.scratch, maxHeld)
	return err
}

// noAnswer is reached when every copy failed. If none can have run the
// statement, it is tried on the stores that are left; otherwise the outcome is
// unknown, and the client's connection is closed.
func (c *Client) noAnswer(w *Write, last error) (int, error) {
	again := true
	for i := range c.copies {
		cp := &c.copies[i]
		if cp.answer.Err != nil {
			c.releaseCopies()
			return 0, cp.answer.Err
		}
		again = again && !cp.sent
	}
	c.releaseCopies()
	if !again || c.InTxn() {
		return 0, cutOff(last)
	}
	if w.tries++; w.tries > len(c.order) {
		return 0, unreachable(last)
	}
	if err := c.gather(w); err != nil {
		return 0, err
	}
	c.sendAll(w)
	return c.readAll(w)
}

// spelled are the keys by which a store finds the records.
func (w *Write) spelled() [][]byte {
	if w.Spelled != nil {
		return w.Spelled
	}
	return w.Keys
}

// placed is the form of the i-th spelled key that is placed. Where several are
// one folded key, the first is: they have the same stores.
func (w *Write) placed(i int) []byte {
	if w.Spelled != nil && len(w.Spelled) != len(w.Keys) {
		i = 0
	}
	return w.Keys[i]
}

// note remembers the records that the transaction has written.
func (c *Client) note(w *Write) {
	for i, key := range w.spelled() {
		at := slices.IndexFunc(c.txn.writes, func(t written) bool {
			return t.table == w.Table && string(t.key) == string(key)
		})
		if at < 0 {
			at = len(c.txn.writes)
			c.txn.writes = append(c.txn.writes, written{
				table: w.Table, key: slices.Clone(key), placed: slices.Clone(w.placed(i)),
			})
		}
		t := &c.txn.writes[at]
		for _, cp := range c.copies {
			if !slices.Contains(t.stores, cp.store) {
				t.stores = append(t.stores, cp.store)
			}
		}
	}
}
