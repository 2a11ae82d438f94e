package router

import (
	"context"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// results is the charset that a client's results have: what it has set
// character_set_results to.
type results struct {
	charset   string
	collation uint16 // as a column's metadata has it
	width     uint32 // of a character, in bytes
	none      bool   // it is NULL: texts come in the charset that they have
	of        *store.Session
}

// utf8mb4 is the charset of most clients' results.
var utf8mb4 = results{charset: "utf8mb4", collation: 45, width: 4}

// results returns the charset of what the proxy itself answers. Unless it is
// known to be utf8mb4 a store is asked.
func (s *session) results() results {
	state := s.data.State()
	if utf8mb4Collation(s.client.Collation) && !state.Assigns("names") && !state.Assigns("charset") && !state.Assigns("character_set_results") {
		r := utf8mb4
		if mysql8(s.router.Set.Version()) {
			r.collation = uint16(s.client.Collation)
		}
		return r
	}
	if s.shows.of != nil && s.shows.of == state {
		return s.shows
	}
	r := utf8mb4
	err := s.data.Ask(func(conn *store.Conn) error {
		rows, err := conn.Query(context.Background(), "SELECT s.CHARACTER_SET_NAME, c.ID, s.MAXLEN, @@character_set_results IS NULL FROM information_schema.COLLATIONS c"+
			" JOIN information_schema.CHARACTER_SETS s ON s.DEFAULT_COLLATE_NAME = c.COLLATION_NAME"+
			" WHERE s.CHARACTER_SET_NAME = IFNULL(@@character_set_results, 'utf8mb3')")
		if err != nil || len(rows) != 1 {
			return err
		}
		id, err := strconv.ParseUint(string(rows[0][1]), 10, 16)
		if err != nil {
			return err
		}
		width, err := strconv.ParseUint(string(rows[0][2]), 10, 8)
		r = results{charset: string(rows[0][0]), collation: uint16(id), width: uint32(width), none: string(rows[0][3]) == "1"}
		return err
	})
	if err == nil {
		r.of = state
		s.shows = r
	}
	return r
}

// utf8mb4Collation reports whether a collation that clients log in with is one of
// utf8mb4.
func utf8mb4Collation(id uint8) bool {
	return id == 45 || id == 46 || id >= 224 && id <= 247 || id == 255
}

// textColumn is a column of text in the charset of the client's results, of that
// charset's own collation.
func (s *session) textColumn(name string, length uint32) protocol.Column {
	r := s.results()
	c := protocol.Column{Name: name, Charset: r.collation, Length: length * r.width, Type: protocol.TypeVarString, Flags: 1, Decimals: 31}
	if s.mariaDB() {
		c.Decimals = 39
	}
	return c
}
