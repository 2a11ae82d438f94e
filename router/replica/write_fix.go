package replica

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// What is to be the same on all copies although each store would make its own:
// the time, and the number of an AUTO_INCREMENT column.

// fixed reports whether statements go before and behind w's own.
func (w *Write) fixed() bool { return w.Number != 0 || w.FixTime && !w.Image }

// fix is the statement that gives w one time, and its record one number,
// everywhere; nil if it needs none.
func (c *Client) fix(w *Write) []byte {
	if !w.fixed() {
		return nil
	}
	c.stamp = append(c.stamp[:0], byte(protocol.ComQuery))
	if w.Number != 0 {
		c.stamp = strconv.AppendUint(append(c.stamp[:0], fixNumber...), w.Number, 10)
		if !w.FixTime || w.Image {
			return c.stamp
		}
		c.stamp = append(c.stamp, ", "...)
	} else {
		c.stamp = append(c.stamp, "SET "...)
	}
	at := w.at
	if at.IsZero() {
		at = time.Now()
	}
	c.stamp = appendClock(c.stamp, at)
	return c.stamp
}

var (
	unfix       = append([]byte{byte(protocol.ComQuery)}, "SET timestamp=DEFAULT"...)
	fixNumber   = append([]byte{byte(protocol.ComQuery)}, "SET insert_id="...)
	unfixNumber = append([]byte{byte(protocol.ComQuery)}, "SET insert_id=0"...)
	unfixBoth   = append([]byte{byte(protocol.ComQuery)}, "SET insert_id=0, timestamp=DEFAULT"...)
)

// showNotes asks for a statement's warnings before what undoes its fix.
var showNotes = append([]byte{byte(protocol.ComQuery)}, "SHOW WARNINGS"...)

// forgetsNotes reports whether the stores forget a statement's warnings at the
// next SET, as MySQL does and MariaDB does not.
func (s *Set) forgetsNotes() bool { return !s.mariaDB() }

// mariaDB reports whether the stores are MariaDB, as far as is known.
func (s *Set) mariaDB() bool { return strings.Contains(s.Version(), "MariaDB") }

// unfixOf is the statement that undoes what fix does. A number that its
// statement has not used would else be that of the next record inserted there.
func unfixOf(fix []byte) []byte {
	switch {
	case !bytes.HasPrefix(fix, fixNumber):
		return unfix
	case bytes.IndexByte(fix, ',') < 0:
		return unfixNumber
	}
	return unfixBoth
}

// appendTimestamp appends the statement that stops a session's clock at t.
func appendTimestamp(dst []byte, t time.Time) []byte {
	return appendClock(append(dst, "SET "...), t)
}

func appendClock(dst []byte, t time.Time) []byte {
	dst = append(dst, "timestamp="...)
	dst = strconv.AppendInt(dst, t.Unix(), 10)
	dst = append(dst, '.')
	var digits [7]byte
	micro := strconv.AppendInt(digits[:0], int64(t.Nanosecond()/1000)+1e6, 10)
	return append(dst, micro[1:]...)
}
