package store

import (
	"bytes"
	"context"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// TextName is the name under which statements are prepared by SQL: of each
// connection one, which the next one replaces.
const TextName = "dsmproxy"

// PrepareText prepares st on this connection by SQL, as TextName, unless that is
// what is prepared there. Session state and answers that are waited for are
// treated as StmtID does.
func (c *Conn) PrepareText(ctx context.Context, st *Stmt, noBackslash bool) error {
	if c.text == st {
		return nil
	}
	former := c.session
	if !former.parsesAlike(st.Session) && !(c.holds() && former.DB() == st.Session.DB() && meansTheSame(st.Text)) {
		if err := c.Align(ctx, st.Session); err != nil {
			return err
		}
	}
	c.setText(nil)
	if _, err := c.Exec(ctx, "PREPARE "+TextName+" FROM "+quote(st.Text, noBackslash)); err != nil {
		return err
	}
	c.setText(st)
	if err := c.Align(ctx, former); err != nil {
		return err
	}
	if c.text != st {
		return protocol.Errorf(protocol.ErrNotSupportedYet,
			"dsmproxy: a prepared statement can't be used on store %s in a session whose variables were changed since by what is not a constant", c.store.cfg.Name)
	}
	return nil
}

// setText notes what is prepared by SQL.
func (c *Conn) setText(st *Stmt) {
	switch {
	case c.text == nil && st != nil:
		c.store.texts.Add(1)
	case c.text != nil && st == nil:
		c.store.texts.Add(-1)
	}
	c.text = st
}

// textRounds is how many of the janitor's rounds a statement that was prepared
// by SQL is kept on an idle connection.
const textRounds = 2

// dropTexts resets the idle connections with a statement that was prepared by
// SQL and is not used any more: its client may be gone, and who uses them next
// need not wait for the answer.
func (s *Store) dropTexts(round uint32) {
	s.mu.Lock()
	var unused []*Conn
	for c := s.oldest; c != nil; {
		next := c.newer
		if c.text != nil && round-c.rested >= textRounds {
			s.unlink(c)
			unused = append(unused, c)
		}
		c = next
	}
	s.mu.Unlock()
	for _, c := range unused {
		if !c.startReset() {
			c.Discard()
			continue
		}
		s.put(c)
	}
}

// quote makes a string literal of text; noBackslash is how the session that it
// is for reads a backslash.
func quote(text []byte, noBackslash bool) string {
	text = bytes.ReplaceAll(text, []byte("'"), []byte("''"))
	if !noBackslash {
		text = bytes.ReplaceAll(text, []byte(`\`), []byte(`\\`))
	}
	return "'" + string(text) + "'"
}
