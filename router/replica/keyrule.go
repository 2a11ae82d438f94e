package replica

import (
	"context"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// KeyRule says what a table's key column makes of a value that it is compared
// with or given: which texts are one key.
type KeyRule uint8

// The rules. None of them holds for a table that can't be read.
const (
	KeyInteger   KeyRule = 1 << iota // '0201' and '201abc' are 201
	KeyText                          // compared as text: 201 equals '0201' and '201abc'
	KeyPads                          // trailing blanks don't count
	KeyTrims                         // what is stored has no trailing blanks
	KeyUUID                          // placed as the text of a UUID in lower case
	KeyUUIDBytes                     // placed as the 16 bytes of a UUID, as the ledger has it
)

// keyRule is the rule that a client has used last: a statement that uses it
// again looks nothing up. It is shared with other clients, and not changed.
type keyRule struct {
	table Table
	of    *map[Table]*schema // what was known of the tables then
	rule  KeyRule
	fold  *KeyFold
	// unfit is why records can't be copied at a fenced level; "" if they can.
	unfit string
	// unknown is why it is not known which keys are one; nil if it is.
	unknown error
	until   time.Time // of a table that could not be read
}

// ruleAgain is how long a table that could not be read is not asked for again.
const ruleAgain = time.Second

// KeyRule returns the rule of t's key column. A change of it behind the proxy's
// back is noticed with the next write that is older than schemaTTL.
func (c *Client) KeyRule(t Table) KeyRule {
	known := c.set.schemas.byTable.Load()
	if c.keyRule.holds(t, known) {
		return c.keyRule.rule
	}
	if latest := c.set.keyRule.Load(); latest.holds(t, known) {
		c.keyRule = latest
		return latest.rule
	}
	r := &keyRule{table: t}
	if sc, err := c.schema(t); err == nil {
		r.rule, r.fold, r.unfit = sc.key.rule(), sc.fold, sc.unfit
		if c.fenced() && r.rule == KeyUUID {
			r.rule = KeyUUIDBytes
		}
		r.unknown = sc.key.tellsApart(c.fenced())
	} else {
		r.until = time.Now().Add(ruleAgain)
		if c.fenced() {
			r.unknown = keysUnknown(t, err)
		}
	}
	r.of = c.set.schemas.byTable.Load()
	c.keyRule = r
	if r.until.IsZero() { // otherwise it may be this client's end that is why
		c.set.keyRule.Store(r)
	}
	return r.rule
}

// holds reports whether r is t's rule, by what is known of the tables now; r may
// be nil.
func (r *keyRule) holds(t Table, known *map[Table]*schema) bool {
	return r != nil && r.of == known && r.table == t &&
		(r.until.IsZero() && known != nil || !r.until.IsZero() && time.Now().Before(r.until))
}

// KeyFold returns what makes equal the keys that t's key column calls equal; nil
// for nothing beyond its KeyRule, or if t's configuration says what does.
func (c *Client) KeyFold(t Table) *KeyFold {
	c.KeyRule(t)
	return c.keyRule.fold
}

// KeysKnown returns an error if it can't be told which keys are one to t's column:
// a key could be written where only others of the same record are. At the level
// seed a table that can't be read is none, nor is one that is not there.
func (c *Client) KeysKnown(t Table) error {
	c.KeyRule(t)
	return c.keyRule.unknown
}

// Folded returns key as it is placed where t's key column decides that. It
// reports false, with key as it is, if no store tells of the column: none
// answers, or t has no schema.
func (s *Set) Folded(ctx context.Context, t Table, key []byte) (folded []byte, known bool) {
	sc, err := s.schemas.get(ctx, t, s.queryIn(t.Schema))
	if err != nil {
		return key, false
	}
	if sc.fold == nil || sc.fold.Keeps(key) {
		return key, true
	}
	if folded, err = sc.fold.Append(nil, key); err != nil {
		return key, false
	}
	return folded, true
}

func (c column) rule() (r KeyRule) {
	switch c.typ {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		return KeyInteger
	case "uuid":
		return KeyUUID
	case "char":
		r = KeyTrims
	}
	if c.numeric() || c.temporal() || c.unicode() || c.typ == "enum" || c.typ == "set" {
		return 0
	}
	if c.charset != "" && c.pads() {
		r |= KeyPads
	}
	return r | KeyText
}

// pads reports whether the column's collation takes trailing blanks for
// nothing, as nearly all do that are older than MySQL 8.
func (c column) pads() bool {
	return !strings.Contains(c.collation, "nopad") && !strings.Contains(c.collation, "_0900_") && c.collation != "binary"
}

// tellsApart returns an error of a key column that calls keys equal in a way that
// is not known here: 1, '1.0' and '1e0' are one DECIMAL, and 'a' may be an ENUM's
// number.
func (c column) tellsApart(fenced bool) error {
	switch {
	case c.rule() == 0:
		return protocol.Errorf(protocol.ErrNotSupportedYet, "dsmproxy: this statement can't be routed: a key column of type %s", c.typ)
	case fenced && c.wideCharset() && !strings.HasSuffix(c.collation, "_bin"):
		return notFenced("a key column of charset " + c.charset)
	case fenced && strings.HasSuffix(c.collation, "_ai_cs"):
		return notFenced("a key column of collation " + c.collation)
	}
	return nil
}
