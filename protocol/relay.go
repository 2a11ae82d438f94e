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

// maxWhole is how much of an answer is held back until a packet is whole.
const maxWhole = 2 * smallBuffer

// Relay reads one answer from src and writes it to dst as it arrives, without
// holding more than a buffer of it. It returns the number of bytes that went
// to dst; its errors are *RelayError. dst is not flushed; a *Conn gets the
// sequence number that follows the answer. What src has sent beyond the answer
// (a pipelined one) stays unread.
//
// Each chunk is written from src's read buffer, so a dst that keeps what it
// was given must copy it (a Conn does). A packet of up to 32 KiB is not torn
// apart: servers send what is longer than their own buffer, of 16 KiB, in two
// pieces, and the receiver can make nothing of the first.
func (f *Framer) Relay(dst io.Writer, src *Conn) (int64, error) {
	var sent int64
	held, n := 0, 0 // n bytes have been fed and not been written
	for {
		b, err := src.Fill(held)
		if err != nil {
			return sent, &RelayError{Source: true, Err: err}
		}
		fed, done, err := f.Feed(b[n:])
		if err != nil {
			return sent, &RelayError{Source: true, Err: err}
		}
		n += fed
		if f.left > 0 && n+f.left <= maxWhole {
			held = n + f.left - 1
			continue
		}
		if n > 0 {
			if _, err := dst.Write(b[:n-f.replaced]); err != nil {
				return sent, &RelayError{Err: err}
			}
			sent += int64(n - f.replaced)
			src.Consume(n)
		}
		if f.replaced > 0 {
			e := f.instead()
			if _, err := dst.Write(e); err != nil {
				return sent, &RelayError{Err: err}
			}
			sent += int64(len(e))
		}
		if done {
			src.Trim()
			if c, ok := dst.(*Conn); ok {
				c.SetSequence(f.Seq())
			}
			return sent, nil
		}
		held, n = len(b)-n, 0
	}
}
