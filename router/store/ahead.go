package store

import (
	"io"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// A statement of the package's own (a PREPARE, a SET) may become necessary
// while its user has queued commands already, whose answers come first. They
// are read ahead then, and kept until the user asks for them. Such commands are
// SET and BEGIN, so their answers are short.

// maxEarly bounds what is read ahead.
const maxEarly = 1 << 20

// readAhead reads the answers that the user waits for, so that the next one on
// the wire is the package's own.
func (c *Conn) readAhead() error {
	if c.unread == 0 {
		return nil
	}
	if c.unsent {
		if err := c.flush(); err != nil {
			return err
		}
	}
	kept := 0
	for rest := c.early; len(rest) > 0; kept++ {
		c.frame.Reset(protocol.AnswerResult, c.deprecateEOF, 1)
		n, _, err := c.frame.Feed(rest)
		if err != nil {
			return c.fail(err)
		}
		rest = rest[n:]
	}
	for ; kept < c.unread; kept++ {
		c.frame.Reset(protocol.AnswerResult, c.deprecateEOF, 1)
		frames, err := c.read(c.early, &c.frame, maxEarly)
		c.early = frames
		if err != nil {
			return err
		}
	}
	return nil
}

// relayEarly is Relay for an answer that was read ahead.
func (c *Conn) relayEarly(w io.Writer, f *protocol.Framer) (int64, error) {
	frames, err := c.readEarly(f)
	if err != nil {
		return 0, err
	}
	if _, err := w.Write(frames); err != nil {
		return 0, err
	}
	if pc, ok := w.(*protocol.Conn); ok {
		pc.SetSequence(f.Seq())
	}
	return int64(len(frames)), nil
}

// readEarly takes the next of the answers that were read ahead.
func (c *Conn) readEarly(f *protocol.Framer) ([]byte, error) {
	n, done, err := f.Feed(c.early)
	if err == nil && !done {
		err = errMalformed
	}
	if err != nil {
		return nil, c.fail(err)
	}
	frames := f.Ended(c.early[:n:n])
	if c.early = c.early[n:]; len(c.early) == 0 {
		c.early = nil
	}
	c.answered(f.Answer())
	return frames, nil
}
