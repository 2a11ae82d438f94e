package ledger

import (
	"context"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// What is done most, a write and the put of its copy, is one statement at
// MariaDB, BEGIN NOT ATOMIC … END, which is prepared once on a connection. It
// ends with the first of its statements that fails, and so never comes to the
// COMMIT behind that. The server parses nothing then, and sends its answers
// together, where each of them alone would wake the proxy; and a record travels
// as it is, without being written as SQL.
//
// forms are those of a session table. They go as long as the texts that they are
// made of stay the same.
type forms struct {
	of string // what they are made of
	// write is by whether a statement has always changed something and whether
	// it removes; its members are nil where the key can't be a parameter.
	write           [2][2]*store.Stmt
	put, putDeleted *store.Stmt
}

// formed returns the forms of sh, a table's newest shape.
func (s *Store) formed(sh *shape) *forms {
	if !s.st.MariaDB() {
		return &forms{}
	}
	of := sh.name + "\x00" + sh.exports + "\x00" + sh.updates + "\x00" + sh.keyParam()
	s.shapes.mu.Lock()
	defer s.shapes.mu.Unlock()
	old := s.shapes.forms[sh.table.Number]
	if old != nil && old.of == of {
		return old
	}
	fs := &forms{of: of}
	if key := sh.keyParam(); key != "" {
		for always := range fs.write {
			for removes := range fs.write[always] {
				fs.write[always][removes] = &store.Stmt{Text: s.writeForm(sh, key, always == 1, removes == 1)}
			}
		}
		if sh.updates != "" {
			fs.put = &store.Stmt{Text: s.putForm(sh, key, false)}
			fs.putDeleted = &store.Stmt{Text: s.putForm(sh, key, true)}
		}
	}
	if s.shapes.forms == nil {
		s.shapes.forms = map[uint16]*forms{}
	}
	s.shapes.forms[sh.table.Number] = fs
	if old != nil {
		old.close()
	}
	return fs
}

// close has the forms closed on all connections.
func (fs *forms) close() {
	for _, st := range []*store.Stmt{
		fs.write[0][0], fs.write[0][1], fs.write[1][0], fs.write[1][1], fs.put, fs.putDeleted,
	} {
		if st != nil {
			st.Close()
		}
	}
}

// keyParam is what a key is compared with when it is a parameter, so that the
// column's index serves; "" for columns with which that is not clear.
func (sh *shape) keyParam() string {
	switch {
	case sh.key.charset != "" && sh.key.collation != "":
		return "CONVERT(? USING " + sh.key.charset + ") COLLATE " + sh.key.collation
	case sh.key.binary:
		return "?"
	}
	return ""
}

// prepared is the id of a form on a connection; ok is false if it can't be used
// there. Its error is one of the connection.
func prepared(ctx context.Context, c *store.Conn, form *store.Stmt) (id uint32, ok bool, err error) {
	id, err = c.OwnStmtID(ctx, form)
	if _, refused := err.(*protocol.Error); refused {
		c.SetTrait(c.Trait() | traitFormless)
		return 0, false, nil
	}
	return id, err == nil, err
}

// param is a parameter's value.
type param struct {
	kind byte // its type in the protocol
	num  uint64
	raw  []byte
}

// The types of parameters.
const (
	paramNull   = 0x06
	paramDouble = 0x05
	paramNumber = 0x08 // unsigned
	paramBytes  = 0xfc
)

func (j *job) numParam(n uint64) *job {
	j.params = append(j.params, param{kind: paramNumber, num: n})
	return j
}

func (j *job) bytesParam(b []byte) *job {
	j.params = append(j.params, param{kind: paramBytes, raw: b})
	return j
}

// columnParam appends the value of a column, as export has read it; ok is false
// if it is not one that export reads.
func (j *job) columnParam(c *column, v []byte) (ok bool) {
	p := param{kind: paramBytes, raw: v}
	var err error
	switch {
	case v == nil:
		p.kind = paramNull
	case c.coding == codeBits:
		p.kind = paramNumber
		p.num, err = strconv.ParseUint(string(v), 10, 64)
	case c.coding == codeFloat:
		var f float64
		p.kind = paramDouble
		f, err = strconv.ParseFloat(string(v), 64)
		p.num = math.Float64bits(f)
	case c.coding == codeStamp:
		p.raw = []byte(utc(v))
	}
	j.params = append(j.params, p)
	return err == nil
}

// execute makes j a COM_STMT_EXECUTE with its parameters.
func (j *job) execute(id uint32) {
	b := append(j.buf[:0], byte(protocol.ComStmtExecute))
	b = binary.LittleEndian.AppendUint32(b, id)
	b = append(b, 0, 1, 0, 0, 0) // no cursor; once
	nulls := len(b)
	b = append(b, make([]byte, (len(j.params)+7)/8)...)
	b = append(b, 1) // the types follow
	for i := range j.params {
		p := &j.params[i]
		unsigned := byte(0)
		switch p.kind {
		case paramNull:
			b[nulls+i/8] |= 1 << (i % 8)
		case paramNumber:
			unsigned = 0x80
		}
		b = append(b, p.kind, unsigned)
	}
	for i := range j.params {
		switch p := &j.params[i]; p.kind {
		case paramNumber, paramDouble:
			b = binary.LittleEndian.AppendUint64(b, p.num)
		case paramBytes:
			b = protocol.AppendLenencBytes(b, p.raw)
		}
	}
	clear(j.params)
	j.buf, j.params = b, j.params[:0]
}
