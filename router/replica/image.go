package replica

import (
	"encoding/hex"
	"errors"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A record's image is carried from one store to another as text that means the
// same whatever the session's charset, sql_mode and connection settings are:
// strings and blobs travel as hexadecimal in the column's own charset, numbers
// and times as decimal text, a float as the double that it is. For example
//
//	SELECT CAST(`id` AS BINARY), CAST(`data` AS BINARY), `expires` FROM `app`.`sessions` WHERE `id` = _utf8mb4 x'6162'
//	REPLACE INTO `app`.`sessions` (`id`,`data`,`expires`) VALUES (x'6162',x'00ff',7)
//
// An image never removes another record. REPLACE does where the store calls
// equal what are two keys, or where the table has a second unique key: there it
// is a DELETE of the record whose key has the same bytes, and an INSERT.

// maxRepairs bounds how often a copy is tried again after a deadlock.
const maxRepairs = 5

// equalise makes every copy but the deciding one equal to it, and finds stores
// in the place of those that have failed.
func (c *Client) equalise(w *Write, first int) error {
	defer c.unshield(c.shield())
	decided := c.copies[first].answer
	inTxn := c.InTxn() || !c.state.Autocommit()
	for j := range c.copies {
		cp := &c.copies[j]
		if j == first || cp.read && sameAnswer(&decided, &cp.answer) &&
			(w.Number == 0 || decided.InsertID == cp.answer.InsertID) {
			continue
		}
		if inTxn && cp.read && cp.answer.Err != nil && unwritten(cp.answer.Err.Code) {
			refused := cp.answer.Err
			c.Rollback()
			if refused.Code == protocol.ErrQueryInterrupted {
				return protocol.Errorf(refused.Code, "%s; dsmproxy: the transaction was rolled back", refused.Message)
			}
			return protocol.Errorf(protocol.ErrLockDeadlock,
				"dsmproxy: store %s: %s; the transaction was rolled back, try restarting it",
				c.set.stores[cp.store].Name(), refused.Message)
		}
		if decided.Err != nil && !cp.sent {
			continue // nothing was written, and it has nothing
		}
		if err := c.mendCopy(w, first, cp); err != nil {
			if e := c.duplicate(w, first, cp, err); e != nil {
				return c.takeBack(w, cp, e)
			}
			if inTxn {
				return c.fail(err)
			}
			c.set.log.Warn("copy left behind", "store", c.set.stores[cp.store].Name(), "err", err)
			if cp.conn != nil {
				c.drop(cp.store, cp.conn)
				cp.conn = nil
			}
		}
	}
	if decided.Err == nil {
		return c.replace(w, first)
	}
	return nil
}

// unwritten says by which errors of a copy that the deciding one has not given
// a transaction can't go on.
func unwritten(code uint16) bool {
	return code == protocol.ErrLockDeadlock || code == protocol.ErrLockWaitTimeout || code == protocol.ErrQueryInterrupted
}

// sameAnswer compares what two copies said.
func sameAnswer(a, b *protocol.Answer) bool {
	if a.Err != nil || b.Err != nil {
		return a.Err != nil && b.Err != nil && a.Err.Code == b.Err.Code
	}
	return a.AffectedRows == b.AffectedRows && a.Rows == b.Rows
}

// mendCopy gives one copy the record as the deciding one has it.
func (c *Client) mendCopy(w *Write, first int, cp *copyOf) error {
	if cp.conn == nil {
		if !c.live(cp.store) {
			return store.ErrDown
		}
		conn, err := c.acquireCopy(cp.store, false)
		if err != nil {
			return err
		}
		cp.conn = conn
	}
	return c.carryAll(c.copies[first].conn, cp.conn, w)
}

// replace brings the record to the next stores of the order until N have it.
func (c *Client) replace(w *Write, first int) error {
	have := 0
	for i := range c.copies {
		if c.copies[i].conn != nil {
			have++
		}
	}
	for _, s := range c.order {
		i := int(s)
		if have >= c.set.copies {
			return nil
		}
		if c.hasCopy(i) || !c.live(i) {
			continue
		}
		conn, err := c.acquire(i, true, false)
		if err != nil {
			continue
		}
		if err := c.carryAll(c.copies[first].conn, conn, w); err != nil {
			c.drop(i, conn)
			if c.InTxn() {
				return c.fail(err)
			}
			c.set.log.Warn("copy not made", "store", c.set.stores[i].Name(), "err", err)
			continue
		}
		c.copies = append(c.copies, copyOf{store: i, conn: conn})
		have++
	}
	return nil
}

func (c *Client) hasCopy(store int) bool {
	for i := range c.copies {
		if c.copies[i].store == store {
			return true
		}
	}
	return false
}

func (c *Client) carryAll(src, dst *store.Conn, w *Write) error {
	own := c.state.Autocommit() && !c.txn.open
	for _, key := range w.spelled() {
		if err := c.carryAs(src, dst, w.Table, key, own, w.Updates); err != nil {
			return err
		}
	}
	return nil
}

// carry makes the record of key at dst equal to that at src.
func (c *Client) carry(src, dst *store.Conn, t Table, key []byte) error {
	return c.carryAs(src, dst, t, key, c.state.Autocommit() && !c.txn.open, false)
}

// carryAs is carry for a dst that is in the client's transaction, or else on
// its own. keep: a record that src does not have stays at dst.
func (c *Client) carryAs(src, dst *store.Conn, t Table, key []byte, own, keep bool) error {
	sqls, there, err := c.image(src, t, key)
	if err != nil || keep && !there {
		return err
	}
	for range maxRepairs {
		err = c.install(dst, sqls, own)
		var e *protocol.Error
		if !errors.As(err, &e) || e.Code != protocol.ErrLockDeadlock || !own {
			break
		}
	}
	if err == nil {
		c.set.counts.carried.Add(1)
	}
	return err
}

// schema is what is known of a session table.
func (c *Client) schema(t Table) (*schema, error) {
	return c.set.schemas.get(c.ctx, t, c.set.queryIn(t.Schema))
}

// install runs the statements that install an image: all of them or none.
func (c *Client) install(dst *store.Conn, sqls []string, own bool) error {
	sqls, err := c.fitting(dst, sqls)
	if err != nil {
		return err
	}
	undo := ""
	if len(sqls) > 1 {
		begin, end := "SAVEPOINT "+imageSavepoint, "RELEASE SAVEPOINT "+imageSavepoint
		undo = "ROLLBACK TO SAVEPOINT " + imageSavepoint
		if own {
			begin, end, undo = "START TRANSACTION", commitSQL, rollbackSQL
		}
		sqls = append(append([]string{begin}, sqls...), end)
	}
	for _, sql := range sqls {
		if _, err := dst.Exec(c.ctx, sql); err != nil {
			var refused *protocol.Error
			if undo != "" && errors.As(err, &refused) && (own || !c.endsTxn(refused.Code)) {
				if _, err := dst.Exec(c.ctx, undo); err != nil {
					return err
				}
			}
			return err
		}
	}
	return nil
}

// imageSavepoint is set before an image in the client's transaction.
const imageSavepoint = "dsmproxy_image"

// selectImage is the statement that reads the record of key.
func (s *schema) selectImage(key []byte) string {
	return s.selectRows(s.stored(), s.keyIs("", key))
}

// selectRows is the statement that reads rows as images.
func (s *schema) selectRows(columns []column, where string) string {
	var b strings.Builder
	b.WriteString("SELECT ")
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(c.export())
	}
	b.WriteString(" FROM " + s.table.quoted() + " WHERE " + where)
	return b.String()
}

// installImage are the statements that make rows the record of key.
func (s *schema) installImage(key []byte, rows [][][]byte) []string {
	remove := "DELETE FROM " + s.table.quoted() + " WHERE " + s.keyIs("", key)
	switch {
	case len(rows) == 0:
		return []string{remove}
	case s.keyUnique && s.only && !s.wide():
		return []string{"REPLACE" + s.rows(s.stored(), rows)}
	}
	return []string{remove, "INSERT" + s.rows(s.stored(), rows)}
}

// rows is the statement, but for its verb, that installs rows which selectRows
// has read.
func (s *schema) rows(columns []column, rows [][][]byte) string {
	var b strings.Builder
	b.WriteString(" INTO " + s.table.quoted() + " (")
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quoteName(c.name))
	}
	b.WriteString(") VALUES ")
	for i, row := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, c := range columns {
			b.WriteString([]string{"(", ","}[min(j, 1)])
			b.WriteString(c.literal(row[j]))
		}
		b.WriteByte(')')
	}
	return b.String()
}

// stored are the columns that can be given a value.
func (s *schema) stored() []column {
	list := make([]column, 0, len(s.columns))
	for _, c := range s.columns {
		if !c.generate {
			list = append(list, c)
		}
	}
	return list
}

// keyIs is the condition that a row is the record of key, for a column that is
// qualified by of. Of what the column's collation calls equal, that is the one
// whose key has the same bytes, trailing blanks aside.
func (s *schema) keyIs(of string, key []byte) string {
	name, literal := of+quoteName(s.key.name), s.keyLiteral(key)
	is := name + " = " + literal
	if !s.wide() {
		return is
	}
	return is + " AND CAST(RTRIM(" + name + ") AS BINARY) = CAST(RTRIM(" + literal + ") AS BINARY)"
}

// wide reports whether the key column calls equal what are two keys to the
// proxy.
func (s *schema) wide() bool {
	return s.key.charset != "" && !s.table.Folds && s.fold == nil && !strings.HasSuffix(s.key.collation, "_bin")
}

// keyLiteral is a key as a literal of its column's own charset, so that the
// column's index serves and its collation compares.
func (s *schema) keyLiteral(key []byte) string {
	hexed := "x'" + hex.EncodeToString(key) + "'"
	switch {
	case s.key.numeric():
		return "'" + escape(string(key)) + "'"
	case s.key.charset != "":
		return "_" + s.key.charset + " " + hexed
	case s.key.typ == "uuid" && len(key) != 16:
		return "'" + escape(string(key)) + "'"
	}
	return hexed
}

func (c column) numeric() bool {
	switch c.typ {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "year", "bit":
		return true
	}
	return false
}

func (c column) temporal() bool {
	switch c.typ {
	case "date", "time", "datetime", "timestamp":
		return true
	}
	return false
}

// export is the expression that reads the column: text as the bytes that the
// store has, which no charset of a session changes. (HEX, which does the same,
// gives NULL for what is then longer than max_allowed_packet.)
func (c column) export() string {
	name := quoteName(c.name)
	switch {
	case c.typ == "float" || c.typ == "double":
		return name + "+0e0"
	case c.typ == "bit" || c.typ == "enum" || c.typ == "set":
		return name + "+0"
	case c.unicode():
		return "CAST(CAST(" + name + " AS CHAR CHARACTER SET utf8mb4) AS BINARY)"
	case c.numeric() || c.temporal():
		return name
	}
	return "CAST(" + name + " AS BINARY)"
}

// literal is the literal of a value that export's expression gave.
func (c column) literal(v []byte) string {
	switch {
	case v == nil:
		return "NULL"
	case c.temporal():
		return "'" + string(v) + "'"
	case c.numeric() || c.typ == "enum" || c.typ == "set":
		return string(v)
	case c.unicode():
		return "CONVERT(x'" + hex.EncodeToString(v) + "' USING utf8mb4)"
	}
	return "x'" + hex.EncodeToString(v) + "'"
}
