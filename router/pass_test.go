package router_test

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
)

var passedFiles = flag.String("passed", "passed_on", "the files of testdata/sequences that TestPassedOn runs; * for all")

// bequest passes clients on within this process: a protocol.Heir to one server
// and a protocol.Estate to the other.
type bequest struct {
	clients chan bequeathed
	closed  chan struct{}
	close   sync.Once
}

type bequeathed struct {
	nc     net.Conn
	record []byte
	became chan protocol.Inherited
}

// estate is its other side, with the client that is not answered for yet.
type estate struct {
	*bequest
	last bequeathed
}

func (b *bequest) Take(nc net.Conn, record []byte) (protocol.Inherited, error) {
	f, err := nc.(*net.TCPConn).File()
	if err != nil {
		return 0, errors.Join(protocol.ErrNotSent, err)
	}
	defer f.Close()
	there, err := net.FileConn(f)
	if err != nil {
		return 0, errors.Join(protocol.ErrNotSent, err)
	}
	c := bequeathed{there, record, make(chan protocol.Inherited, 1)}
	select {
	case b.clients <- c:
		return <-c.became, nil
	case <-b.closed:
		there.Close()
		return 0, protocol.ErrNotSent
	}
}

func (e *estate) Next() (net.Conn, []byte, error) {
	select {
	case e.last = <-e.clients:
		return e.last.nc, e.last.record, nil
	case <-e.closed:
		return nil, nil, io.EOF
	}
}

func (e *estate) Answer(i protocol.Inherited) error {
	e.last.became <- i
	return nil
}

func (b *bequest) Close() error {
	b.close.Do(func() { close(b.closed) })
	return nil
}

// passOn has a new proxy take over the clients, as at an upgrade. Those that
// can't be passed on now are behind one of their next answers.
func (h *harness) passOn() {
	h.t.Helper()
	was := h.server
	h.connectStores()
	h.addr = h.serve(h.t, []rewrite.Table{{Name: "sessions", Key: "id"}})
	h.awaitStores()
	b := &bequest{clients: make(chan bequeathed), closed: make(chan struct{})}
	h.server.StartIDs(was.LastID() + 100)
	go h.server.Inherit(&estate{bequest: b})
	was.PassOn(b)
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	ended := make(chan struct{})
	go func() {
		_ = was.Shutdown(ctx)
		b.Close()
		close(ended)
	}()
	h.t.Cleanup(func() {
		cancel()
		<-ended
		_, closed := was.Passed()
		delete(closed, h.mayClose)
		if len(closed) > 0 {
			h.t.Errorf("clients that were not passed on, but closed: %v", closed)
		}
	})
	h.passers = append(h.passers, was)
	for end := time.Now().Add(100 * time.Millisecond); was.Clients() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// passed is how many times a client was passed on.
func (h *harness) passed() (times int) {
	for _, was := range h.passers {
		n, _ := was.Passed()
		times += n
	}
	return times
}

// TestPassedOn: sequences of statements have the same answers as at one server if
// their clients are passed on to another proxy behind each, and once all is
// said.
func TestPassedOn(t *testing.T) { eachLevel(t, testPassedOn) }

func testPassedOn(t *testing.T, level string) {
	h := startOtherAt(t, level, 4, 2, 1)
	single := installed.Start(t, 1)[0]
	h.wire(single.Addr(), "", true, "CREATE DATABASE app", schema)
	files := strings.Split(*passedFiles, ",")
	if *passedFiles == "*" {
		files = nil
		all, err := filepath.Glob("testdata/sequences/*.txt")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			files = append(files, strings.TrimSuffix(filepath.Base(f), ".txt"))
		}
	}
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join("testdata/sequences", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			before, proxies := h.passed(), len(h.passers)
			for sequence := range strings.SplitSeq(string(text), "\n\n") {
				lines := strings.Split(strings.TrimSpace(sequence), "\n")
				runSequence(t, &h.addr, single.Addr(), lines, func(line int) {
					if h.level == "seed" || line%10 == 0 { // a proxy of a group takes its time to start
						h.passOn()
					}
				})
			}
			n := h.passed() - before
			if n == 0 {
				t.Error("no client was passed on")
			}
			t.Logf("%d proxies have passed a client on %d times", len(h.passers)-proxies, n)
		})
	}
}

// TestPassedOnStatements: prepared statements keep their ids, and what was bound
// to them last; a client keeps its own id, by which it is killed; long data stays
// where it was sent.
func TestPassedOnStatements(t *testing.T) {
	h := startAt(t, "seed", 2, 2)
	c := rawConnect(t, h.addr, "app", 0)
	for _, sql := range []string{"INSERT INTO sessions (id, data, n) VALUES ('k', 'x', 8), ('l', 'y', 9)", "SET sql_mode = 'ANSI_QUOTES'"} {
		if got := c.tell(sql); !strings.HasPrefix(got, "ok") {
			t.Fatal(got)
		}
	}
	_, read := c.prepare(`SELECT "data" FROM sessions WHERE id = ? AND n < ?`)
	_, write := c.prepare("UPDATE sessions SET data = ? WHERE id = 'l'")
	if read == nil || write == nil {
		t.Fatal("not prepared")
	}
	read, write = slices.Clone(read), slices.Clone(write)
	if got := c.tell("SET sql_mode = ''"); !strings.HasPrefix(got, "ok") {
		t.Fatal(got)
	}
	// With types of its own the first time, and without the second.
	types := []byte{1, protocol.TypeVarString, 0, protocol.TypeTiny, 0}
	execute := func(types []byte) string {
		p := append(slices.Clone(read), 0, 1, 0, 0, 0, 0)
		p = append(append(p, types...), 1, 'k', 100)
		c.command(protocol.ComStmtExecute, p...)
		return c.answers(true)
	}
	id := c.tell("SELECT CONNECTION_ID()")
	want := execute(types)
	if !strings.Contains(want, "x") {
		t.Fatalf("executed: %s", want)
	}
	h.passOn()
	if got := execute([]byte{0}); got != want {
		t.Errorf("passed on, without types: %s, want %s", got, want)
	}
	if got := c.tell("SELECT CONNECTION_ID()"); got != id {
		t.Errorf("another id: %s, want %s", got, id)
	}
	was := h.server
	c.command(protocol.ComStmtSendLongData, append(slices.Clone(write), 0, 0, 'l', 'o', 'n', 'g')...)
	if got := c.tell("!ping"); !strings.HasPrefix(got, "ok") {
		t.Fatal(got)
	}
	h.passOn()
	if was.Clients() != 1 {
		t.Error("a client was passed on without the long data that it has sent")
	}
	c.command(protocol.ComStmtExecute, append(slices.Clone(write), 0, 1, 0, 0, 0, 0, 1, protocol.TypeBlob, 0)...)
	if got := c.answers(true); !strings.HasPrefix(got, "ok") {
		t.Errorf("executed with long data: %s", got)
	}
	h.await("the client to be passed on", func() bool { return was.Clients() == 0 })
	if got := c.tell("SELECT data FROM sessions WHERE id = 'l'"); !strings.Contains(got, "long") {
		t.Errorf("written: %s", got)
	}
	other := rawConnect(t, h.addr, "app", 0)
	_, next := c.prepare("SELECT 1")
	if n := binary.LittleEndian.Uint32(next); n <= binary.LittleEndian.Uint32(write) {
		t.Errorf("the next statement has the id %d", n)
	}
	list := h.clients()
	if len(list) != 2 {
		t.Fatalf("clients: %+v", list)
	}
	if got := other.tell("KILL " + strconv.Itoa(int(list[0].ID))); !strings.HasPrefix(got, "ok") {
		t.Errorf("KILL: %s", got)
	}
	if got := c.tell("!closed"); got != "closed" {
		t.Errorf("killed: %s", got)
	}
}

// TestPackedModes: the bits of a Mode are part of what a session is packed as:
// whoever changes them has to count up packVersion.
func TestPackedModes(t *testing.T) {
	for want, mode := range []rewrite.Mode{rewrite.ModeANSIQuotes, rewrite.ModeNoBackslashEscapes, rewrite.ModePipesAsConcat,
		rewrite.ModeIgnoreSpace, rewrite.ModeHighNotPrecedence, rewrite.ModeUnsafeCharset, rewrite.ModeNoAutoValueOnZero} {
		if mode != 1<<want {
			t.Errorf("mode %d is %d", want, mode)
		}
	}
}
