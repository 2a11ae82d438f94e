package ledger

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// A record whose key changes is written under the new key at one store and
// deleted under the old one at another, by two COMMITs. The first also writes,
// to the table moving, what the second is to delete, in which version. That is a
// record like others, whose key is the new one, so that it has the same primary,
// the same copies and the same fate. Where there is one some time later, the
// second COMMIT may never have come; whoever finds it deletes what is still in
// that version, and then the note.

// movingAge is how many seconds old a note must be for its writer to be thought
// dead.
const movingAge = 2

// movingMost bounds how many notes are read at once.
const movingMost = 200

// Note is what is left to be done of moves.
type Note struct {
	Key     fence.Key // of the note itself
	Version view.Version
	Old     []Moved
}

// Moved is a record that has another key.
type Moved struct {
	Key     fence.Key
	Version view.Version
}

// NoteOf is the key under which moves to a record are noted.
func (l *Ledger) NoteOf(to fence.Key) (fence.Key, error) {
	if len(l.Stores) == 0 {
		return fence.Key{}, errNoTable
	}
	number, err := l.Add(Table{Schema: l.Stores[0].cfg.Schema, Name: movingTable, Key: "k"})
	return fence.Key{Table: number, ID: to.ID}, err
}

const movingTable = "moving"

// Noting is the statement that notes a move within the transaction that writes
// the record under its new key.
func (s *Store) Noting(to fence.Key, old Moved) string {
	v := old.Version
	line := fmt.Sprintf("%d %x %d,%d,%d\n", old.Key.Table, old.Key.ID, v.Epoch, v.N, v.ID)
	j := s.begin()
	defer s.end(j)
	j.add("INSERT INTO ", s.texts.moving, "(k,old,made) VALUES(").hex(to.ID).add(",").hex([]byte(line)).
		add(",UNIX_TIMESTAMP(SYSDATE())) ON DUPLICATE KEY UPDATE old=CONCAT(old,VALUES(old)),made=VALUES(made)")
	return string(j.buf[1:])
}

// Version is that of a record, as it is committed.
func (s *Store) Version(ctx context.Context, key fence.Key) (v view.Version, err error) {
	j := s.begin()
	j.add("SELECT CONCAT_WS(',',ep,n,wid) FROM ", s.texts.ver, " WHERE t=").num(uint64(key.Table)).add(" AND k=").hex(key.ID)
	text := string(j.buf[1:])
	s.end(j)
	rows, err := s.lookUp(ctx, text)
	if err == nil && len(rows) > 0 {
		v, err = versionOf(rows[0][0])
	}
	return v, err
}

// Notes are those that are old enough. A store that was founded before there was
// a table for them gets one.
func (s *Store) Notes(ctx context.Context, number uint16) (list []Note, err error) {
	j := s.begin()
	j.add("SELECT m.k,m.old,CONCAT_WS(',',v.ep,v.n,v.wid) FROM ", s.texts.moving, " m JOIN ", s.texts.ver, " v ON v.t=").num(uint64(number)).
		add(" AND v.k=m.k WHERE m.made<=UNIX_TIMESTAMP(SYSDATE())-").num(movingAge).add(" LIMIT ").num(movingMost)
	text := string(j.buf[1:])
	s.end(j)
	rows, err := s.lookUp(ctx, text)
	if noTable(err) {
		return nil, s.makeMoving(ctx)
	}
	for _, r := range rows {
		n := Note{Key: fence.Key{Table: number, ID: bytes.Clone(r[0])}}
		if n.Version, err = versionOf(r[2]); err != nil {
			return nil, err
		}
		for line := range bytes.Lines(r[1]) {
			m, err := movedOf(bytes.TrimSpace(line))
			if err != nil {
				return nil, err
			}
			n.Old = append(n.Old, m)
		}
		list = append(list, n)
	}
	return list, err
}

func (s *Store) makeMoving(ctx context.Context) error {
	c, err := s.service(ctx, false)
	if err != nil {
		return err
	}
	defer c.Release()
	_, err = c.Exec(ctx, s.movingDDL())
	return err
}

func (s *Store) lookUp(ctx context.Context, text string) ([][][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	c, err := s.service(ctx, false)
	if err != nil {
		return nil, err
	}
	defer c.Release()
	return c.Query(ctx, text)
}

func versionOf(text []byte) (view.Version, error) {
	var n [3]uint64
	if numbers(text, n[:]) != 3 {
		return view.Version{}, errOdd
	}
	return view.Version{Epoch: n[0], N: n[1], ID: n[2]}, nil
}

func movedOf(line []byte) (m Moved, err error) {
	f := bytes.Fields(line)
	if len(f) != 3 {
		return m, errOdd
	}
	number, err := strconv.ParseUint(string(f[0]), 10, 16)
	if err != nil {
		return m, errOdd
	}
	m.Key.Table = uint16(number)
	if m.Key.ID, err = hex.DecodeString(string(f[1])); err != nil {
		return m, errOdd
	}
	m.Version, err = versionOf(f[2])
	return m, err
}
