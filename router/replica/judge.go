package replica

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Judge has a store prepare a statement, which has no effect, and returns the
// error that it has for it; nil for none.
func (c *Client) Judge(text []byte) (*protocol.Error, error) { return c.JudgeAt(-1, text) }

// JudgeAt is Judge by store at, unless that is negative.
func (c *Client) JudgeAt(at int, text []byte) (*protocol.Error, error) {
	var told *protocol.Error
	judge := func(conn *store.Conn) error {
		conn.Begin(time.Time{})
		if err := conn.Queue(append([]byte{byte(protocol.ComStmtPrepare)}, text...)); err != nil {
			return err
		}
		if err := conn.Send(); err != nil {
			return err
		}
		if _, err := conn.Await(); err != nil {
			return err
		}
		c.scratch.Reset(protocol.AnswerPrepare, conn.DeprecateEOF(), 1)
		if _, err := conn.Read(&c.scratch, maxHeld); err != nil {
			return err
		}
		a := c.scratch.Answer()
		if told = a.Err; told != nil {
			return nil
		}
		// It has no answer.
		conn.Begin(time.Time{})
		if err := conn.Queue(binary.LittleEndian.AppendUint32([]byte{byte(protocol.ComStmtClose)}, a.StmtID)); err != nil {
			return err
		}
		return conn.Send()
	}
	var err error
	if at < 0 {
		err = c.Ask(judge)
	} else if conn, lost := c.acquireAt(at); lost != nil {
		err = lost
	} else {
		err = c.asked(at, conn, judge)
	}
	var refused *protocol.Error
	if errors.As(err, &refused) {
		return refused, nil // a transaction that has lost its store
	}
	return told, err
}
