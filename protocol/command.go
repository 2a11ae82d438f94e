package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// lingerTime is how long a client that is refused may go on sending: what it
// has sent and nobody read would otherwise take the answer away from it.
const lingerTime = time.Second

// errQuit ends the command loop.
var errQuit = errors.New("client has quit")

// serve carries out the client's commands, one after the other.
func (c *Client) serve() {
	tick := &c.server.tick
	for {
		c.conn.ResetSequence()
		payload, err := c.next()
		if err != nil {
			c.refuse(err)
			return
		}
		c.since.Store(tick.Load())
		c.questions.Add(1)
		if err := c.command(payload); err != nil {
			if err != errQuit {
				c.server.log.Debug("client disconnected", "client", c, "error", err)
			}
			return
		}
		c.noteTxn()
		c.since.Store(-tick.Load())
	}
}

// noteTxn notes for List whether the client is in a transaction. A look is free,
// where a store of the same value would cost each command one.
func (c *Client) noteTxn() {
	if in := c.Status.Has(StatusInTrans); in != c.inTxn.Load() {
		c.inTxn.Store(in)
	}
}

// next reads the next command. It returns what end was called for, if anything
// was and the time is right for it.
func (c *Client) next() ([]byte, error) {
	for {
		cause := c.due()
		if cause != nil {
			if cause.Code != ErrServerShutdown || cause == errPassed || !c.asking() {
				return nil, cause
			}
			// A command is there already: a shutdown answers it, for the client
			// couldn't tell whether it has run.
			c.raw.SetReadDeadline(time.Now().Add(lingerTime))
		}
		payload, err := c.conn.ReadPacket(c.server.maxPacket())
		if len(payload) > longCommand {
			c.server.long.Add(1)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return payload, err
		}
		if cause != nil {
			return nil, cause
		}
		// Woken by end; yet a shutdown waits for a transaction.
		c.raw.SetReadDeadline(time.Time{})
	}
}

// asking reports whether some of the next command has arrived.
func (c *Client) asking() bool {
	return c.conn.Buffered() > 0 || c.conn.z != nil && c.conn.z.pending() || c.conn.peek.look() == peerTalks
}

// refuse ends a client whose next command can't be read or isn't wanted.
func (c *Client) refuse(err error) {
	var e *Error
	switch {
	case !errors.As(err, &e):
		if err != io.EOF {
			c.server.log.Debug("client disconnected", "client", c, "error", err)
		}
	case e == errPassed:
	case e == c.ending.Load() || e == errLeaving:
		if e.Code == ErrServerShutdown {
			c.noteClosed()
		}
		// A server too says nothing to a client that is killed while idle, or at a
		// shutdown: the client finds a closed connection and opens another. Of
		// wait_timeout MySQL tells.
		if e.Code == ErrIdleTimeout {
			c.tellIdle(e)
		}
	default:
		if e.Code == ErrPacketTooLarge {
			c.server.oversized.Add(1)
		}
		c.farewell(e)
		c.linger()
	}
}

// tellIdle ends a client that was silent for too long as a server of the
// greeting's kind does. MySQL says so, from 8.0.24 on. MariaDB resets the
// connection: a client's next command fails as it is sent (2006), not as its
// answer is awaited (2013).
func (c *Client) tellIdle(e *Error) {
	version := c.server.version()
	switch major, minor, patch := versionOf(version); {
	case isMariaDB(version):
		if tc, ok := c.raw.(interface{ SetLinger(sec int) error }); ok {
			tc.SetLinger(0)
		}
	case major > 8 || major == 8 && (minor > 0 || patch >= 24):
		c.farewell(Errorf(e.Code, "%s See wait_timeout and interactive_timeout for configuring this behavior.", e.Message))
	}
}

// linger reads and drops what the client is still sending, for a while.
func (c *Client) linger() {
	if tc, ok := c.raw.(interface{ CloseWrite() error }); ok {
		tc.CloseWrite()
	}
	c.raw.SetReadDeadline(time.Now().Add(lingerTime))
	b := takeBuffer(smallBuffer)
	defer giveBuffer(b)
	for {
		if _, err := c.raw.Read(b); err != nil {
			return
		}
	}
}

// command carries out one command and sends its answer. An error ends the
// connection.
func (c *Client) command(payload []byte) error {
	if len(payload) == 0 {
		c.farewell(Errorf(ErrMalformedPacket, "Malformed communication packet"))
		return errors.New("empty command packet")
	}
	before := c.conn.queued
	c.last = Command(payload[0])
	err := c.dispatch(c.last, payload)
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || c.conn.queued != before {
			return err
		}
		if !answered(Command(payload[0])) {
			return nil
		}
		if err := c.WriteError(e); err != nil {
			return err
		}
	}
	return c.conn.Flush()
}

// answered reports whether a command has an answer at all.
func answered(cmd Command) bool {
	return cmd != ComStmtClose && cmd != ComStmtSendLongData
}

func (c *Client) dispatch(cmd Command, payload []byte) error {
	switch cmd {
	case ComQuery, ComStmtExecute, ComStmtPrepare, ComStmtClose, ComStmtSendLongData,
		ComStmtReset, ComStmtFetch, ComInitDB, ComFieldList, ComPing:
		return c.session.Command(cmd, payload)
	case ComQuit:
		return errQuit
	case ComResetConnection:
		if err := c.session.Reset(); err != nil {
			return err
		}
		return c.WriteOK(OK{})
	case ComChangeUser:
		if c.failedChanges >= maxFailedChanges {
			c.pause()
			return unknownCommand()
		}
		return c.changed(c.changeUser(payload))
	case ComSetOption:
		return c.setOption(payload)
	case ComStatistics:
		return c.conn.QueuePacket([]byte(c.server.statistics()))
	case ComProcessKill:
		return c.kill(payload)
	case ComProcessInfo:
		return c.session.Command(ComQuery, append([]byte{byte(ComQuery)}, "SHOW PROCESSLIST"...))
	case ComDebug:
		return c.debug()
	}
	return unknownCommand()
}

func unknownCommand() *Error { return Errorf(ErrUnknownCommand, "Unknown command") }

// changed ends the connection if COM_CHANGE_USER went wrong, unless the client
// stays who it was.
func (c *Client) changed(err error) error {
	var stays *stayed
	if errors.As(err, &stays) {
		return c.WriteError(stays.refused)
	}
	if err != nil {
		c.server.rejected(c, err)
		return fmt.Errorf("changing the user: %v", err) // sent already: not wrapped
	}
	return nil
}

// setOption switches several statements in one command on and off.
func (c *Client) setOption(payload []byte) error {
	if len(payload) < 3 {
		return Errorf(ErrMalformedPacket, "Malformed communication packet")
	}
	switch binary.LittleEndian.Uint16(payload[1:]) {
	case 0:
		c.Capabilities |= ClientMultiStatements
	case 1:
		c.Capabilities &^= ClientMultiStatements
	default:
		return unknownCommand()
	}
	return c.WriteEOF()
}

func (c *Client) kill(payload []byte) error {
	if len(payload) < 5 {
		return Errorf(ErrMalformedPacket, "Malformed communication packet")
	}
	id := binary.LittleEndian.Uint32(payload[1:])
	if err := c.server.Kill(id, false, c); err != nil {
		return err
	}
	if id == c.ID {
		return Errorf(ErrConnectionKilled, "Connection was killed")
	}
	return c.WriteOK(OK{})
}

// debug has the server write to its log how it is.
func (c *Client) debug() error {
	s := c.server
	s.refusals.log(s.log, s.tick.Load(), slog.LevelInfo, "debug information asked for", 0, "client", c, "user", c.User, "statistics", s.statistics())
	return c.WriteEOF()
}

// statistics is the text that answers COM_STATISTICS, of which programs read
// the numbers.
func (s *Server) statistics() string {
	st := s.Stats()
	up := max(1, int64(time.Since(s.started).Seconds()))
	return fmt.Sprintf("Uptime: %d  Threads: %d  Questions: %d  Slow queries: 0  Opens: 0  Open tables: 0  Queries per second avg: %.3f",
		up, st.Clients, st.Questions, float64(st.Questions)/float64(up))
}
