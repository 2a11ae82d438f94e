package store

import (
	"bytes"
	"context"
	"fmt"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// maxQueryAnswer bounds what Query holds in memory.
const maxQueryAnswer = 16 << 20

// Exec runs a statement that the proxy itself sends and drops its rows. The
// Answer is valid until the next use of the connection.
func (c *Conn) Exec(ctx context.Context, sql string) (*protocol.Answer, error) {
	done := c.bind(ctx)
	err := c.ask(sql)
	if err == nil {
		err = c.readAnswers(1)
	}
	if err = done(err); err != nil {
		return nil, err
	}
	return c.frame.Answer(), nil
}

// Query runs a statement that the proxy itself sends and returns its rows in
// text form, nil for NULL. It is for small results.
func (c *Conn) Query(ctx context.Context, sql string) (rows [][][]byte, err error) {
	return c.QueryUpTo(ctx, sql, maxQueryAnswer)
}

// QueryUpTo is Query for a result of most bytes at most.
func (c *Conn) QueryUpTo(ctx context.Context, sql string, most int) (rows [][][]byte, err error) {
	done := c.bind(ctx)
	rows, err = c.query(sql, most)
	return rows, done(err)
}

func (c *Conn) query(sql string, most int) ([][][]byte, error) {
	if err := c.ask(sql); err != nil {
		return nil, err
	}
	return c.readRows(most)
}

// ReadRows is Query for a statement that was queued, and has been sent.
func (c *Conn) ReadRows() ([][][]byte, error) { return c.readRows(maxQueryAnswer) }

// Warnings is how many warnings the last answer that was read has told of.
func (c *Conn) Warnings() uint16 { return c.frame.Answer().Warnings }

func (c *Conn) readRows(most int) ([][][]byte, error) {
	c.frame.Reset(protocol.AnswerResult, c.deprecateEOF, 1)
	frames, err := c.read(c.buf[:0], &c.frame, most)
	c.buf = frames
	if err != nil {
		return nil, err
	}
	c.answered(c.frame.Answer())
	if e := c.frame.Answer().Err; e != nil {
		if endsConnection(e) {
			return nil, c.fail(e)
		}
		return nil, e
	}
	rows, err := parseRows(frames, c.deprecateEOF)
	if err != nil {
		return nil, c.fail(err)
	}
	return rows, nil
}

func (c *Conn) ask(sql string) error {
	if err := c.readAhead(); err != nil {
		return err
	}
	c.buf = append(append(c.buf[:0], byte(protocol.ComQuery)), sql...)
	c.sent = c.cause.Load() == nil // else the socket is closed already
	if err := c.queue(c.buf); err != nil {
		return err
	}
	return c.flush()
}

// parseRows takes the first text result set of an answer apart; an OK packet
// has no rows.
func parseRows(frames []byte, deprecateEOF bool) ([][][]byte, error) {
	r := reader{b: frames}
	next := func() []byte {
		n := r.uint(3)
		r.take(1)
		p := r.take(int(n))
		for whole := false; n == protocol.MaxFrame && !r.bad; whole = true {
			if !whole {
				p = bytes.Clone(p) // what follows in r stays as it is
			}
			n = r.uint(3)
			r.take(1)
			p = append(p, r.take(int(n))...)
		}
		return p
	}
	first := reader{b: next()}
	columns, null := first.lenEnc()
	if r.bad || first.bad || null {
		return nil, fmt.Errorf("%w: result without a header", errMalformed)
	}
	if columns == 0 {
		return nil, nil
	}
	for range columns {
		if next(); r.bad {
			return nil, fmt.Errorf("%w: result cut short", errMalformed)
		}
	}
	if !deprecateEOF {
		next()
	}
	var rows [][][]byte
	for {
		p := next()
		if r.bad {
			return nil, fmt.Errorf("%w: result cut short", errMalformed)
		}
		if len(p) > 0 && p[0] == 0xfe && len(p) < protocol.MaxFrame { // no value of a shorter row begins so
			return rows, nil
		}
		row := make([][]byte, columns)
		fields := reader{b: p}
		for i := range row {
			if v, null := fields.lenEncBytes(); !null {
				row[i] = append(make([]byte, 0, len(v)), v...)
			}
		}
		if fields.bad {
			return nil, fmt.Errorf("%w: row cut short", errMalformed)
		}
		rows = append(rows, row)
	}
}
