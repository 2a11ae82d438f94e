package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
	"github.com/dsmproxy/dsmproxy/protocol"
)

// laneStore runs a store with tables of n numbered rows, at addr or at a server
// of its own.
func laneStore(t *testing.T, addr func(string) string) *Store {
	t.Helper()
	server := startServer(t)
	to := server.Addr()
	if addr != nil {
		to = addr(to)
	}
	s := New(config(t, to))
	run(t, s)
	c := get(t, s, nil)
	exec(t, c, "CREATE DATABASE lanes")
	for _, table := range []string{"lanes.a", "lanes.b"} {
		exec(t, c, "CREATE TABLE "+table+" (id int PRIMARY KEY, v text)")
		var rows []string
		for i := range 200 {
			rows = append(rows, fmt.Sprintf("(%d, 'value %d')", i, i))
		}
		exec(t, c, "INSERT INTO "+table+" VALUES "+strings.Join(rows, ","))
	}
	c.Release()
	return s
}

var inLanes = (*Session)(nil).WithDB("lanes")

func query(sql string) []byte { return append([]byte{byte(protocol.ComQuery)}, sql...) }

// text reads a text by a lane.
func (ls *Lanes) text(ctx context.Context, sql string) (string, error) {
	a, err := ls.Read(ctx, query(sql), nil, protocol.AnswerResult, 1, nil)
	if err != nil {
		return "", err
	}
	defer a.Done()
	if e := a.Framer.Answer().Err; e != nil {
		return "", e
	}
	rows, err := parseRows(a.Frames, true)
	if err != nil || len(rows) != 1 {
		return "", fmt.Errorf("%d rows, %w", len(rows), err)
	}
	return string(rows[0][0]), nil
}

// execute reads v of a row by a prepared statement.
func (ls *Lanes) execute(ctx context.Context, st *Stmt, id int) (string, error) {
	p := binary.LittleEndian.AppendUint32([]byte{byte(protocol.ComStmtExecute)}, 0)
	p = append(p, 0, 1, 0, 0, 0, 0, 1, 3, 0)
	p = binary.LittleEndian.AppendUint32(p, uint32(id))
	a, err := ls.Read(ctx, p, st, protocol.AnswerResult, 1, nil)
	if err != nil {
		return "", err
	}
	defer a.Done()
	if e := a.Framer.Answer().Err; e != nil {
		return "", e
	}
	i := slices.Index(a.Frames, 'v')
	for j := i; j >= 0; j += i + 1 { // the last v begins the value
		if i = slices.Index(a.Frames[j+1:], 'v'); i < 0 {
			return strings.TrimRight(string(a.Frames[j:j+int(a.Frames[j-1])]), "\x00"), nil
		}
	}
	return "", errors.New("no value")
}

func TestLanesGiveEachItsOwn(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ls := s.Lanes(app, inLanes)
	if other := s.Lanes(app, inLanes.WithDB("mysql")); other == ls {
		t.Error("two session states share lanes")
	}
	if again := s.Lanes(app, (*Session)(nil).WithDB("lanes")); again != ls {
		t.Error("one session state has lanes twice")
	}
	var stmts Shared
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			st := stmts.Get([]byte("SELECT v FROM a WHERE id = ?"), inLanes)
			defer st.Close()
			for j := range 50 {
				id := (i*31 + j) % 200
				want := fmt.Sprintf("value %d", id)
				got, err := ls.text(ctx, fmt.Sprintf("SELECT v FROM a WHERE id = %d", id))
				if err != nil && err != ErrLane || err == nil && got != want {
					t.Errorf("text: %q, %v, want %q", got, err, want)
				}
				got, err = ls.execute(ctx, st, id)
				if err != nil && err != ErrLane || err == nil && got != want {
					t.Errorf("prepared: %q, %v, want %q", got, err, want)
				}
			}
		})
	}
	all.Wait()
	if n := len(*ls.list.Load()); n > ls.most {
		t.Errorf("%d lanes, want %d at most", n, ls.most)
	}
	if _, err := ls.text(ctx, "SELECT nothing"); codeOf(err) != 1054 {
		t.Errorf("an error of the store: %v", err)
	}
	// Whose statements are closed has them closed at the store.
	c := get(t, s, nil)
	defer c.Release()
	eventually(t, "the statements are closed", func() bool {
		_, _ = ls.text(ctx, "SELECT 1")
		return ask(t, c, "SELECT VARIABLE_VALUE FROM "+globalStatus()+" WHERE VARIABLE_NAME = 'Prepared_stmt_count'") == "0"
	})
}

// TestLaneGathers: those who could run when one of them is about to write have
// their commands written with that one's.
func TestLaneGathers(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ls := s.Lanes(app, inLanes)
	if _, err := ls.text(ctx, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	l := (*ls.list.Load())[0]
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const clients = 8
	command := query("SELECT v FROM a WHERE id = 7")
	written := 0
	for range 20 { // somebody may have been interrupted in between
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				a, err := l.do(ctx, command, nil, protocol.AnswerResult, 1, nil)
				if err != nil {
					t.Error(err)
					return
				}
				a.Done()
			})
		}
		all.Wait()
		l.mu.Lock()
		written = max(written, len(l.spare)) // by the last write
		l.mu.Unlock()
	}
	if want := clients * (4 + len(command)); written != want {
		t.Errorf("%d bytes were written at once, want %d", written, want)
	}
}

func codeOf(err error) uint16 {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func globalStatus() string {
	if installation.MariaDB() {
		return "information_schema.GLOBAL_STATUS"
	}
	return "performance_schema.global_status"
}

// Those behind a read that waits for a lock are sent elsewhere, and so is who
// comes then; it has its answer in the end.
func TestSlowReadHoldsUpNobody(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	ls := s.Lanes(app, inLanes)
	ls.most = 1
	locker := get(t, s, inLanes)
	exec(t, locker, "LOCK TABLES a WRITE")
	slow := make(chan string, 1)
	go func() {
		got, err := ls.text(ctx, "SELECT v FROM a WHERE id = 7")
		slow <- fmt.Sprint(got, err)
	}()
	eventually(t, "the read is in its lane", func() bool {
		list := *ls.list.Load()
		return len(list) == 1 && list[0].depth.Load() > 0
	})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for range 5 {
				if got, err := ls.text(ctx, fmt.Sprintf("SELECT v FROM b WHERE id = %d", i)); err != ErrLane {
					t.Errorf("behind a slow read: %q, %v, want ErrLane", got, err)
				}
			}
		})
	}
	all.Wait()
	select {
	case got := <-slow:
		t.Fatalf("the slow read has ended: %s", got)
	default:
	}
	exec(t, locker, "UNLOCK TABLES")
	locker.Release()
	if got := <-slow; got != "value 7<nil>" {
		t.Errorf("the slow read: %s", got)
	}
	eventually(t, "the lane is used again", func() bool {
		got, err := ls.text(ctx, "SELECT v FROM b WHERE id = 9")
		if err == nil && got != "value 9" {
			t.Fatalf("got %q", got)
		}
		return err == nil
	})
}

// Who leaves has its read ended at the store once it is slow, and nobody gets
// its answer.
func TestLeftReadIsEnded(t *testing.T) {
	s := laneStore(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	ls := s.Lanes(app, inLanes)
	ls.most = 1
	locker := get(t, s, inLanes)
	exec(t, locker, "LOCK TABLES a WRITE")
	gone := errors.New("gone")
	short, leave := context.WithCancelCause(ctx)
	eventually(t, "a read waits at the store", func() bool {
		go func() { _, _ = ls.text(short, "SELECT v FROM a WHERE id = 1") }()
		return ask(t, locker, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%FROM a WHERE%' AND ID <> CONNECTION_ID()") != "0"
	})
	leave(gone)
	if _, err := ls.text(short, "SELECT v FROM b WHERE id = 1"); err != gone && err != ErrLane {
		t.Errorf("after leaving: %v", err)
	}
	eventually(t, "it is ended at the store", func() bool {
		return ask(t, locker, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%FROM a WHERE%' AND ID <> CONNECTION_ID()") == "0"
	})
	exec(t, locker, "UNLOCK TABLES")
	locker.Release()
	eventually(t, "there is another lane", func() bool {
		got, err := ls.text(ctx, "SELECT v FROM a WHERE id = 3")
		if err == nil && got != "value 3" {
			t.Fatalf("got %q", got)
		}
		return err == nil
	})
}

// What is in a lane when it is cut gets its answer or ErrLane, and later ones
// get theirs.
func TestLaneIsCut(t *testing.T) {
	var link *faultlink.Link
	s := laneStore(t, func(addr string) string {
		var err error
		if link, err = faultlink.New(addr); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { link.Close() })
		return link.Addr()
	})
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	ls := s.Lanes(app, inLanes)
	end := make(chan struct{})
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := i; ; j++ {
				select {
				case <-end:
					return
				default:
				}
				want := fmt.Sprintf("value %d", j%200)
				got, err := ls.text(ctx, fmt.Sprintf("SELECT v FROM a WHERE id = %d", j%200))
				if err == nil && got != want {
					t.Errorf("got %q, want %q", got, want)
				} else if err != nil && err != ErrLane {
					t.Errorf("read: %v", err)
				}
			}
		})
	}
	for range 5 {
		eventually(t, "reads come by", func() bool {
			_, err := ls.text(ctx, "SELECT v FROM a WHERE id = 1")
			return err == nil
		})
		link.Reset()
	}
	close(end)
	all.Wait()
	eventually(t, "a read after all", func() bool {
		_, err := ls.text(ctx, "SELECT v FROM a WHERE id = 1")
		return err == nil
	})
}

func TestLongAnswerEndsTheLane(t *testing.T) {
	s := laneStore(t, nil)
	ls := s.Lanes(app, inLanes)
	if _, err := ls.text(context.Background(), fmt.Sprintf("SELECT REPEAT('x', %d)", maxLaneAnswer)); err != ErrLane {
		t.Errorf("a long answer: %v", err)
	}
	if _, err := ls.text(context.Background(), "SELECT 1"); err != ErrLane {
		t.Errorf("after a long answer: %v", err)
	}
	if _, err := ls.Read(context.Background(), make([]byte, MaxLaneCommand+1), nil, protocol.AnswerResult, 1, nil); err != ErrLane {
		t.Errorf("a long command: %v", err)
	}
}

func TestUnusedLanesAreGivenUp(t *testing.T) {
	s := laneStore(t, nil)
	ls := s.Lanes(app, inLanes)
	eventually(t, "a read", func() bool {
		_, err := ls.text(context.Background(), "SELECT 1")
		return err == nil
	})
	before := s.Stats()
	eventually(t, "its connection is in the pool", func() bool {
		st := s.Stats()
		return st.Idle == st.Open && len(*ls.list.Load()) == 0
	})
	if after := s.Stats(); after.Open != before.Open {
		t.Errorf("%d connections, %d before: it was closed", after.Open, before.Open)
	}
	c := get(t, s, inLanes)
	if got := ask(t, c, "SELECT v FROM a WHERE id = 1"); got != "value 1" {
		t.Errorf("on a lane's former connection: %q", got)
	}
	c.Release()
	eventually(t, "the lanes are forgotten", func() bool {
		s.lanes.mu.Lock()
		defer s.lanes.mu.Unlock()
		return len(s.lanes.sets) == 0
	})
	if got, err := ls.text(context.Background(), "SELECT 5"); err != ErrLane || !ls.Forgotten() {
		t.Errorf("by forgotten lanes: %q, %v", got, err)
	}
}

func TestFewConnectionsHaveNoLanes(t *testing.T) {
	cfg := config(t, "127.0.0.1:1")
	cfg.MaxConns = connsPerLane - 1
	if ls := New(cfg).Lanes(app, nil); ls != nil {
		t.Error("lanes of a store with few connections")
	}
}

func BenchmarkLane(b *testing.B) {
	server := startServer(b)
	s := New(config(b, server.Addr()))
	run(b, s)
	ls := s.Lanes(app, nil)
	payload := query("SELECT 'a value'")
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			a, err := ls.Read(context.Background(), payload, nil, protocol.AnswerResult, 1, nil)
			if err == nil {
				a.Done()
			} else if err != ErrLane {
				b.Error(err)
			}
			time.Sleep(0)
		}
	})
}
