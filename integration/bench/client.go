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

// The statements, with the key as the first parameter.
const (
	selectText = "SELECT data FROM sessions WHERE id = '%s'"
	selectStmt = "SELECT data FROM sessions WHERE id = ?"
	upsertText = "INSERT INTO sessions (id, data, expires) VALUES ('%s', '%s', 1) ON DUPLICATE KEY UPDATE data = VALUES(data), expires = VALUES(expires)"
	upsertStmt = "INSERT INTO sessions (id, data, expires) VALUES (?, ?, 1) ON DUPLICATE KEY UPDATE data = VALUES(data), expires = VALUES(expires)"
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
	keyAt   int // where the key stands in packet
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
	c.build()
	if !op.binary {
		return c, nil
	}
	text := selectStmt
	if op.write {
		text = upsertStmt
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

// build makes the packet, in which each turn only changes the key.
func (c *client) build() {
	k := key(0)
	data := make([]byte, c.op.payload)
	for i := range data {
		data[i] = "abcdefghijklmnopqrstuvwxyz|;:{}0123456789"[c.random.IntN(41)]
	}
	switch {
	case c.op.binary:
		params := []string{k}
		if c.op.write {
			params = append(params, string(data))
		}
		c.idAt = 1
		c.packet, c.keyAt = execute(params)
	case c.op.write:
		c.packet = fmt.Appendf([]byte{byte(protocol.ComQuery)}, upsertText, k, data)
		c.keyAt = 1 + len("INSERT INTO sessions (id, data, expires) VALUES ('")
	default:
		c.packet = fmt.Appendf([]byte{byte(protocol.ComQuery)}, selectText, k)
		c.keyAt = 1 + len("SELECT data FROM sessions WHERE id = '")
		if c.op.literals {
			c.packet = fmt.Append(c.packet, " AND expires <> 1000000000")
		}
	}
}

// execute is a COM_STMT_EXECUTE with strings as its parameters, the first of
// them at keyAt.
func execute(params []string) (packet []byte, keyAt int) {
	packet = append(packet, byte(protocol.ComStmtExecute), 0, 0, 0, 0, 0, 1, 0, 0, 0)
	packet = append(packet, make([]byte, (len(params)+7)/8)...)
	packet = append(packet, 1)
	for range params {
		packet = append(packet, 253, 0) // MYSQL_TYPE_VAR_STRING
	}
	for i, p := range params {
		packet = protocol.AppendLenenc(packet, uint64(len(p)))
		if i == 0 {
			keyAt = len(packet)
		}
		packet = append(packet, p...)
	}
	return packet, keyAt
}

// turn carries out the operation once.
func (c *client) turn() error {
	const digits = "0123456789abcdef"
	k := uint64(c.random.IntN(c.records))*0x9e3779b97f4a7c15 + 1
	for i := range 16 {
		c.packet[c.keyAt+31-i] = digits[k&15]
		k >>= 4
	}
	if c.op.literals {
		n := c.random.Uint64()
		for i := range 9 {
			c.packet[len(c.packet)-1-i] = digits[n%10]
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

func (c *client) close() {
	for _, conn := range c.conns {
		conn.Discard()
	}
	c.conns = nil
}
