package router

import (
	"encoding/binary"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// cursors are the open cursors of a client's prepared statements. Each keeps
// the store connection on which it was opened.
type cursors map[uint32]*replica.Cursor

// keepCursor notes the cursor that an EXECUTE has opened, if it has.
func (s *session) keepCursor(p *prepared) {
	if c := s.data.TakeCursor(); c != nil {
		if s.cursors == nil {
			s.cursors = make(cursors)
		}
		s.cursors[p.id] = c
	}
}

// fetch carries COM_STMT_FETCH out on the connection that has the cursor.
func (s *session) fetch(payload []byte) error {
	p, err := s.find(payload, "mysqld_stmt_fetch")
	if err != nil {
		return err
	}
	cursor := s.cursors[p.id]
	if cursor == nil {
		return &protocol.Error{Code: 1421, State: "HY000", Message: "The statement has no open cursor."}
	}
	id, err := cursor.StmtID(p.stmt)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(payload[1:], id)
	more, err := s.data.Fetch(cursor, &textRequest{payload: payload, answer: protocol.AnswerRows})
	if !more {
		delete(s.cursors, p.id)
	}
	return err
}

func (s *session) dropCursorOf(p *prepared) {
	if c := s.cursors[p.id]; c != nil {
		s.data.CloseCursor(c)
		delete(s.cursors, p.id)
	}
}

func (s *session) dropCursors() {
	for id, c := range s.cursors {
		s.data.CloseCursor(c)
		delete(s.cursors, id)
	}
}
