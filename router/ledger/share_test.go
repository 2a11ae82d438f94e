package ledger

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// sharedText is a text that goes by lanes where it can.
type sharedText struct {
	text
	lanes *store.Lanes
	taken bool // its answer came by a lane
}

func (s *sharedText) Share(*store.Store) (Request, bool) {
	return Request{
		Lanes: s.lanes, Payload: append([]byte{byte(protocol.ComQuery)}, s.sql...),
		Answer: protocol.AnswerResult, Sequence: 1,
	}, true
}

func (s *sharedText) Take(a *store.LaneAnswer) bool {
	s.taken = true
	s.frames, s.answer = append([]byte(nil), a.Frames...), *a.Framer.Answer()
	return true
}

// TestReadByLane: reads of many clients learn by lanes of each version that was
// committed before, and go on by connections of their own where a lane is not
// what it was, or not of this admission.
func TestReadByLane(t *testing.T) {
	o := found(t)
	l := login
	l.Capabilities = protocol.ClientDeprecateEOF
	ls := o.st.Lanes(l, nil)
	for range 16 { // as many reads are under way
		ls.Enter()
		defer ls.Leave()
	}
	leased := o.guard()
	leased.Leased = true
	const keys = 12
	read := func(g fence.Guard, i int) (*sharedText, fence.Entry, error) {
		marks := make([]fence.Entry, 1)
		st := &sharedText{text: text{sql: fmt.Sprintf("SELECT data FROM app.sessions WHERE id='k%d'", i)}, lanes: ls}
		err := o.Read(o.ctx(), g, st, []fence.Key{key(fmt.Sprintf("k%d", i))}, marks)
		return st, marks[0], err
	}
	taken := func(what string) {
		t.Helper()
		for begun := time.Now(); ; {
			st, _, err := read(leased, 0)
			switch {
			case err != nil:
				t.Fatalf("%s: %v", what, err)
			case st.taken:
				return
			case time.Since(begun) > patience:
				t.Fatalf("%s: nothing goes by a lane", what)
			}
		}
	}
	if st, mark, err := read(leased, 0); err != nil || mark.Known || st.value() != "-" {
		t.Fatalf("a record that is not there: %q, %+v, %v", st.value(), mark, err)
	}
	taken("at first")
	for turn := range 5 {
		for i := range keys {
			o.mustWrite(uint64(100*turn+i+1), fmt.Sprintf("REPLACE INTO app.sessions (id, data) VALUES ('k%d', 'v%d')", i, turn), key(fmt.Sprintf("k%d", i)))
		}
		var all sync.WaitGroup
		for i := range keys {
			all.Go(func() {
				for range 10 {
					st, mark, err := read(leased, i)
					want := fmt.Sprintf("v%d", turn)
					if err != nil || st.value() != want || !mark.Known || mark.Version.ID != uint64(100*turn+i+1) || mark.Version.N != uint64(turn+1) {
						t.Errorf("k%d: %q, mark %+v, %v; want %q of turn %d", i, st.value(), mark, err, want, turn)
					}
				}
			})
		}
		all.Wait()
	}
	taken("with versions")
	for _, ddl := range []string{"FLUSH TABLES", "ALTER TABLE dsm.ver COMMENT 'looked at'"} {
		ctx, cancel := context.WithTimeout(o.ctx(), time.Minute)
		defer cancel()
		if _, err := o.db.ExecContext(ctx, ddl); err != nil { // a lane that rests makes way
			t.Fatalf("%s: %v", ddl, err)
		}
		if st, mark, err := read(leased, 0); err != nil || st.value() != "v4" || mark.Version.ID != 401 {
			t.Errorf("after %s: %q, %+v, %v", ddl, st.value(), mark, err)
		}
		taken("after " + ddl)
	}
	other := leased
	other.Boot++
	if st, _, err := read(other, 0); err == nil || st.taken {
		t.Errorf("another boot: %v, by a lane %t; want ErrClosed", err, st.taken)
	}
	taken("after another boot")
	unleased := leased
	unleased.Leased = false
	if st, _, err := read(unleased, 0); err != nil || st.taken {
		t.Errorf("without a lease: %v, by a lane %t", err, st.taken)
	}
}
