package router_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// door is before a server: while it is shut, who comes is shown out, and who is
// in stays.
type door struct {
	addr   string
	shut   atomic.Bool
	turned atomic.Int32
}

func newDoor(t *testing.T, server string) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d := &door{addr: l.Addr().String()}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil || d.shut.Load() {
				d.turned.Add(1)
				near.Close()
				if err == nil {
					far.Close()
				}
				continue
			}
			pass := func(dst, src net.Conn) {
				_, _ = io.Copy(dst, src) // ends as a connection does
				dst.Close()
				src.Close()
			}
			go pass(near, far)
			go pass(far, near)
		}
	}()
	return d
}

// TestWriteWaitsToBeLetIn: a store that is up and lets no further connection in
// is not passed over by a write, which would leave the old record where the next
// read looks for it.
func TestWriteWaitsToBeLetIn(t *testing.T) {
	servers := installed.Start(t, 3, manyConnections)
	addrs := addrsOf(servers)
	var doors []*door
	for i, s := range servers {
		doors = append(doors, newDoor(t, s.Addr()))
		addrs[i] = doors[i].addr
	}
	h := startReached(t, "seed", servers, addrs, 2, -1, func(h *harness) { h.connWait = 2 * time.Second })
	const key = "k"
	order := h.order(key)
	first := doors[order[0]]
	h.exec(h.conn(""), "INSERT INTO sessions (id, n) VALUES (?, 1)", key)

	// Clients of other collations have connections of their own, none of which is
	// there yet.
	ctx := context.Background()
	write := func(exec execer, n int) {
		t.Helper()
		turned := first.turned.Load()
		first.shut.Store(true)
		written := make(chan error, 1)
		go func() {
			_, err := exec.ExecContext(ctx, "REPLACE INTO sessions (id, n) VALUES (?, ?)", key, n)
			written <- err
		}()
		h.await("the door to be tried", func() bool { return first.turned.Load() > turned || len(written) > 0 })
		first.shut.Store(false)
		if err := <-written; err != nil {
			t.Error(err)
		}
		if first.turned.Load() == turned {
			t.Error("the write has not come to the door")
		}
	}
	alone := h.conn("collation=utf8mb4_bin")
	write(alone, 2)
	h.holders(key, order[:2]...)

	tx, err := h.conn("collation=utf8mb4_unicode_ci").BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(tx, 3)
	var n int
	if err := tx.QueryRow("SELECT n FROM sessions WHERE id = ?", key).Scan(&n); err != nil || n != 3 {
		t.Errorf("the transaction reads %d, %v; want 3", n, err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	h.holders(key, order[:2]...)

	// It does not wait for ever, and has changed nothing then.
	first.shut.Store(true)
	h.fails(1040, h.conn("collation=utf8mb4_unicode_520_ci"), "REPLACE INTO sessions (id, n) VALUES (?, 4)", key)
	h.holders(key, order[:2]...)
	if err := alone.QueryRowContext(ctx, "SELECT n FROM sessions WHERE id = ?", key).Scan(&n); err != nil || n != 3 {
		t.Errorf("read %d, %v; want 3", n, err)
	}
}
