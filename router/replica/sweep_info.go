package replica

import (
	"fmt"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// updated is what an UPDATE tells beside its affected rows, which are the rows
// that matched for clients with CLIENT_FOUND_ROWS.
type updated struct{ matched, changed uint64 }

const updatedInfo = "Rows matched: %d  Changed: %d  Warnings: %d"

// info is the text that goes with the answer.
func (u updated) info(warnings uint16) string {
	return fmt.Sprintf(updatedInfo, u.matched, u.changed, warnings)
}

// sweptInfo is what stores have told of a batch, by store.
type sweptInfo map[int]updated

// note takes over what one has told.
func (s sweptInfo) note(cp *copyOf, frames []byte) error {
	if cp.answer.Err == nil {
		s[cp.store] = tellsOf(frames)
	}
	return nil
}

// tellsOf reads what an answer tells, in frames.
func tellsOf(frames []byte) (u updated) {
	if len(frames) < 4 {
		return u
	}
	ok, _, is := protocol.ParseOK(frames[4:])
	var warnings int
	if !is || ok.Info == "" {
		return u
	}
	if _, err := fmt.Sscanf(ok.Info, updatedInfo, &u.matched, &u.changed, &warnings); err != nil {
		return updated{}
	}
	return u
}
