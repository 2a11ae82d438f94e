package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// marks is what the lanes' connections are marked with, by their thread.
type marks struct {
	mu   sync.Mutex
	of   map[string]uint64
	fail bool // no connection is fit
}

var errUnfit = errors.New("unfit")

func (m *marks) fit(_ context.Context, c *Conn, mark uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail {
		return errUnfit
	}
	if m.of == nil {
		m.of = make(map[string]uint64)
	}
	m.of[itoa(c.ThreadID())] = mark
	c.SetMark(mark)
	return nil
}

func (m *marks) sequel(sql string, mark uint64) *Sequel {
	return &Sequel{Payload: query(sql), Mark: mark, Fit: m.fit}
}

func (m *marks) refuse(all bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = all
}

// told is what an answer says: its rows' first columns, or its error.
func told(a *LaneAnswer) string {
	if e := a.Framer.Answer().Err; e != nil {
		return fmt.Sprint("error ", e.Code)
	}
	rows, err := parseRows(a.Frames, a.DeprecateEOF())
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, row := range rows {
		list = append(list, string(row[0]))
	}
	return strings.Join(list, ",")
}

// pair reads by a lane, and what is behind it.
func (ls *Lanes) pair(ctx context.Context, sql string, sequel *Sequel) (read, behind string, err error) {
	a, err := ls.Read(ctx, query(sql), nil, protocol.AnswerResult, 1, sequel)
	return pairOf(a, err)
}

// pair is the same in a lane that there is.
func (l *lane) pair(ctx context.Context, sql string, sequel *Sequel) (read, behind string, err error) {
	a, err := l.do(ctx, query(sql), nil, protocol.AnswerResult, 1, sequel)
	return pairOf(a, err)
}

func pairOf(a *LaneAnswer, err error) (read, behind string, _ error) {
	if err != nil {
		return "", "", err
	}
	defer a.Done()
	return told(a), told(a.Sequel), nil
}

// fitLane waits for a lane whose connection has the mark, the only one of ls,
// and free.
func (ls *Lanes) fitLane(ctx context.Context, t *testing.T, m *marks, mark uint64) *lane {
	t.Helper()
	ls.most = 1
	var l *lane
	eventually(t, "there is a lane", func() bool {
		_, _, err := ls.pair(ctx, "SELECT 1", m.sequel("SELECT 2", mark))
		if list := *ls.list.Load(); err == nil && len(list) == 1 {
			l = list[0]
			return l.depth.Load() == 0 && !l.closed.Load()
		}
		return false
	})
	return l
}

// TestSequelIsBehindItsRead: what a command's Sequel is told is of that very
// command, with nothing in between, whoever shares the lane.
func TestSequelIsBehindItsRead(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	several := app
	several.Capabilities |= protocol.ClientMultiStatements | protocol.ClientMultiResults
	for name, login := range map[string]Login{"single": app, "several": several} {
		t.Run(name, func(t *testing.T) {
			var m marks
			ls := s.Lanes(login, inLanes)
			ls.fitLane(ctx, t, &m, 1)
			ls.most = 2
			var all sync.WaitGroup
			var done atomic.Int64
			for i := range 16 {
				all.Go(func() {
					for j := range 60 {
						n := (i*7 + j) % 40
						read, sequel := fmt.Sprintf("SELECT id FROM a WHERE id < %d ORDER BY id", n), "SELECT FOUND_ROWS()"
						want, last := fmt.Sprint(n), n
						switch {
						case j%5 == 3: // one that the store refuses has one behind it as well
							read, sequel, want = "SELECT nothing", fmt.Sprintf("SELECT 'behind %d'", n), fmt.Sprint("behind ", n)
						case j%5 == 4:
							sequel, want = "SELECT nothing", "error 1054"
						case name == "several":
							sequel = fmt.Sprintf("SELECT FOUND_ROWS();SELECT %d;SELECT 2", n)
						}
						got, behind, err := ls.pair(ctx, read, m.sequel(sequel, 1))
						if err == ErrLane {
							continue
						}
						if err != nil || behind != want {
							t.Errorf("%s: behind it %q, %v, want %q", read, behind, err, want)
						}
						if j%5 == 3 {
							if got != "error 1054" {
								t.Errorf("%s: %q", read, got)
							}
						} else if rows := strings.Count(got, ",") + min(len(got), 1); rows != last {
							t.Errorf("%s: %q", read, got)
						}
						done.Add(1)
						if n := j % 40; j%7 == 0 { // one without
							if got, err := ls.text(ctx, fmt.Sprintf("SELECT v FROM b WHERE id = %d", n)); err != nil && err != ErrLane || err == nil && got != fmt.Sprint("value ", n) {
								t.Errorf("without a sequel: %q, %v", got, err)
							}
						}
					}
				})
			}
			all.Wait()
			if done.Load() == 0 {
				t.Error("nothing went by a lane")
			}
		})
	}
}

// TestSequelBehindExecute: of a prepared statement, which is prepared in the lane
// first.
func TestSequelBehindExecute(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var m marks
	ls := s.Lanes(app, inLanes)
	ls.fitLane(ctx, t, &m, 1)
	var stmts Shared
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			st := stmts.Get(fmt.Appendf(nil, "SELECT id FROM a WHERE id < %d", i+3), inLanes)
			defer st.Close()
			for range 30 {
				execute := []byte{byte(protocol.ComStmtExecute), 0, 0, 0, 0, 0, 1, 0, 0, 0}
				a, err := ls.Read(ctx, execute, st, protocol.AnswerResult, 1, m.sequel("SELECT FOUND_ROWS()", 1))
				if err == ErrLane {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if got, want := told(a.Sequel), fmt.Sprint(i+3); got != want || a.Framer.Answer().Err != nil {
					t.Errorf("behind a statement of %s rows: %q, %v", want, got, a.Framer.Answer().Err)
				}
				a.Done()
			}
		})
	}
	all.Wait()
}

// TestSequelWantsItsMark: a command with a Sequel goes by connections alone that
// were made fit for its mark; who asks for another one gives a lane up.
func TestSequelWantsItsMark(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var m marks
	ls := s.Lanes(app, inLanes)
	ask := func(mark uint64) (ok bool) {
		_, thread, err := ls.pair(ctx, "SELECT 1", m.sequel("SELECT CONNECTION_ID()", mark))
		if err != nil && err != ErrLane {
			t.Errorf("mark %d: %v", mark, err)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if got := m.of[thread]; err == nil && got != mark {
			t.Errorf("a read of mark %d went by a connection with %d", mark, got)
		}
		return err == nil
	}
	for turn := range uint64(6) {
		var all sync.WaitGroup
		for i := range uint64(8) {
			all.Go(func() {
				for range 10 {
					ask(turn + i%2)
				}
			})
		}
		all.Wait()
	}
	eventually(t, "the last mark has a lane", func() bool { return ask(99) })
	// Where no connection is fit, the one that was tried is closed.
	m.refuse(true)
	if ask(100) {
		t.Error("a read by a connection that is not fit")
	}
	eventually(t, "those that are not fit are closed, and the lanes are gone", func() bool {
		ask(100)
		return s.Stats().Open == s.Stats().Idle && len(*ls.list.Load()) == 0
	})
	m.refuse(false)
	eventually(t, "there is a lane again", func() bool { return ask(100) })
}

// TestSpoiltLaneIsGivenUp: behind an answer that says that the connection is not
// what it was, nobody gets it any more.
func TestSpoiltLaneIsGivenUp(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var m marks
	ls := s.Lanes(app, inLanes)
	l := ls.fitLane(ctx, t, &m, 1)
	a, err := ls.Read(ctx, query("SELECT 1"), nil, protocol.AnswerResult, 1, m.sequel("SELECT CONNECTION_ID()", 1))
	if err != nil {
		t.Fatal(err)
	}
	spoilt := told(a.Sequel)
	a.Spoilt()
	a.Done()
	eventually(t, "the lane has ended", func() bool {
		if _, thread, err := ls.pair(ctx, "SELECT 1", m.sequel("SELECT CONNECTION_ID()", 1)); err == nil && thread == spoilt {
			t.Fatal("a read by the lane")
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.ended
	})
	c := get(t, s, nil)
	defer c.Release()
	eventually(t, "its connection is closed", func() bool {
		return ask(t, c, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = "+spoilt) == "0"
	})
	ls.fitLane(ctx, t, &m, 1)
}
