package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A store without a register may have records nevertheless: those from before
// the protocol, or those of a store whose ledger was dropped. They are listed in
// ver, with the version that a record without one counts as, before its gate is
// opened: what is not listed there would neither be healed nor be removed. If
// the session tables are missing, they are made as they are at another store.

// adoption is what is being done to a Blank store.
type adoption struct {
	mu      sync.Mutex // guards what follows
	running bool
	done    bool
	err     error
	told    string // the error that was logged last

	listed, of atomic.Uint64 // records, of about how many
}

// Adopting is how many records of a store without a register have been listed,
// of about how many; 0, 0 if none is being prepared.
func (s *Store) Adopting() (listed, of uint64) {
	a := &s.adoption
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.running {
		return 0, 0
	}
	return a.listed.Load(), a.of.Load()
}

var errPreparing = errors.New("the store is being prepared")

// forget has the next Blank store of that name prepared anew.
func (a *adoption) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.running {
		a.done, a.err = false, nil
	}
}

// prepared reports whether a Blank store is ready to be opened, and begins to
// make it so if nobody does.
func (w *Witness) prepared(how fence.Opening) (bool, error) {
	s := w.own
	if s == nil {
		err := w.Prepare(context.Background())
		return err == nil, err
	}
	a := &s.adoption
	if how == fence.Found { // an operator waits
		a.mu.Lock()
		running := a.running
		a.running = true
		a.mu.Unlock()
		if running {
			return false, errPreparing
		}
		a.end(s.adopt(context.Background(), how))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.done:
		return true, nil
	case a.running:
		return false, errPreparing
	}
	err := a.err
	if err == nil {
		err = errPreparing
	}
	a.running, a.err = true, nil
	go func() {
		err := s.adopt(context.Background(), how)
		if a.end(err) {
			s.cfg.Log.Warn("new store can't be prepared yet", "store", s.Name(), "err", err, "action", "it is tried again by itself")
		}
	}()
	return false, err
}

// end notes what has come of it, and reports whether it is an error that is new.
func (a *adoption) end(err error) (news bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running, a.done, a.err = false, err == nil, err
	was := a.told
	if a.told = ""; err != nil {
		a.told = err.Error()
	}
	return a.told != "" && a.told != was
}

// adopt prepares a Blank store. Each of its steps ends in bounded time.
func (s *Store) adopt(ctx context.Context, how fence.Opening) error {
	if err := s.Prepare(ctx); err != nil {
		return err
	}
	for _, other := range s.siblings() {
		if other != s {
			other.tell(ctx)
		}
	}
	s.adoption.listed.Store(0)
	s.adoption.of.Store(0)
	for _, t := range s.cfg.known.all() {
		if n, err := s.Rows(ctx, t); err == nil {
			s.adoption.of.Add(n)
		}
	}
	for _, t := range s.cfg.known.all() {
		there, err := s.make(ctx, t)
		if err != nil {
			return fmt.Errorf("table %s.%s on store %s: %w", t.Schema, t.Name, s.Name(), err)
		}
		if !there {
			continue
		}
		if err := s.list(ctx, t); err != nil {
			return fmt.Errorf("records of %s.%s on store %s: %w", t.Schema, t.Name, s.Name(), err)
		}
	}
	if how != fence.Found {
		return nil
	}
	c, err := s.service(ctx, true)
	if err != nil {
		return err
	}
	defer c.Release()
	rows, err := c.Query(ctx, "SELECT 1 FROM "+s.texts.ver+" WHERE ep<>0 OR n<>0 LIMIT 1")
	if err == nil && len(rows) > 0 {
		err = fmt.Errorf("schema %s on store %s has versions of records from before: drop it first", s.cfg.Schema, s.Name())
	}
	return err
}

// tell makes the tables known that the store has noted, if it answers.
func (s *Store) tell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	c, err := s.service(ctx, false)
	if err != nil {
		return
	}
	defer c.Release()
	_ = s.learn(ctx, c)
	_ = s.discover(ctx, c)
}

// make makes a session table that is missing as it is at another store. It is
// false if no store has it yet.
func (s *Store) make(ctx context.Context, t *Table) (there bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.OwnTimeout)
	defer cancel()
	c, err := s.service(ctx, true)
	if err != nil {
		return false, err
	}
	defer c.Release()
	show := "SHOW CREATE TABLE " + quoteName(t.Schema) + "." + quoteName(t.Name)
	if _, err = c.Query(ctx, show); !noTable(err) {
		return err == nil, err
	}
	var silent error // a store that may have it
	for _, other := range s.siblings() {
		if other == s {
			continue
		}
		ddl, err := other.ddlOf(ctx, show)
		if err != nil {
			if !noTable(err) {
				silent = err
			}
			continue
		}
		if _, err := c.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+quoteName(t.Schema)); err != nil {
			return false, err
		}
		return true, s.createIn(ctx, t.Schema, ddl)
	}
	return false, silent
}

// noTable reports whether err says that a table is not there.
func noTable(err error) bool {
	var e *protocol.Error
	return errors.As(err, &e) && (e.Code == protocol.ErrNoSuchTable || e.Code == protocol.ErrBadDB)
}

func (s *Store) ddlOf(ctx context.Context, show string) (string, error) {
	c, err := s.service(ctx, false)
	if err != nil {
		return "", err
	}
	defer c.Release()
	rows, err := c.Query(ctx, show)
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) < 2 {
		return "", errOdd
	}
	return string(rows[0][1]), nil
}

// createIn runs a CREATE TABLE that names no schema.
func (s *Store) createIn(ctx context.Context, schema, ddl string) error {
	c, err := s.st.GetReserved(ctx, s.cfg.Login, s.session.WithDB(schema), true)
	if err != nil {
		return err
	}
	defer c.Release()
	_, err = c.Exec(ctx, ddl)
	return err
}

// adoptPage is how many records are listed at a time.
const adoptPage = 2000

// list gives each record of a table its row in ver.
func (s *Store) list(ctx context.Context, t *Table) error {
	key := quoteName(t.Key)
	from := quoteName(t.Schema) + "." + quoteName(t.Name)
	where := ""
	for {
		c, err := s.service(ctx, true)
		if err != nil {
			return err
		}
		rows, err := s.listPage(ctx, c, t, "SELECT CAST("+key+" AS BINARY) FROM "+from+where+
			fmt.Sprintf(" ORDER BY %s LIMIT %d", key, adoptPage))
		c.Release()
		s.adoption.listed.Add(uint64(len(rows)))
		if err != nil || len(rows) < adoptPage {
			return err
		}
		sh, err := s.shape(ctx, t.Number)
		if err != nil {
			return err
		}
		j := s.begin()
		j.buf = j.buf[:0]
		// Above the last one, in the order of the column itself.
		sh.literalKey(j, rows[len(rows)-1][0])
		where = " WHERE " + key + ">" + string(j.buf)
		s.end(j)
	}
}

func (s *Store) listPage(ctx context.Context, c *store.Conn, t *Table, query string) ([][][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.OwnTimeout)
	defer cancel()
	rows, err := c.Query(ctx, query)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	j := s.begin()
	defer s.end(j)
	j.buf = j.buf[:0]
	j.add("INSERT IGNORE INTO ", s.texts.ver, "(t,k,ep,n,wid,iep,fl,tick) SELECT d.* FROM (")
	sh, err := s.shape(ctx, t.Number)
	if err != nil {
		return nil, err
	}
	for i, r := range rows {
		id, err := sh.adoptable(r[0])
		if err != nil {
			return nil, err
		}
		if i > 0 {
			j.add(" UNION ALL ")
		}
		j.add("SELECT ").num(uint64(t.Number)).add(" AS t,").hex(id).add(" AS k,0 AS ep,0 AS n,0 AS wid,0 AS iep,0 AS fl,0 AS tick")
	}
	j.add(") d WHERE NOT EXISTS(SELECT 1 FROM ", s.texts.view, ")")
	_, err = c.Exec(ctx, string(j.buf))
	return rows, err
}
