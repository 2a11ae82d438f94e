package replica

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// An INSERT of several rows whose records are on different stores is carried
// out by a statement for each store set, in one transaction over all of them:
// the client's if one is open, with a savepoint before the first, else one of
// its own. The client gets one answer, as if one store had run it all.

// Rows is such a statement.
type Rows struct {
	// Writes are its parts, in the order of their first rows, and Lines which rows
	// of the statement each has, counted from 0.
	Writes []Write
	Lines  [][]int
	// Ignore: INSERT IGNORE.
	Ignore bool
	// Returns: each part answers with rows (RETURNING).
	Returns bool
	// Generated: the insert id of the answer is a number that the proxy has given.
	Generated bool

	returned returned
}

// StoresOf tells the stores of key's record: two keys with the same answer can
// be written by one statement.
func (c *Client) StoresOf(key []byte) string {
	if c.fenced() {
		return strconv.Itoa(c.primary(key))
	}
	list := c.firstLive(nil, key)
	slices.Sort(list)
	b := make([]byte, 0, 2*len(list))
	for _, i := range list {
		b = append(b, byte(i), byte(i>>8))
	}
	return string(b)
}

// WriteRows carries w out.
func (c *Client) WriteRows(w *Rows) error {
	defer c.unlockKeys()
	now := time.Now()
	for i := range w.Writes {
		w.Writes[i].at = now
	}
	var ok protocol.OK
	var err error
	if !c.InTxn() && c.state.Autocommit() {
		ok, err = c.rowsAlone(w)
	} else {
		ok, err = c.rowsInTxn(w)
	}
	if err != nil {
		return err
	}
	a := c.frame.Answer()
	a.AffectedRows, a.InsertID, a.Warnings = ok.AffectedRows, ok.InsertID, ok.Warnings
	c.settle()
	if w.Returns {
		return c.writeReturned(&w.returned, isBinary(w.Writes[0].Req), ok.Warnings)
	}
	return c.writeOK(ok)
}

// rowsAlone carries w out in a transaction of its own, anew where a store is
// lost or two such transactions wait for each other.
func (c *Client) rowsAlone(w *Rows) (ok protocol.OK, err error) {
	begin := c.ownBegin()
	for began, tries := time.Now(), 1; ; tries++ {
		if err := c.lockRows(w); err != nil {
			return ok, err
		}
		begin()
		if ok, err = c.rows(w); err != nil {
			c.Rollback()
		} else if err = c.Commit(); err == nil || !c.fenced() {
			return ok, err
		}
		var refused *protocol.Error
		switch {
		case c.ctx.Err() != nil:
			return ok, c.aborted()
		case errors.Is(err, ErrApart), errors.As(err, &refused) && refused.Code != protocol.ErrLockDeadlock:
			return ok, err
		case !c.fenced():
			if tries == len(c.set.stores) {
				return ok, err
			}
		case time.Since(began) > c.set.group.Patience() || c.wait.Err() != nil:
			return ok, err
		default:
			c.pauseStart()
		}
	}
}

// rowsInTxn carries w out in the client's transaction.
func (c *Client) rowsInTxn(w *Rows) (ok protocol.OK, err error) {
	if err := c.lockRows(w); err != nil {
		return ok, err
	}
	err = c.undoable(func() error {
		ok, err = c.rows(w)
		return err
	})
	return ok, err
}

// lockRows takes the locks of all keys, in an order that two statements share.
func (c *Client) lockRows(w *Rows) error {
	var keys [][]byte
	for i := range w.Writes {
		keys = append(keys, w.Writes[i].Keys...)
	}
	slices.SortFunc(keys, bytes.Compare)
	for _, key := range keys {
		if err := c.lockKey(key); err != nil {
			return err
		}
	}
	return nil
}

// rows runs the parts one after the other and sums their answers up.
func (c *Client) rows(w *Rows) (sum protocol.OK, err error) {
	var parts [][][][]byte
	total, duplicates := 0, 0
	w.Generated, w.returned = false, returned{}
	for i := range w.Writes {
		c.Notes = nil
		run := c.decide
		if c.fenced() {
			run = c.fencedPart
		}
		err := run(&w.Writes[i])
		a := c.frame.Answer()
		if err == nil && a.Err != nil {
			err = a.Err
		}
		if err != nil {
			return sum, w.inStatement(i, err)
		}
		renumber(c.Notes, func(row int) int { return w.line(i, row) })
		parts = append(parts, c.Notes)
		if w.Returns {
			if err := w.returned.add(c.held); err != nil {
				return sum, err
			}
		}
		total += len(w.Lines[i])
		duplicates += duplicatesOf(c.held, a, len(w.Lines[i]), w.Ignore)
		sum.AffectedRows += a.AffectedRows
		sum.Warnings += a.Warnings
		if a.InsertID != 0 && !w.Generated { // the first such one, or else the last
			sum.InsertID = a.InsertID
			w.Generated = a.InsertID == w.Writes[i].Number
		}
	}
	notes, same := mergeNotes(parts, 1, c.set.mariaDB())
	sortByRow(notes)
	c.Notes, sum.Warnings = notes[:min(len(notes), maxNotes)], sum.Warnings-uint16(same)
	sum.Info = fmt.Sprintf("Records: %d  Duplicates: %d  Warnings: %d", total, duplicates, sum.Warnings)
	return sum, nil
}

// inStatement is the error of a part, with the number that the row which it
// names has in the statement.
func (w *Rows) inStatement(part int, err error) error {
	var e *protocol.Error
	if !errors.As(err, &e) {
		return err
	}
	note := [][]byte{nil, nil, []byte(e.Message)}
	renumber([][][]byte{note}, func(row int) int { return w.line(part, row) })
	if string(note[2]) == e.Message {
		return err
	}
	return &protocol.Error{Code: e.Code, State: e.State, Message: string(note[2])}
}

// line is the number of a part's row in the statement, both counted from 1.
func (w *Rows) line(part, row int) int {
	if row < 1 || row > len(w.Lines[part]) {
		return row
	}
	return w.Lines[part][row-1] + 1
}

// duplicatesOf is the number that a store tells in the answer to an INSERT of
// several rows; of one row it does not tell.
func duplicatesOf(held []byte, a *protocol.Answer, rows int, ignore bool) int {
	if n, ok := numberBehind(held, "Duplicates: "); ok {
		return n
	}
	if ignore {
		return max(0, rows-int(a.AffectedRows))
	}
	return max(0, int(a.AffectedRows)-rows)
}

// numberBehind is the number behind a word in the text of an answer.
func numberBehind(held []byte, word string) (n int, ok bool) {
	_, after, ok := bytes.Cut(held, []byte(word))
	if !ok {
		return 0, false
	}
	digits := len(after) - len(bytes.TrimLeft(after, "0123456789"))
	n, err := strconv.Atoi(string(after[:digits]))
	return n, err == nil
}

// Selected is how many rows the SELECT of the INSERT ... SELECT has found that was
// answered last, if CountSelected asked for that.
func (c *Client) Selected() uint64 {
	if len(c.held) > 0 {
		c.countSelected()
	}
	return c.selected
}

// countSelected takes it from the answer that is kept back.
func (c *Client) countSelected() {
	n, _ := numberBehind(c.held, "Records: ")
	c.selected = uint64(n)
}
