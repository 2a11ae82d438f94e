package store

import (
	"context"
	"errors"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// A statement whose PREPARE nobody waits for any more, because a slow read was
// before it or because its client has left, is not left behind at the store.
func TestLanePrepareIsNotLeftBehind(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	ls := s.Lanes(app, inLanes)
	ls.most = 1
	asker := get(t, s, inLanes)
	defer asker.Release()
	prepared := func() string {
		return ask(t, asker, "SELECT VARIABLE_VALUE FROM "+globalStatus()+" WHERE VARIABLE_NAME = 'Prepared_stmt_count'")
	}
	eventually(t, "there is a lane", func() bool {
		_, err := ls.text(ctx, "SELECT 1")
		return err == nil
	})
	before := prepared()
	gone := errors.New("gone")
	for _, test := range []struct {
		name  string
		leave bool
		want  error
	}{
		{"behind a slow read", false, ErrLane},
		{"its client leaves", true, gone},
	} {
		var l *lane
		eventually(t, test.name+": the lane is free", func() bool {
			if list := *ls.list.Load(); len(list) == 1 {
				l = list[0]
				return l.depth.Load() == 0 && !l.closed.Load()
			}
			_, _ = ls.text(ctx, "SELECT 1")
			return false
		})
		exec(t, asker, "LOCK TABLES a WRITE")
		slow := make(chan error, 1)
		go func() {
			a, err := l.do(ctx, query("SELECT v FROM a WHERE id = 1"), nil, protocol.AnswerResult, 1, nil)
			if err == nil {
				a.Done()
			}
			slow <- err
		}()
		eventually(t, test.name+": a read is in the lane", func() bool { return l.depth.Load() > 0 })
		short, leave := context.WithCancelCause(ctx)
		if test.leave {
			leave(gone)
		}
		st := &Stmt{Text: []byte("SELECT v FROM b WHERE id = ?"), Session: inLanes}
		if err := l.prepare(short, st); err != test.want {
			t.Errorf("%s: prepare: %v, want %v", test.name, err, test.want)
		}
		leave(nil)
		exec(t, asker, "UNLOCK TABLES")
		if err := <-slow; err != nil {
			t.Errorf("%s: the slow read: %v", test.name, err)
		}
		eventually(t, test.name+": the PREPARE is answered", func() bool { return l.depth.Load() == 0 })
		eventually(t, test.name+": nothing is prepared", func() bool {
			_, _ = ls.text(ctx, "SELECT 1") // has it closed
			return prepared() == before
		})
	}
}
