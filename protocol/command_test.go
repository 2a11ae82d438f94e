package protocol

import (
	"encoding/binary"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCommands(t *testing.T) {
	s := startServer(t, nil)
	c := s.login(t)
	id := func(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }
	for _, tc := range []struct {
		name string
		cmd  Command
		rest string
		code uint16
	}{
		{"ping", ComPing, "", 0},
		{"reset connection", ComResetConnection, "", 0},
		{"init db", ComInitDB, "shop", 0},
		{"prepare", ComStmtPrepare, "SELECT 1", 0},
		{"sleep", 0, "", ErrUnknownCommand},
		{"unknown", 0x99, "", ErrUnknownCommand},
		{"kill nobody", ComProcessKill, id(4_000_000), ErrNoSuchThread},
		{"kill without id", ComProcessKill, "", ErrMalformedPacket},
		{"set option", ComSetOption, "", ErrMalformedPacket},
		{"unknown option", ComSetOption, "\x07\x00", ErrUnknownCommand},
		{"error", ComQuery, "fail t", ErrNoSuchTable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.send(t, tc.cmd, tc.rest)
			if tc.code == 0 {
				c.expectOK(t)
			} else {
				c.expectError(t, tc.code)
			}
		})
	}
	c.send(t, ComQuit, "")
	c.expectEnd(t)
}

func TestSetOption(t *testing.T) {
	s := startServer(t, nil)
	for _, dep := range []bool{false, true} {
		c := s.dial(t)
		caps := rawCaps
		if dep {
			caps |= ClientDeprecateEOF
		}
		c.respond(t, caps, "app", "", pluginNative, scrambleNative(c.scramble[:], "secret"))
		c.expectOK(t)
		for _, want := range []Capability{ClientMultiStatements, 0} {
			c.send(t, ComSetOption, map[Capability]string{ClientMultiStatements: "\x00\x00", 0: "\x01\x00"}[want])
			p := c.read(t)
			if _, _, ok := ParseEOF(p); ok == dep || p[0] != headerEOF {
				t.Errorf("answer %q, DEPRECATE_EOF: %v", p, dep)
			}
			c.waitCaps(t, s, want)
		}
	}
}

func (c *rawClient) waitCaps(t *testing.T, s *testServer, want Capability) {
	t.Helper()
	c.send(t, ComPing, "")
	c.expectOK(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := s.clients[c.id].Capabilities & ClientMultiStatements; got != want {
		t.Errorf("MULTI_STATEMENTS is %v, want %v", got, want)
	}
}

func TestStatistics(t *testing.T) {
	s := startServer(t, nil)
	c := s.login(t)
	c.send(t, ComStatistics, "")
	if got := string(c.read(t)); !strings.HasPrefix(got, "Uptime: 1  Threads: 1  Questions: 1  Slow queries: 0  Opens: 0") {
		t.Errorf("statistics: %q", got)
	}
}

func TestCommandsWithoutAnswer(t *testing.T) {
	s := startServer(t, nil)
	c := s.login(t)
	c.send(t, ComStmtSendLongData, "xxxxxx")
	c.send(t, ComStmtClose, "xxxx")
	c.send(t, ComQuery, "whoami")
	if row := c.row(t); row[6] != "2" {
		t.Errorf("%s commands without answer, want 2", row[6])
	}
}

func TestPipelinedCommands(t *testing.T) {
	s := startServer(t, nil)
	c := s.login(t)
	for range 100 {
		c.ResetSequence()
		c.QueuePacket([]byte("\x03echo hello"))
	}
	c.Flush()
	for range 100 {
		if row := c.row(t); row[0] != "hello" {
			t.Fatalf("got %q", row)
		}
	}
}

func TestMalformedCommands(t *testing.T) {
	s := startServer(t, func(s *Server) { s.MaxPacket = 1000 })
	for _, tc := range []struct {
		name string
		sent []byte
		code uint16
	}{
		{"empty", []byte{0, 0, 0, 0}, ErrMalformedPacket},
		{"out of order", []byte{1, 0, 0, 5, byte(ComPing)}, ErrNetPacketsOutOrder},
		{"too long", append([]byte{0x00, 0x00, 0x10, 0}, make([]byte, 1<<20)...), ErrPacketTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.login(t)
			if _, err := c.Net().Write(tc.sent); err != nil {
				t.Fatal(err)
			}
			c.SetSequence(tc.sent[3] + 1)
			c.expectError(t, tc.code)
			c.expectEnd(t)
		})
	}
	c := s.login(t)
	c.send(t, ComQuery, "echo "+strings.Repeat("x", 1000-6))
	if n := c.rows(t); n != 1 {
		t.Errorf("a packet as long as may be: %d rows, want 1", n)
	}
}

func TestKill(t *testing.T) {
	s := startServer(t, nil)
	victim, killer := s.login(t), s.login(t)
	victim.send(t, ComQuery, "wait")
	running := func(n uint64) {
		t.Helper()
		waitFor(t, "the command to run", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.clients[victim.id].questions.Load() == n
		})
	}
	running(1)
	if err := s.Kill(victim.id, true, nil); err != nil {
		t.Fatal(err)
	}
	victim.expectError(t, ErrQueryInterrupted)
	victim.send(t, ComQuery, "wait")
	running(2)
	killer.send(t, ComProcessKill, string(binary.LittleEndian.AppendUint32(nil, victim.id)))
	killer.expectOK(t)
	victim.expectError(t, ErrQueryInterrupted)
	victim.expectEnd(t)

	idle := s.login(t)
	if err := s.Kill(idle.id, false, nil); err != nil {
		t.Fatal(err)
	}
	idle.expectEnd(t)

	stranger := s.dial(t)
	stranger.respond(t, rawCaps, "other", "", pluginNative, scrambleNative(stranger.scramble[:], "geheim"))
	stranger.expectOK(t)
	stranger.send(t, ComProcessKill, string(binary.LittleEndian.AppendUint32(nil, killer.id)))
	stranger.expectError(t, ErrKillDenied)

	killer.send(t, ComProcessKill, string(binary.LittleEndian.AppendUint32(nil, killer.id)))
	killer.expectError(t, ErrConnectionKilled)
	killer.expectEnd(t)
}

func TestVanishedClientIsAborted(t *testing.T) {
	s := startServer(t, nil)
	c := s.login(t)
	c.send(t, ComQuery, "wait")
	c.Close()
	waitFor(t, "the session to be closed", func() bool { return s.h.closed.Load() == 1 })
}

func TestClientThatTakesNoAnswer(t *testing.T) {
	s := startServer(t, func(s *Server) { s.WriteTimeout = time.Second })
	c := s.login(t)
	for range 3 { // long answers, within what is patient
		c.send(t, ComQuery, "echo "+strings.Repeat("x", 10<<20))
		if n := c.rows(t); n != 1 {
			t.Fatalf("%d rows, want 1", n)
		}
	}
	c.send(t, ComQuery, "echo "+strings.Repeat("x", 30<<20))
	waitFor(t, "the session to be closed", func() bool { return s.h.closed.Load() == 1 })
}

func TestKillOfClientThatTakesNoAnswer(t *testing.T) {
	s := startServer(t, nil)
	c := s.login(t)
	c.send(t, ComQuery, "echo "+strings.Repeat("x", 30<<20))
	if err := s.Kill(c.id, false, nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the session to be closed", func() bool { return s.h.closed.Load() == 1 })
}

// TestKillRightAfterLogin kills clients that have just got the answer to their
// login, and wants them to be known and to end.
func TestKillRightAfterLogin(t *testing.T) {
	s := startServer(t, nil)
	for range 300 {
		if err := s.Kill(s.login(t).id, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the sessions to be closed", func() bool { return s.h.closed.Load() == 300 })
}

func TestCommandAllocatesNothing(t *testing.T) {
	s := startServer(t, nil)
	c := s.login(t)
	command := []byte{byte(ComPing)}
	ping := func() {
		c.ResetSequence()
		c.QueuePacket(command)
		c.Flush()
		c.ReadPacket(100)
	}
	if n := testing.AllocsPerRun(500, ping); n > 0.1 && !raceDetector {
		t.Errorf("a command allocates %v times", n)
	}
}

// TestIdleTimeout: what a client sees of it is as the servers of the greeting's
// version have it: MariaDB 10.11, MySQL before 8.0.24, and after.
func TestIdleTimeout(t *testing.T) {
	reset := func(t *testing.T, idle *rawClient) {
		if _, err := idle.ReadPacket(100); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the connection ended with %v, want a reset", err)
		}
	}
	told := func(t *testing.T, idle *rawClient) {
		idle.ResetSequence()
		idle.expectError(t, ErrIdleTimeout)
		idle.expectEnd(t)
	}
	for version, ends := range map[string]func(t *testing.T, idle *rawClient){
		"10.11.9-MariaDB": reset, "8.0.23": func(t *testing.T, idle *rawClient) { idle.expectEnd(t) },
		"8.0.24": told, "9.7.0": told,
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			testIdleTimeout(t, version, ends)
		})
	}
}

func testIdleTimeout(t *testing.T, version string, ends func(t *testing.T, idle *rawClient)) {
	t.Helper()
	s := startServer(t, func(s *Server) {
		s.IdleTimeout = time.Second
		s.Version = func() string { return version }
	})
	busy, idle := s.login(t), s.login(t)
	busy.send(t, ComQuery, "wait")
	ends(t, idle)
	if err := s.Kill(busy.id, true, nil); err != nil {
		t.Fatal(err)
	}
	busy.expectError(t, ErrQueryInterrupted)
}

func TestIdleClientsHoldNoBuffers(t *testing.T) {
	s := startServer(t, func(s *Server) { s.TLS = selfSigned(t) })
	const n = 200
	for range n {
		c := s.login(t)
		c.send(t, ComQuery, "echo x")
		c.rows(t)
	}
	free := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range s.clients {
			if c.since.Load() >= 0 {
				return false
			}
		}
		return len(s.clients) == n
	}
	waitFor(t, "all clients to be idle", free)
	// Ended, so that their goroutines no longer use what is looked at.
	s.mu.Lock()
	clients := make([]*Client, 0, n)
	for _, c := range s.clients {
		clients = append(clients, c)
	}
	s.mu.Unlock()
	for _, c := range clients {
		s.Kill(c.ID, false, nil)
	}
	waitFor(t, "all clients to be gone", func() bool { return s.Clients() == 0 })
	s.wg.Wait()
	for _, c := range clients {
		if c.conn.in != nil || c.conn.out != nil {
			t.Fatal("an idle client held a buffer")
		}
	}
}
