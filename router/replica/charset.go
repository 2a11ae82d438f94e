package replica

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A key is placed as the bytes that its column has of it, whatever charset the
// client speaks: 'é' of a latin1 client is C3A9 in a column of utf8mb4. ASCII is
// the same in all of them, so nothing here is run for a key of that. For others
// a store is asked, unless it is clear that they stay as they are.

// charsets are those of a client's session: of what it sends, and of what its
// literals are then converted to.
type charsets struct {
	client, connection string
	of                 *store.Session // the state that has them
	known              bool
}

// charsetBinary is no charset: what is in it is bytes to any column.
const charsetBinary = "binary"

// InColumn returns key as t's key column has it. from is the charset that it is
// in, "" for that of the client's literals.
func (c *Client) InColumn(t Table, key []byte, from string) ([]byte, error) {
	sc, err := c.schema(t)
	if err != nil || from == charsetBinary || sc.key.numeric() || sc.key.temporal() || sc.key.unicode() {
		return key, nil // a table that can't be read is the store's to tell of
	}
	through := []string{from}
	if from == "" {
		if err := c.learnCharsets(); err != nil {
			return nil, err
		}
		through = []string{c.charsets.client, c.charsets.connection}
	}
	to := sc.key.charset
	if sc.key.wideCharset() {
		return key, nil
	}
	if to != "" {
		through = append(through, to)
	}
	for i, cs := range through {
		if cs == charsetBinary {
			through = through[:i]
			break
		}
	}
	if staysAsIs(through, key) {
		return key, nil
	}
	sql := fmt.Sprintf("_%s x'%x'", through[0], key)
	for _, cs := range through[1:] {
		sql = "CONVERT(" + sql + " USING " + cs + ")"
	}
	rows, err := c.set.Query(c.ctx, "", "SELECT CAST("+sql+" AS BINARY)")
	switch {
	case err != nil && !storeFailed(err):
		return key, nil // no text in that charset, as the store will say
	case err != nil:
		return nil, err
	}
	return rows[0][0], nil
}

// staysAsIs reports whether key is the same in all the given charsets.
func staysAsIs(through []string, key []byte) bool {
	if len(through) < 2 {
		return true
	}
	for _, cs := range through[1:] {
		same := cs == through[0] || strings.HasPrefix(cs, "utf8") && strings.HasPrefix(through[0], "utf8") && utf8.Valid(key)
		if !same {
			return false
		}
	}
	return true
}

// learnCharsets asks a store that the session state is known to, which costs
// one trip for each client and change of its state.
func (c *Client) learnCharsets() error {
	if c.charsets.known && c.charsets.of == c.state {
		return nil
	}
	return c.Ask(func(conn *store.Conn) error {
		rows, err := conn.Query(c.ctx, "SELECT @@character_set_client, @@character_set_connection")
		if err != nil {
			return err
		}
		if len(rows) != 1 || len(rows[0]) != 2 {
			return protocol.Errorf(protocol.ErrUnknown, "dsmproxy: a store does not tell its charsets")
		}
		c.charsets = charsets{string(rows[0][0]), string(rows[0][1]), c.state, true}
		return nil
	})
}
