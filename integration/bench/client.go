package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// operation is what a client does in a loop.
type operation struct {
	name    string
	payload int  // bytes of the record
	write   bool // an upsert; otherwise a point select
	binary  bool // as a prepared statement
	// literals makes each statement's text another one beside its key.
	literals bool
}

// The statements, before and behind the key and the data.
const (
	selectHead = "SELECT data FROM %s WHERE id = "
	upsertHead = "INSERT INTO %s (id, data, expires) VALUES ("
	upsertTail = ", 1) ON DUPLICATE KEY UPDATE data = VALUES(data), expires = VALUES(expires)"
)

// key is the id of record n.
func key(n int) string { return fmt.Sprintf("%032x", uint64(n)*0x9e3779b97f4a7c15+1) }

// client is one connection that carries out an operation again and again. It
// is used by one goroutine.
type client struct {
	op      operation
	records int
	conns   []*store.Conn // one; two where a write goes to both stores
	packet  []byte
	turns   uint64
	keyAt   int // where the key stands in packet
	dataAt  int // where the data of an upsert stands
	idAt    int // where the statement's id stands, 0 for a text
	ids     []uint32
	random  *rand.Rand
	framer  protocol.Framer
}

// dial opens a client of a target.
func dial(ctx context.Context, t *target, op operation, records int, seed uint64) (*client, error) {
	c := &client{op: op, records: records, random: rand.New(rand.NewPCG(seed, 1))}
	for _, door := range t.doors {
		conn, err := door.Get(ctx, login, inApp, true)
		if err != nil {
			c.close()
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		c.conns = append(c.conns, conn)
	}
	c.build(t.table)
	if !op.binary {
		return c, nil
	}
	text := fmt.Sprintf(selectHead, t.table) + "?"
	if op.write {
		text = fmt.Sprintf(upsertHead, t.table) + "?, ?" + upsertTail
	}
	for _, conn := range c.conns {
		id, err := conn.StmtID(ctx, &store.Stmt{Text: []byte(text), Session: inApp})
		if err != nil {
			c.close()
			return nil, fmt.Errorf("%s: PREPARE: %w", t.name, err)
		}
		c.ids = append(c.ids, id)
	}
	return c, nil
}

// build makes the packet, in which each turn only changes the key and some of
// the data.
func (c *client) build(table string) {
	k := key(0)
	data := make([]byte, c.op.payload)
	for i := range data {
		data[i] = "abcdefghijklmnopqrstuvwxyz|;:{}0123456789"[c.random.IntN(41)]
	}
	if c.op.binary {
		c.packet = []byte{byte(protocol.ComStmtExecute), 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 253, 0}
		c.idAt = 1
		if c.op.write {
			c.packet = append(c.packet, 253, 0) // MYSQL_TYPE_VAR_STRING as well
		}
		c.packet = protocol.AppendLenencBytes(c.packet, k)
		c.keyAt = len(c.packet) - len(k)
		if c.op.write {
			c.packet = protocol.AppendLenencBytes(c.packet, data)
			c.dataAt = len(c.packet) - len(data)
		}
		return
	}
	c.packet = []byte{byte(protocol.ComQuery)}
	if c.op.write {
		c.packet = fmt.Appendf(c.packet, upsertHead, table)
	} else {
		c.packet = fmt.Appendf(c.packet, selectHead, table)
	}
	c.keyAt = len(c.packet) + 1
	c.packet = fmt.Appendf(c.packet, "'%s'", k)
	if c.op.write {
		c.dataAt = len(c.packet) + len(", '")
		c.packet = fmt.Appendf(c.packet, ", '%s'%s", data, upsertTail)
	}
	if c.op.literals {
		c.packet = fmt.Append(c.packet, " AND expires <> 1000000000")
	}
}

// turn carries out the operation once.
func (c *client) turn() error {
	hex(c.packet[c.keyAt+16:], uint64(c.random.IntN(c.records))*0x9e3779b97f4a7c15+1)
	if c.dataAt > 0 {
		c.turns++
		hex(c.packet[c.dataAt:], c.turns)
	}
	if c.op.literals {
		n := c.random.Uint64()
		for i := range 9 {
			c.packet[len(c.packet)-1-i] = byte('0' + n%10)
			n /= 10
		}
	}
	for i, conn := range c.conns {
		if c.idAt > 0 {
			binary.LittleEndian.PutUint32(c.packet[c.idAt:], c.ids[i])
		}
		conn.Begin(time.Time{})
		if err := conn.Queue(c.packet); err != nil {
			return err
		}
		if err := conn.Send(); err != nil {
			return err
		}
	}
	for _, conn := range c.conns {
		c.framer.Reset(protocol.AnswerResult, conn.DeprecateEOF(), 1)
		if _, err := conn.Relay(io.Discard, &c.framer); err != nil {
			return err
		}
		a := c.framer.Answer()
		if a.Err != nil {
			return a.Err
		}
		if !c.op.write && a.Rows != 1 {
			return fmt.Errorf("%d rows for one key", a.Rows)
		}
	}
	return nil
}

// hex writes n as 16 digits.
func hex(b []byte, n uint64) {
	for i := range 16 {
		b[15-i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
}

func (c *client) close() {
	for _, conn := range c.conns {
		conn.Discard()
	}
	c.conns = nil
}
