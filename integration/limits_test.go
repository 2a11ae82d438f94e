package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// TestConnectionLimit: one client more than the limit is told 1040.
func TestConnectionLimit(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2, sections: "\n[limits]\nmax_clients = 5\n"})
	ctx := context.Background()
	db := c.client(t)
	var conns []*sql.Conn
	for range 5 {
		conn, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	err := c.client(t).Ping()
	var e *mysql.MySQLError
	if !errors.As(err, &e) || e.Number != 1040 {
		t.Errorf("the sixth of five clients: %v, want error 1040", err)
	}
	for i, conn := range conns {
		if err := conn.PingContext(ctx); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
	conns[0].Raw(func(dc any) error { return dc.(io.Closer).Close() })
	eventually(t, 10*time.Second, "a client is let in after one has gone", func() bool {
		return c.client(t).Ping() == nil
	})
}

// TestHandshakeTimeout: who does not log in in time is closed.
func TestHandshakeTimeout(t *testing.T) {
	c := startCluster(t, options{stores: 1, copies: 1, sections: "\n[limits]\nhandshake_timeout = \"500ms\"\n"})
	for name, dribble := range map[string]bool{"silent": false, "slow": true} {
		t.Run(name, func(t *testing.T) {
			raw, scramble := dialRaw(t, c.Addr)
			begin := time.Now()
			if dribble {
				go func() {
					for _, b := range frame(1, loginPacket(scramble)) {
						if _, err := raw.Write([]byte{b}); err != nil {
							return
						}
						time.Sleep(50 * time.Millisecond)
					}
				}()
			}
			raw.wantEnd(t)
			if took := time.Since(begin); took < 400*time.Millisecond {
				t.Errorf("closed after %v, want 500 ms", took)
			}
		})
	}
}

// TestIdleTimeout: a client that sends nothing for too long is closed, one that
// does lives on.
func TestIdleTimeout(t *testing.T) {
	c := startCluster(t, options{stores: 1, copies: 1, sections: "\n[limits]\nidle_timeout = \"1s\"\n"})
	idle := loginRaw(t, c.Addr)
	busy := loginRaw(t, c.Addr)
	closed := make(chan time.Duration, 1)
	begin := time.Now()
	go func() {
		io.Copy(io.Discard, idle)
		closed <- time.Since(begin)
	}()
	for {
		if p, err := busy.command(0x0e); err != nil || p[0] != 0 {
			t.Fatalf("the busy client: %q, %v", p, err)
		}
		select {
		case took := <-closed:
			t.Logf("closed after %v", took.Round(time.Millisecond))
			if took < 900*time.Millisecond {
				t.Errorf("closed after %v, want 1 s", took)
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatal("the idle client is not closed")
		}
	}
}

// TestMaxAllowedPacket: a longer statement is refused, and nothing else.
func TestMaxAllowedPacket(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2, sections: "\n[limits]\nmax_allowed_packet = \"1MiB\"\n"})
	db := c.client(t, func(c *mysql.Config) { c.InterpolateParams = true })
	_, err := db.Exec("INSERT INTO sessions (id, data) VALUES ('big', ?)", strings.Repeat("x", 2<<20))
	if err == nil {
		t.Error("a statement of 2 MiB went through")
	}
	raw := loginRaw(t, c.Addr)
	raw.write(append([]byte{0x03}, "SELECT '"+strings.Repeat("x", 2<<20)+"'"...))
	raw.seq = 0
	raw = loginRaw(t, c.Addr)
	go raw.Write(frame(0, append([]byte{0x03}, "SELECT '"+strings.Repeat("x", 2<<20)+"'"...)))
	if p, err := raw.read(); err != nil || errorNumber(p) != 1153 {
		t.Errorf("2 MiB: %q, %v; want error 1153", p, err)
	}
	c.wantWorks(t)
	mustExec(t, db, "INSERT INTO sessions (id, data) VALUES ('fits', ?)", strings.Repeat("x", 1<<20-1000))
	c.wantPlaced(t, []string{"fits"}, []string{"big"})
}

// TestManyClients opens more clients than stores give connections.
func TestManyClients(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2, sections: "\n[pool]\nmax_conns = 4\n"})
	db := c.client(t)
	ctx := context.Background()
	const clients = 150
	errs := make(chan error, clients)
	for i := range clients {
		go func() {
			conn, err := db.Conn(ctx)
			if err == nil {
				defer conn.Close()
				for j := range 5 {
					if _, err = conn.ExecContext(ctx, "REPLACE INTO sessions (id, data) VALUES (?, ?)", fmt.Sprint("many", i), fmt.Sprint(j)); err != nil {
						break
					}
				}
			}
			errs <- err
		}()
	}
	failed := 0
	var last error
	for range clients {
		if err := <-errs; err != nil {
			failed, last = failed+1, err
		}
	}
	if failed > 0 {
		t.Fatalf("%d of %d clients failed, one of them: %v", failed, clients, last)
	}
	var keys []string
	for i := range clients {
		keys = append(keys, fmt.Sprint("many", i))
	}
	c.wantPlaced(t, keys, nil)
}

// TestListenTaken: an address that is in use ends serve with an error that
// names it.
func TestListenTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, code := runDsmproxy(t, "serve", "-config", writeConfig(t, fmt.Sprintf("listen = %q\n%s", l.Addr(), restOfConfig)))
	if code != 1 || !strings.Contains(out, l.Addr().String()) {
		t.Errorf("exit status %d, %q", code, out)
	}
}
