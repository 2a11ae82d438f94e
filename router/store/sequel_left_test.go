package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
	"github.com/dsmproxy/dsmproxy/protocol"
)

// TestSequelIsLeft: who waits no more, be it for the read or for what is behind
// it, has it ended at the store, and nobody else gets either answer.
func TestSequelIsLeft(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	gone := errors.New("gone")
	var m marks
	ls := s.Lanes(app, inLanes)
	for _, test := range []struct {
		name, read, behind string
		waiting            int32 // answers that are waited for then
	}{
		{"the read waits", "SELECT v FROM a WHERE id = 1", "SELECT v FROM b WHERE id = 2", 2},
		{"the sequel waits", "SELECT v FROM b WHERE id = 2", "SELECT v FROM a WHERE id = 1", 1},
	} {
		l := ls.fitLane(ctx, t, &m, 1)
		locker := get(t, s, inLanes)
		exec(t, locker, "LOCK TABLES a WRITE")
		short, leave := context.WithCancelCause(ctx)
		ended := make(chan error, 1)
		go func() {
			_, _, err := l.pair(short, test.read, m.sequel(test.behind, 1))
			ended <- err
		}()
		waits := func() bool {
			return ask(t, locker, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%FROM a WHERE%' AND ID <> CONNECTION_ID()") != "0"
		}
		eventually(t, test.name, func() bool { return l.depth.Load() == test.waiting && waits() })
		leave(gone)
		if err := <-ended; err != gone {
			t.Errorf("%s: %v, want the cause", test.name, err)
		}
		eventually(t, test.name+": it is ended at the store", func() bool { return !waits() })
		exec(t, locker, "UNLOCK TABLES")
		locker.Release()
		eventually(t, test.name+": the lane has ended", func() bool { return l.depth.Load() == 0 && len(*ls.list.Load()) == 0 })
	}
	ls.wantPairs(ctx, t, &m, 1)
}

// wantPairs wants reads and what is behind them to be right from now on.
func (ls *Lanes) wantPairs(ctx context.Context, t *testing.T, m *marks, mark uint64) {
	t.Helper()
	right := 0
	eventually(t, "reads go by lanes", func() bool {
		i := rand.IntN(200)
		read, behind, err := ls.pair(ctx, fmt.Sprintf("SELECT v FROM a WHERE id = %d", i), m.sequel(fmt.Sprintf("SELECT v FROM b WHERE id = %d", 199-i), mark))
		if err == nil && (read != fmt.Sprint("value ", i) || behind != fmt.Sprint("value ", 199-i)) {
			t.Fatalf("value %d and behind it value %d: %q, %q", i, 199-i, read, behind)
		}
		if err == nil {
			right++
		}
		return right >= 20
	})
}

// TestSequelIsLeftAtAnyMoment: clients leave after times that differ by
// microseconds, the others go on.
func TestSequelIsLeftAtAnyMoment(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	gone := errors.New("gone")
	var m marks
	ls := s.Lanes(app, inLanes)
	ls.fitLane(ctx, t, &m, 1)
	ls.most = 2
	var all sync.WaitGroup
	var left, right atomic.Int64
	for i := range 12 {
		all.Go(func() {
			for j := range 150 {
				short, leave := context.WithCancelCause(ctx)
				n := (i*150 + j) % 200
				switch {
				case i%3 == 2: // stays
				case j%10 == 0:
					leave(gone)
				default:
					time.AfterFunc(time.Duration(rand.IntN(1500))*time.Microsecond, func() { leave(gone) })
				}
				read, behind, err := ls.pair(short, fmt.Sprintf("SELECT v FROM a WHERE id = %d", n), m.sequel(fmt.Sprintf("SELECT v FROM b WHERE id = %d", 199-n), 1))
				switch {
				case err == nil:
					right.Add(1)
					if read != fmt.Sprint("value ", n) || behind != fmt.Sprint("value ", 199-n) {
						t.Errorf("value %d and behind it value %d: %q, %q", n, 199-n, read, behind)
					}
				case err == gone:
					left.Add(1)
				case err != ErrLane:
					t.Errorf("read: %v", err)
				}
				leave(nil)
			}
		})
	}
	all.Wait()
	t.Logf("%d were answered, %d have left", right.Load(), left.Load())
	if right.Load() == 0 || left.Load() == 0 {
		t.Error("nobody has left, or nobody was answered")
	}
	eventually(t, "nobody is waited for", func() bool {
		for _, l := range *ls.list.Load() {
			if l.depth.Load() != 0 {
				return false
			}
		}
		return true
	})
	ls.wantPairs(ctx, t, &m, 1)
}

// TestSlowSequel: those behind a read that is slow, or whose sequel is, get
// ErrLane for both of theirs; it has its own two answers in the end, and the lane
// is in order.
func TestSlowSequel(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	var m marks
	ls := s.Lanes(app, inLanes)
	for _, test := range []struct {
		name, read, behind string
		waiting            int32
	}{
		{"the read waits", "SELECT v FROM a WHERE id = 1", "SELECT v FROM b WHERE id = 2", 2},
		{"the sequel waits", "SELECT v FROM b WHERE id = 1", "SELECT v FROM a WHERE id = 2", 1},
	} {
		l := ls.fitLane(ctx, t, &m, 1)
		locker := get(t, s, inLanes)
		exec(t, locker, "LOCK TABLES a WRITE")
		slow := make(chan string, 1)
		go func() {
			read, behind, err := l.pair(ctx, test.read, m.sequel(test.behind, 1))
			slow <- fmt.Sprint(read, " ", behind, " ", err)
		}()
		eventually(t, test.name, func() bool { return l.depth.Load() == test.waiting })
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				if read, behind, err := l.pair(ctx, fmt.Sprintf("SELECT v FROM b WHERE id = %d", i), m.sequel("SELECT 5", 1)); err != ErrLane {
					t.Errorf("%s: behind it %q, %q, %v, want ErrLane", test.name, read, behind, err)
				}
			})
		}
		all.Wait()
		select {
		case got := <-slow:
			t.Fatalf("%s: it has ended: %s", test.name, got)
		default:
		}
		// What they have given back is others' by now; the lane's answers to them
		// are still to come.
		others := elsewhere(ctx, t, s)
		exec(t, locker, "UNLOCK TABLES")
		locker.Release()
		if got := <-slow; got != "value 1 value 2 <nil>" {
			t.Errorf("%s: %s", test.name, got)
		}
		eventually(t, test.name+": the lane is free", func() bool { return l.depth.Load() == 0 && !l.closed.Load() })
		for i, a := range others {
			if got, want := told(a), fmt.Sprint("value ", i); got != want {
				t.Errorf("%s: the answer to somebody else is %q, want %q", test.name, got, want)
			}
			a.Done()
		}
		if read, behind, err := l.pair(ctx, "SELECT 3", m.sequel("SELECT 4", 1)); read != "3" || behind != "4" || err != nil {
			t.Errorf("%s: then %q, %q, %v", test.name, read, behind, err)
		}
	}
	ls.wantPairs(ctx, t, &m, 1)
}

// elsewhere has reads answered by lanes of another session state.
func elsewhere(ctx context.Context, t *testing.T, s *Store) (answers []*LaneAnswer) {
	t.Helper()
	other := s.Lanes(app, nil)
	eventually(t, "reads by other lanes", func() bool {
		a, err := other.Read(ctx, query(fmt.Sprintf("SELECT v FROM lanes.b WHERE id = %d", len(answers))), nil, protocol.AnswerResult, 1, nil)
		if err == nil {
			answers = append(answers, a)
		}
		return len(answers) == 30
	})
	return answers
}

// TestSequelIsCut breaks the connection after each byte of what three clients
// send and of what they are answered: each has both of its answers or ErrLane.
func TestSequelIsCut(t *testing.T) {
	var link *faultlink.Link
	s := laneStore(t, func(addr string) string {
		var err error
		if link, err = faultlink.New(addr); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { link.Close() })
		return link.Addr()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	var m marks
	ls := s.Lanes(app, inLanes)
	const read, behind, clients = "SELECT v FROM a WHERE id = 3", "SELECT v FROM b WHERE id = 4", 3
	l := ls.fitLane(ctx, t, &m, 1)
	a, err := l.do(ctx, query(read), nil, protocol.AnswerResult, 1, m.sequel(behind, 1))
	if err != nil {
		t.Fatal(err)
	}
	length := map[faultlink.Direction]int{
		faultlink.Up:   4 + len(query(read)) + 4 + len(query(behind)),
		faultlink.Down: len(a.Frames) + len(a.Sequel.Frames),
	}
	a.Done()
	for d, one := range length {
		for n := 0; n <= clients*one+1; n += 1 + n/one*4 { // closely for the first
			l := ls.fitLane(ctx, t, &m, 1)
			link.CutAfter(d, int64(n))
			var all sync.WaitGroup
			var right atomic.Int64
			for range clients {
				all.Go(func() {
					switch got, last, err := l.pair(ctx, read, m.sequel(behind, 1)); {
					case err == nil && got == "value 3" && last == "value 4":
						right.Add(1)
					case err != ErrLane:
						t.Errorf("%d bytes %v: %q, %q, %v", n, d, got, last, err)
					}
				})
			}
			all.Wait()
			if most := int64(n / one); right.Load() > most {
				t.Errorf("%d bytes %v: %d were answered of %d bytes each", n, d, right.Load(), one)
			}
			link.CutAfter(faultlink.Both, 1<<60)
			if n < clients*one {
				eventually(t, "the lane has ended", func() bool { return l.depth.Load() == 0 && len(*ls.list.Load()) == 0 })
			}
		}
	}
	ls.wantPairs(ctx, t, &m, 1)
}
