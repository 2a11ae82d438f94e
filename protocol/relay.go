package protocol

import "io"

// RelayError is an error of one side of a relay, and says of which.
type RelayError struct {
	Source bool // the answering side failed, not the receiving one
	Err    error
}

// Error names the side.
func (e *RelayError) Error() string {
	if e.Source {
		return "reading an answer: " + e.Err.Error()
	}
	return "passing on an answer: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *RelayError) Unwrap() error { return e.Err }

// Relay reads one answer from src and writes it to dst as it arrives, without
// holding more than a buffer of it. It returns the number of bytes that went
// to dst; its errors are *RelayError. dst is not flushed; a *Conn gets the
// sequence number that follows the answer. What src has sent beyond the answer
// (a pipelined one) stays unread.
//
// Each chunk is written from src's read buffer, so a dst that keeps what it
// was given must copy it (a Conn does).
func (f *Framer) Relay(dst io.Writer, src *Conn) (int64, error) {
	var sent int64
	held := 0
	for {
		b, err := src.Fill(held)
		if err != nil {
			return sent, &RelayError{Source: true, Err: err}
		}
		n, done, err := f.Feed(b)
		if err != nil {
			return sent, &RelayError{Source: true, Err: err}
		}
		if n > 0 {
			if _, err := dst.Write(b[:n]); err != nil {
				return sent, &RelayError{Err: err}
			}
			sent += int64(n)
			src.Consume(n)
		}
		if done {
			src.Trim()
			if c, ok := dst.(*Conn); ok {
				c.SetSequence(f.Seq())
			}
			return sent, nil
		}
		held = len(b) - n
	}
}
